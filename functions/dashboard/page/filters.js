// Which orders the history shows: the filters of the API, in the page's address.

import { query } from "./api.js";
import { h, title } from "./dom.js";
import { engine } from "./engine.js";
import { shortId } from "./format.js";
import { TYPES } from "./types.js";

const FIELDS = ["status", "type", "tokenPair", "clientOrderId", "from", "to", "parentId"];

/** Event: `changed` when the user has changed a filter. */
export class Filters extends EventTarget {
  #values;

  /** `parameters` are those of the page's address. */
  constructor(parameters) {
    super();
    this.#values = Object.fromEntries(FIELDS.map((name) => [name, parameters.get(name) ?? ""]));
    if (!engine.statuses.includes(this.#values.status)) this.#values.status = "";
    this.statuses = h("nav", { class: "filters", "aria-label": "Status" });
    this.parent = h("p", { class: "note" });
    this.element = h(
      "form",
      { class: "filter-form", "aria-label": "Filters", submit: (event) => event.preventDefault(), change: ({ target }) => this.#set(target.name, target.value.trim()) },
      field("Type", h("select", { name: "type" }, option("", "All types"), Object.entries(TYPES).filter(([type]) => type !== "oco").map(([type, { name }]) => option(type, name)))),
      field("Pair", h("input", { name: "tokenPair", placeholder: "SOL-USDC", autocomplete: "off", spellcheck: "false", maxlength: 100 })),
      field("Client order id", h("input", { name: "clientOrderId", autocomplete: "off", spellcheck: "false", maxlength: 200 })),
      field("From", h("input", { name: "from", type: "date" })),
      field("To", h("input", { name: "to", type: "date" })),
      h("button", { type: "button", class: "quiet", click: () => this.#clear() }, "Clear"),
    );
    this.#show();
  }

  /** Returns whether any filter is set. */
  get any() {
    return Object.values(this.#values).some(Boolean);
  }

  /** Returns the filters as the API takes them. A day begins and ends at midnight here. */
  get parameters() {
    const { from, to, ...values } = this.#values;
    return { ...values, from: from && midnight(from), to: to && midnight(to, 1) };
  }

  /** Returns whether an order passes. */
  matches(order) {
    const { status, type, tokenPair, clientOrderId, parentId } = this.#values;
    const { from, to } = this.parameters;
    return (
      (!status || order.status === status) &&
      (!type || order.type === type) &&
      (!tokenPair || `${order.tokenIn}-${order.tokenOut}` === tokenPair) &&
      (!clientOrderId || order.clientOrderId === clientOrderId) &&
      (!parentId || order.parentId === parentId) &&
      (!from || Date.parse(order.createdAt) >= Date.parse(from)) &&
      (!to || Date.parse(order.createdAt) < Date.parse(to))
    );
  }

  #set(name, value) {
    this.#values[name] = value;
    this.#changed();
  }

  #clear() {
    const { status } = this.#values;
    this.#values = { ...Object.fromEntries(FIELDS.map((name) => [name, ""])), status };
    this.#changed();
  }

  #changed() {
    history.replaceState(null, "", this.#address({}));
    this.#show();
    this.dispatchEvent(new CustomEvent("changed"));
  }

  #address = (more) => `#/orders${query({ ...this.#values, ...more })}`;

  #show() {
    const { status, parentId } = this.#values;
    this.statuses.replaceChildren(
      ...["", ...engine.statuses].map((one) => h("a", { class: "filter", href: this.#address({ status: one }), "aria-current": one === status && "true" }, one ? title(one) : "All")),
    );
    this.parent.replaceChildren(...(parentId ? ["Slices of ", h("a", { href: `#/orders/${parentId}` }, h("code", {}, shortId(parentId)))] : []));
    for (const input of this.element.elements) if (input.name) input.value = this.#values[input.name];
  }
}

const option = (value, name) => h("option", { value }, name);

const field = (label, input) => h("label", {}, h("span", {}, label), input);

/** Returns the local midnight at which a date begins, or that `later` days on, as RFC 3339. */
function midnight(date, later = 0) {
  const [year, month, day] = date.split("-").map(Number);
  return new Date(year, month - 1, day + later).toISOString();
}
