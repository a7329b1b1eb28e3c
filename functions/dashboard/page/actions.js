// What can be done to an order.

import { h } from "./dom.js";
import { isCancellable } from "./engine.js";
import { pair } from "./format.js";

/** A button that takes the order back, while that is possible. `context` has api, store and tell. */
export function cancelButton({ orderId, status, tokenIn, tokenOut, amountIn }, { api, store, tell }) {
  if (!isCancellable(status)) return null;
  const name = `Cancel ${amountIn} ${pair({ tokenIn, tokenOut })}`;
  const button = h("button", { type: "button", class: "cancel", "aria-label": name, click: cancel }, "Cancel");
  async function cancel(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      store.merge(await api.delete(`/api/orders/${orderId}`));
    } catch (error) {
      tell(error.code === "TooLateToCancel" ? "Too late to cancel" : "Not cancelled", error.message);
      button.disabled = false;
    }
  }
  return button;
}
