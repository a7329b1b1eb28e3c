// Which orders the history shows: the filters of the API, in the page's address.

import { query } from "./api.js";
import { h, title } from "./dom.js";
import { engine } from "./engine.js";
import { shortId } from "./format.js";
import { TYPES } from "./types.js";

const FIELDS = ["status", "type", "tokenPair", "clientOrderId", "from", "to", "parentId"];

// Of an order, anywhere in what was pasted: in its address, or in the name of its run.
const ORDER_ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;

/** Event: `changed` when the user has changed a filter. */
export class Filters extends EventTarget {
  #values;

  constructor() {
    super();
    this.links = ["", ...engine.statuses].map((status) => h("a", { class: "filter", "data-status": status }, status ? title(status) : "All", " ", h("span", { class: "count" })));
    this.statuses = h("nav", { class: "filters", "aria-label": "Status" }, this.links);
    this.parent = h("p", { class: "note" });
    const pairs = Object.keys(engine.tokens).flatMap((one, _, all) => all.filter((other) => other !== one).map((other) => option(`${one}-${other}`)));
    this.form = h(
      "form",
      { class: "filter-form", "aria-label": "Filters", submit: (event) => event.preventDefault(), change: ({ target }) => this.#set(target) },
      field("Order id", h("input", { placeholder: "Paste one to open it", autocomplete: "off", spellcheck: "false", maxlength: 300, input: open })),
      field("Client order id", h("input", { name: "clientOrderId", autocomplete: "off", spellcheck: "false", maxlength: 200 })),
      field("Type", h("select", { name: "type" }, option("", "All types"), Object.entries(TYPES).filter(([type]) => type !== "oco").map(([type, { name }]) => option(type, name)))),
      field("Pair", h("input", { name: "tokenPair", list: "pairs", placeholder: "SOL-USDC", autocomplete: "off", spellcheck: "false", maxlength: 100 })),
      h("datalist", { id: "pairs" }, pairs),
      field("From", h("input", { name: "from", type: "date" })),
      field("To", h("input", { name: "to", type: "date" })),
      h("button", { type: "button", class: "quiet", click: () => this.#clear() }, "Clear"),
    );
    this.element = h("details", { class: "filter-fields" }, h("summary", {}, "Filters"), this.form);
  }

  /** Takes the filters of an address, by its parameters. */
  take(parameters) {
    this.#values = Object.fromEntries(FIELDS.map((name) => [name, parameters.get(name) ?? ""]));
    if (!engine.statuses.includes(this.#values.status)) this.#values.status = "";
    this.#show();
    // A narrow page shows the fields when they are asked for, or say something.
    if (matchMedia("(min-width: 641px)").matches || this.#detailed) this.element.open = true;
  }

  /** Returns whether any filter is set. */
  get any() {
    return Boolean(this.#values.status) || this.#detailed;
  }

  /** Returns whether a filter besides the status is set. */
  get #detailed() {
    const { status, ...others } = this.#values;
    return Object.values(others).some(Boolean);
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

  /** Returns the address of the orders that pass, with `more` parameters. */
  address = (more) => `#/orders${query({ ...this.#values, ...more })}`;

  #set(input) {
    if (input.name === "tokenPair") named(input);
    if (!input.reportValidity() || !input.name) return;
    this.#values[input.name] = input.value.trim();
    this.#changed();
  }

  #clear() {
    const { status } = this.#values;
    this.#values = { ...Object.fromEntries(FIELDS.map((name) => [name, ""])), status };
    this.#changed();
  }

  #changed() {
    this.#show();
    this.dispatchEvent(new CustomEvent("changed"));
  }

  /** Shows how many orders each status has, unless other filters leave some out. */
  count(counts) {
    for (const link of this.links) {
      const { status } = link.dataset;
      link.querySelector(".count").textContent = this.#detailed ? "" : counts.text(counts.of(...(status ? [status] : engine.statuses)));
    }
  }

  #show() {
    const { status, parentId } = this.#values;
    // The links stay, with their focus.
    for (const link of this.links) {
      link.href = this.address({ status: link.dataset.status });
      link.ariaCurrent = link.dataset.status === status ? "true" : null;
    }
    this.parent.replaceChildren(...(parentId ? ["Slices of ", h("a", { href: `#/orders/${parentId}` }, h("code", {}, shortId(parentId)))] : []));
    for (const input of this.form.elements) if (input.name) input.value = this.#values[input.name];
  }
}

const option = (value, name) => h("option", { value }, name);

/** Writes a pair such as `sol / usdc` as the API does. A token that is not known stays as it is: a mint. */
function named(input) {
  const tokens = Object.keys(engine.tokens);
  const pair = input.value.split(/\W+/).filter(Boolean).map((text) => tokens.find((token) => token.toLowerCase() === text.toLowerCase()) ?? text);
  input.value = pair.join("-");
  input.setCustomValidity(pair.length % 2 ? "Enter two tokens, such as SOL-USDC." : "");
}

/** Opens the order whose id was pasted, once it is whole. */
function open({ target }) {
  const [id] = ORDER_ID.exec(target.value) ?? [];
  target.setCustomValidity(id || !target.value ? "" : "Paste a whole order id: 36 letters, digits and hyphens.");
  if (id) location.hash = `#/orders/${id.toLowerCase()}`;
}

const field = (label, input) => h("label", {}, h("span", {}, label), input);

/** Returns the local midnight at which a date begins, or that `later` days on, as RFC 3339. */
function midnight(date, later = 0) {
  const [year, month, day] = date.split("-").map(Number);
  return new Date(year, month - 1, day + later).toISOString();
}
