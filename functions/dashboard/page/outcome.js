// What has become of the order in the form.

import { ApiError } from "./api.js";
import { h, problem } from "./dom.js";
import { details, explained } from "./errors.js";
import { sentence } from "./format.js";
import { NotSigned } from "./payer.js";
import { Unanswered } from "./submission.js";

export class Outcome {
  #free = 0;

  constructor() {
    this.element = h("div", { class: "outcome", "aria-live": "polite" });
  }

  /** Returns whether the client has to wait until it may submit again. */
  get blocked() {
    return this.#free > Date.now();
  }

  clear() {
    this.element.replaceChildren();
  }

  tick() {
    if (this.blocked) this.#show(note(`Too many orders in a minute. You can submit the next one in ${Math.ceil((this.#free - Date.now()) / 1000)} s.`));
    else if (this.#free) this.clear();
    if (!this.blocked) this.#free = 0;
  }

  accepted(order) {
    this.#show(note(taken(order), " ", h("a", { href: `#/orders/${order.orderId}` }, "Follow the order")));
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

  #show(content) {
    this.element.replaceChildren(content);
  }
}

/** Returns what has become of a submitted order: one that waits may have met its market at once. */
function taken({ type, status }) {
  if (status === "open") return "Accepted. The order waits.";
  return type === "market" ? "Accepted." : "Accepted. The market already meets the order: it is executed at once.";
}

const note = (...content) => h("p", { class: "note" }, content);
