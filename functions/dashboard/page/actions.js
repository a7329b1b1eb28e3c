// Actions on an order.

import { h } from "./dom.js";
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
