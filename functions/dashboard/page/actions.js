// Actions on orders: cancelling one or all of them, and trying one again.

import { h, modal, problem } from "./dom.js";
import { isCancellable } from "./engine.js";
import { pair, sentence } from "./format.js";

/** Returns a button that cancels the order, or null when it is too late. `context` has api, store and notify. */
export function cancelButton({ orderId, status, tokenIn, tokenOut, amountIn }, { api, store, notify }) {
  if (!isCancellable(status)) return null;
  const name = `Cancel ${amountIn} ${pair({ tokenIn, tokenOut })}`;
  const button = h("button", { type: "button", class: "cancel", "aria-label": name, click: cancel }, "Cancel");
  async function cancel(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      store.merge(await api.delete(`/api/orders/${orderId}`));
    } catch (error) {
      notify(error.code === "TooLateToCancel" ? "Too late to cancel" : "The order was not cancelled", sentence(error.message));
      button.disabled = false;
    }
  }
  return button;
}

/** Returns a button that has the form quote the order anew, or null unless only its client can sign again. `context` has trade. */
export function requoteButton({ error, ...order }, { trade }) {
  if (!error?.requote) return null;
  const name = `Fresh quote for ${order.amountIn} ${pair(order)}`;
  return h("button", { type: "button", "aria-label": name, click: () => trade(order) }, "Fresh quote");
}

/** Asks whether all orders are to be cancelled, and cancels them. `context` has api and feed. */
export function askToCancelAll({ api, feed }) {
  const message = h("div", { class: "outcome", "aria-live": "polite" });
  const go = h("button", { type: "button", class: "cancel", click: cancel }, "Cancel all orders");
  const keep = h("button", { type: "button", autofocus: true, click: () => dialog.close() }, "Keep them");
  const explained = h("p", {}, "Every order that waits for the market or for its turn is cancelled. An order whose transaction has been sent is not.");
  const dialog = modal("Cancel all orders?", explained, message, h("div", { class: "buttons" }, go, keep));
  async function cancel() {
    go.disabled = true;
    try {
      // One call cancels a limited number.
      let cancelled = 0;
      for (let complete = false; !complete; ) {
        const answer = await api.delete("/api/orders");
        ({ complete } = answer);
        cancelled += answer.cancelled.length;
      }
      message.replaceChildren(h("p", {}, cancelled === 1 ? "1 order was cancelled." : `${cancelled} orders were cancelled.`));
      keep.textContent = "Close";
      go.remove();
      keep.focus();
    } catch (error) {
      message.replaceChildren(problem("Not all orders were cancelled", `${sentence(error.message)}.`));
      go.disabled = false;
    }
    feed.poll();
  }
}
