// What has become of the order in the form: from its submission to its end.

import { ApiError } from "./api.js";
import { glyph, h, problem, title } from "./dom.js";
import { isFinal, isRunning } from "./engine.js";
import { details, errorTitle, explained } from "./errors.js";
import { amount, sentence, token } from "./format.js";
import { NotSigned } from "./payer.js";
import { Unanswered } from "./submission.js";

export class Outcome {
  #free = 0;
  #store;
  #followed;

  constructor(store) {
    this.#store = store;
    this.element = h("div", { class: "outcome", "aria-live": "polite" });
  }

  /** Returns whether the client has to wait until it may submit again. */
  get blocked() {
    return this.#free > Date.now();
  }

  clear() {
    this.#show();
  }

  /** Says how the accepted order has gone on. */
  changed() {
    const order = this.#store.get(this.#followed?.orderId);
    if (order && order.status !== this.#followed.status) this.#tell(order);
  }

  tick() {
    if (this.blocked) this.#show(note(`Too many orders in a minute. You can submit the next one in ${Math.ceil((this.#free - Date.now()) / 1000)} s.`));
    else if (this.#free) this.clear();
    if (!this.blocked) this.#free = 0;
  }

  /** Follows an order that was accepted. One that waits may have met its market at once. */
  accepted(order) {
    const meets = order.type !== "market" && isRunning(order.status);
    this.#tell(order, meets && "The market already meets the order: it is executed at once. ");
  }

  #tell(order, first) {
    const { orderId, status } = order;
    this.#show(h("p", { class: `note ${status}` }, glyph(status), " ", first, `${become(order)} `, h("a", { href: `#/orders/${orderId}` }, "Show the order")));
    this.#followed = { orderId, status };
  }

  /** Asks to sign in the wallet of this name. `fresh` says that the quote before has expired. */
  asks(name, fresh, stop) {
    const before = fresh ? "The quote expired before it was signed. " : "";
    this.#show(note(before, `Confirm the swap in ${name}.${fresh ? " It has the fresh quote." : ""} `, h("button", { type: "button", class: "quiet", click: stop }, "Stop waiting")));
  }

  /** Says that the engine is asked again until it answers, or until the user stops. */
  waits(stop) {
    const again = problem("The engine does not answer", "The order is sent again until it does. It is not executed twice.");
    again.append(h("button", { type: "button", class: "quiet", click: stop }, "Stop waiting"));
    this.#show(again);
  }

  /** Shows an error, apart from the problems of fields. Throws what is none of the API's or the wallet's. */
  failed(error) {
    if (error instanceof NotSigned) this.#show(problem("The wallet has not signed", `${sentence(error.message)}. Nothing was sent.`));
    else if (error instanceof Unanswered) this.#show(problem("The order may or may not have been accepted", `${sentence(error.message)}. Try again: it will not be executed twice.`));
    else if (!(error instanceof ApiError)) throw error;
    else if (error.status === 429) {
      this.#free = Date.now() + error.retryAfter * 1000;
      this.tick();
    } else if (error.status !== 401) this.#show(explained(error));
  }

  /** Shows problems of fields that the form does not have. */
  refused(problems) {
    if (!problems.length) return;
    const shown = problem("The order was refused", "Nothing was swapped.");
    shown.append(details(problems.map(({ field, message }) => `${field}: ${message}`).join("; ")));
    this.#show(shown);
  }

  #show(...content) {
    this.#followed = undefined;
    this.element.replaceChildren(...content);
  }
}

/** Returns what has become of an accepted order. */
function become({ status, amountIn, amountSpent, amountOut, tokenIn, tokenOut, error }) {
  if (status === "open") return "Accepted. The order waits.";
  if (status === "confirmed" && amountOut) return `Swapped ${amount(amountSpent ?? amountIn)} ${token(tokenIn)} for ${amount(amountOut)} ${token(tokenOut)}.`;
  if (status === "failed" && error) return `Not swapped. ${errorTitle(error.code)}.`;
  return `${title(status)}${isFinal(status) ? "." : "…"}`;
}

const note = (...content) => h("p", { class: "note" }, content);
