// Replaces the amount, the prices or the expiry of an open order.

import { ApiError } from "./api.js";
import { h, modal, problem } from "./dom.js";
import { localTime } from "./expiry.js";
import { Terms } from "./fields.js";
import { sentence } from "./format.js";
import { placeFor, showProblems } from "./problems.js";
import { replaceable, TYPES, typeName } from "./types.js";

/** Returns a button that edits the order, or null if it does not wait. `context` has api, store, prices and notify. */
export function editButton(order, context) {
  if (order.status !== "open" || !(order.type in TYPES)) return null;
  const { amountIn, tokenIn } = order;
  return h("button", { type: "button", class: "edit", "aria-label": `Edit ${typeName(order.type).toLowerCase()} order of ${amountIn} ${tokenIn}`, click: () => edit(order, context) }, "Edit");
}

function edit(order, { api, store, prices, notify }) {
  const { orderId, type, tokenIn, tokenOut, amountIn, terms, expiresAt } = store.get(order.orderId) ?? order;
  const specs = replaceable({ type, terms });
  const texts = Object.fromEntries(specs.map(({ name }) => [name, terms[name] ?? ""]));
  const fields = new Terms(specs, { ...texts, expiresAt: expiresAt ? localTime(expiresAt) : "" }, { prefix: "edit-" });
  const paid = h("input", { id: "edit-amountIn", inputmode: "decimal", autocomplete: "off", maxlength: 60, value: amountIn });
  const places = { amountIn: placeFor("edit-amountIn", paid), ...fields.places };
  const amount = h("div", { class: "field" }, h("label", { for: paid.id }, "You pay"), h("div", { class: "line" }, paid, h("span", { class: "suffix" }, tokenIn)), places.amountIn.error);
  const message = h("div", { class: "outcome", "aria-live": "polite" });
  const save = h("button", { type: "submit", class: "primary" }, "Save");
  const priced = () => fields.priced({ tokenIn, tokenOut }, prices.of(order));
  const form = h(
    "form",
    { novalidate: true, "aria-label": "Terms", submit, input: priced },
    // The slices that a recurring order has made are parts of its amount.
    type !== "recurring" && amount,
    fields.element,
    message,
    h("div", { class: "buttons" }, save, h("button", { type: "button", click: () => dialog.close() }, "Leave as it is")),
  );
  const before = fields.texts;
  priced();
  const dialog = modal(`Edit ${typeName(type).toLowerCase()} order`, form);

  /** Returns the fields that have been changed. */
  function changes() {
    const body = fields.body(api.now());
    const changed = Object.entries(fields.texts).filter(([name, text]) => text !== before[name]).map(([name]) => [name, body[name] ?? null]);
    return { ...Object.fromEntries(changed), ...(paid.value.trim() !== amountIn && { amountIn: paid.value.trim() }) };
  }

  async function submit(event) {
    event.preventDefault();
    message.replaceChildren();
    const problems = fields.problems(api.now());
    if (problems.length) return refuse(problems);
    const body = changes();
    if (!Object.keys(body).length) return dialog.close();
    save.disabled = true;
    try {
      store.merge(await api.patch(`/api/orders/${orderId}`, body));
      dialog.close();
    } catch (error) {
      failed(error);
    } finally {
      save.disabled = false;
    }
  }

  function failed(error) {
    if (error.code === "NotOpen") {
      dialog.close();
      notify("Too late to edit", "The order no longer waits.");
    } else if (error instanceof ApiError && error.details.length) refuse(error.details);
    else message.replaceChildren(problem("The order was not changed", `${sentence(error.message)}.`));
  }

  function refuse(problems) {
    const others = showProblems(places, problems);
    if (others.length) message.replaceChildren(problem("The change was refused", others.map(({ field, message: text }) => `${field}: ${text}`).join("; ")));
    form.querySelector('[aria-invalid="true"]')?.focus();
  }
}
