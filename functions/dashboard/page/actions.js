// Actions on orders: cancelling one or all of them, and trying one again.

import { confirm, h } from "./dom.js";
import { engine, isCancellable, isFinal } from "./engine.js";
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
      if (error.code === "TooLateToCancel") notify("Too late to cancel", "Its transaction has been sent, or it has ended.");
      else notify("The order was not cancelled", `${sentence(error.message)}.`);
      button.disabled = false;
    }
  }
  return button;
}

/** Returns a button that opens the form with an order that has ended in vain, else null. `context` has store and trade. */
export function againButton({ orderId, status, tokenIn, tokenOut, amountIn, error }, { store, trade }) {
  if (!isFinal(status) || status === "confirmed") return null;
  // Only its client can sign it again, at another quote.
  const action = error?.requote ? "Fresh quote" : "Submit again";
  return h("button", { type: "button", "aria-label": `${action}: ${amountIn} ${pair({ tokenIn, tokenOut })}`, click: () => trade(store.get(orderId)) }, action);
}

/** Cancels all orders once the user has agreed. `context` has api, feed and notify. */
export async function cancelAll({ api, feed, notify }) {
  const { counts } = feed;
  const count = counts.of(...engine.cancellable);
  const explained = h("p", {}, "Every order that waits for the market or for its turn is cancelled. An order whose transaction has been sent is not.");
  if (!(await confirm("Cancel all orders?", `Cancel ${counts.text(count)} ${count === 1 ? "order" : "orders"}`, "Keep them", explained))) return;
  try {
    // One call cancels a limited number.
    let cancelled = 0;
    for (let complete = false; !complete; ) {
      const answer = await api.delete("/api/orders");
      ({ complete } = answer);
      cancelled += answer.cancelled.length;
    }
    notify(cancelled === 1 ? "1 order was cancelled" : `${cancelled} orders were cancelled`, "", { status: "cancelled" });
  } catch (error) {
    notify("Not all orders were cancelled", `${sentence(error.message)}.`);
  }
  feed.poll();
}
