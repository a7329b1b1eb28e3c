// The events of an order, each as a sentence.

import { glyph, h, title } from "./dom.js";
import { since, time } from "./clocks.js";
import { isFinal } from "./engine.js";
import { errorAdvice, errorTitle } from "./errors.js";
import { amount, duration, price, sentence, shortId, token, when } from "./format.js";
import { why } from "./routes.js";
import { waitsFor } from "./terms.js";

export function timeline({ events, status, tokenOut }) {
  const steps = events.map((event, index) =>
    h(
      "li",
      { class: event.status, "data-seq": event.seq },
      glyph(event.status),
      h(
        "div",
        {},
        h("div", { class: "step" }, h("strong", {}, title(event.status)), event.attempt > 1 && h("span", { class: "tag attempt" }, `Attempt ${event.attempt}`), time(event.at), index > 0 && h("span", { class: "after" }, `+${duration(Date.parse(event.at) - Date.parse(events[index - 1].at))}`)),
        h("p", { class: event.status === "failed" ? "error" : "note" }, description(event, token(tokenOut), events.slice(0, index))),
        h("details", {}, h("summary", {}, "Event ", String(event.seq)), h("pre", { tabindex: 0 }, JSON.stringify(event.data, null, 2))),
      ),
    ),
  );
  return h("ol", { class: "timeline" }, steps, !isFinal(status) && h("li", { class: "next" }, h("span", { class: "glyph", "aria-hidden": "true" }, "…"), h("p", { class: "note" }, "For ", since(events.at(-1).at))));
}

/** Returns an event as a sentence. */
function description({ status, data }, tokenOut, earlier) {
  switch (status) {
    case "open":
      return opened(data, earlier);
    case "pending":
      return data.activation ? activated(data.activation, tokenOut) : "Accepted and waiting in the queue.";
    case "routing":
      return `${why(data)} Quoted ${amount(data.amountOut ?? "–")} ${tokenOut}.`;
    case "building":
      return `Signed: you receive at least ${amount(data.minOut ?? "–")} ${tokenOut}, in ${data.instructions?.length ?? "some"} instructions.`;
    case "submitted":
      return "The transaction is being sent.";
    case "confirmed":
      return `Received ${amount(data.amountOut)} ${tokenOut} at ${price(data.executedPrice)}.`;
    case "failed":
      return `${errorTitle(data.code)}. ${errorAdvice(data.code)}`;
    case "expired":
      return `It waited until ${when(data.expiresAt)} in vain.`;
    default:
      return data.reason ? `Cancelled: ${data.reason}.` : "Cancelled before anything was sent.";
  }
}

function opened({ reason, message, slice, ...order }, earlier) {
  switch (reason) {
    case "replaced":
      return replaced(order, earlier.findLast(({ status }) => status === "open")?.data);
    case "stopReached":
      return `The price has reached the stop. ${waitsFor(order)}.`;
    case "slice":
      return [`Slice ${slice.number} of ${order.terms.slices}: ${amount(slice.amountIn, 9)} ${order.tokenIn}, order `, h("a", { href: `#/orders/${slice.orderId}` }, h("code", {}, shortId(slice.orderId)))];
    case "returned":
      return `Waits again. ${sentence(message ?? "")}`;
    default:
      return `Accepted. ${waitsFor(order)}.`;
  }
}

const activated = ({ reason, amountOut }, tokenOut) => `${sentence(reason)}. Its amount was quoted ${amount(amountOut)} ${tokenOut}.`;

const NAMES = {
  amountIn: "amount",
  limitPrice: "limit",
  stopPrice: "stop",
  minAmountOut: "least amount",
  minPrice: "lowest price",
  maxPrice: "highest price",
  minLiquidity: "least liquidity",
  expiresAt: "expiry",
};

/** Returns which terms were replaced, with the old and the new value of each. */
function replaced(now, before) {
  const values = ({ amountIn, expiresAt, terms }) => ({ amountIn, expiresAt, ...terms });
  const [old, fresh] = [values(before ?? {}), values(now)];
  const changed = Object.entries(NAMES).filter(([field]) => (old[field] ?? null) !== (fresh[field] ?? null));
  const shown = (field, value) => (value === null || value === undefined ? "none" : field === "expiresAt" ? when(value) : price(value));
  return `Replaced: ${changed.map(([field, name]) => `${name} from ${shown(field, old[field])} to ${shown(field, fresh[field])}`).join(", ")}.`;
}
