// What an order waits for, in words, and how far the market is from it.

import { until } from "./clocks.js";
import { h } from "./dom.js";
import { amount, distance, price, shortId, token } from "./format.js";

/** Returns what an open order waits for, as a sentence without its end. */
export function waitsFor({ type, tokenIn, tokenOut, terms }) {
  const pays = (least, wanted) => `1 ${token(tokenIn)} pays ${least} ${price(wanted)} ${token(tokenOut)}`;
  switch (type) {
    case "limit":
      return `Waits until ${terms.limitPrice ? pays("at least", terms.limitPrice) : `all of it pays at least ${amount(terms.minAmountOut)} ${token(tokenOut)}`}`;
    case "stop":
      if (terms.stopReached) return `Its stop was reached. Waits until ${pays("at least", terms.limitPrice)}`;
      return [
        `Waits until ${pays("at most", terms.stopPrice)}`,
        terms.confirmTicks > 1 && ` for ${terms.confirmTicks} ticks in a row`,
        terms.limitPrice ? `, then sells for at least ${price(terms.limitPrice)}` : ", then sells at the market's price",
      ].filter(Boolean).join("");
    case "recurring":
      return [`Swaps a slice every ${interval(terms.intervalSeconds)}`, range(terms, pays)].filter(Boolean).join(", while ");
    case "sniper":
      return [
        `Waits for a pool of ${token(tokenOut)} with at least ${amount(terms.minLiquidity)} ${token(tokenIn)}`,
        terms.maxPrice && `a price up to ${price(terms.maxPrice)} ${token(tokenIn)}`,
      ].filter(Boolean).join(" and ");
    default:
      return "Waits";
  }
}

/** Returns the price range of a recurring order's slices, or null. */
function range({ minPrice, maxPrice }, pays) {
  if (minPrice && maxPrice) return `${pays("from", minPrice)} to ${price(maxPrice)}`;
  if (minPrice) return pays("at least", minPrice);
  return maxPrice ? pays("at most", maxPrice) : null;
}

const UNITS = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]];

/** Returns the largest unit of which an interval is a multiple: its seconds and its name. */
export const unit = (seconds) => UNITS.find(([size]) => seconds % size === 0);

/** Returns an interval in words, such as `90 minutes`. */
function interval(seconds) {
  const [size, name] = unit(seconds);
  return seconds === size ? name : `${seconds / size} ${name}s`;
}

/** Returns the price that the market has to reach, or null. For slices with a range, that is the bound that `now` is past. */
function targetPrice({ type, amountIn, terms }, now) {
  switch (type) {
    case "limit":
      return terms.limitPrice ?? String(Number(terms.minAmountOut) / Number(amountIn));
    case "stop":
      return terms.stopReached ? terms.limitPrice : terms.stopPrice;
    case "recurring":
      if (Number(now) < Number(terms.minPrice)) return terms.minPrice;
      return terms.maxPrice && Number(now) > Number(terms.maxPrice) ? terms.maxPrice : null;
    default:
      return null;
  }
}

/** Returns whether an open order depends on the market's price. */
export const isPriced = ({ type, terms }) => (type === "recurring" ? Boolean(terms.minPrice ?? terms.maxPrice) : type !== "sniper");

/** Returns how far an open order's price is from the market's `now`, or null where one of them is unknown. */
export function away(order, now) {
  const wanted = now && targetPrice(order, now);
  return wanted ? `${price(wanted)} is ${distance(wanted, now)}` : null;
}

/** Returns how many slices of a recurring order are done, and when the next one is due. */
export function progress({ type, terms, status }) {
  if (type !== "recurring") return null;
  const { slices, slicesDone, nextSliceAt } = terms;
  const left = status === "open" && slicesDone < slices && nextSliceAt;
  return h(
    "div",
    { class: "progress" },
    h("progress", { max: slices, value: slicesDone, "aria-label": "Slices done" }),
    h("p", { class: "note" }, `${slicesDone} of ${slices} slices`, left && [", next ", until(nextSliceAt)]),
  );
}

/** Returns links to the orders that belong to an order: its parent, and the order that it is linked with. */
export const relations = ({ parentId, linkedOrderId, type }) =>
  [
    parentId && h("p", { class: "note" }, "A slice of ", link(parentId)),
    linkedOrderId && h("p", { class: "note" }, "Linked with the ", type === "limit" ? "stop-loss " : "take-profit ", link(linkedOrderId), ": when one is filled, the other is cancelled"),
  ].filter(Boolean);

const link = (id) => h("a", { href: `#/orders/${id}` }, h("code", {}, shortId(id)));
