// Orders as the rows of a table.

import { time } from "./clocks.js";
import { badge, cell, h, list, table } from "./dom.js";
import { errorTitle } from "./errors.js";
import { brief as short, duration, pair, percent, price, shortId, slippage, token } from "./format.js";
import { marketTag } from "./market.js";
import { venueName } from "./routes.js";
import { isUnpaid, took } from "./store.js";
import { typeName } from "./types.js";

const COLUMNS = [
  { label: "Order", show: ({ orderId, market, ...order }) => h("a", { href: `#/orders/${orderId}` }, h("strong", {}, pair(order)), h("code", { class: "under" }, shortId(orderId), " ", market && marketTag(market))) },
  { label: "Type", show: ({ type, parentId }) => [typeName(type), parentId && h("span", { class: "under" }, "slice")] },
  { label: "Submitted", show: ({ createdAt }) => time(createdAt) },
  { label: "Status", show: ({ status, code }) => [badge(status), code && h("span", { class: "under error" }, errorTitle(code))] },
  { label: "You pay", number: true, show: ({ amountIn, amountSpent, tokenIn, unpaid }) => [`${short(amountSpent ?? amountIn)} ${token(tokenIn)}`, unpaid && h("span", { class: "under" }, "not paid")] },
  { label: "You receive", number: true, show: ({ amountOut, tokenOut }) => (amountOut ? h("span", { class: "got" }, `${short(amountOut)} ${token(tokenOut)}`) : "–") },
  { label: "Price", number: true, show: ({ executedPrice }) => (executedPrice ? price(executedPrice) : "–") },
  { label: "Slippage", number: true, show: ({ slipped }) => (slipped === null ? "–" : percent(slipped)) },
  { label: "Venue", show: ({ venue }) => (venue ? venueName(venue) : "–") },
  { label: "Attempts", number: true, usual: "1", show: ({ attempt }) => String(attempt) },
  { label: "Took", number: true, show: ({ took }) => (took === null ? "–" : duration(took)) },
];

export class Rows {
  #market;

  constructor(name, market) {
    this.#market = market;
    this.element = table(name, COLUMNS, []);
    this.element.classList.add("orders");
    this.body = this.element.querySelector("tbody");
  }

  /** Shows these orders. */
  show(orders) {
    this.element.hidden = !orders.length;
    list(this.body, orders.map((order) => brief(order, this.#market)), ({ orderId }) => orderId, (order) => h("tr", { class: order.status }, COLUMNS.map((column) => cell(column, order))));
  }
}

function brief(order, market) {
  const { orderId, type, parentId, createdAt, status, tokenIn, tokenOut, amountIn, amountSpent, amountOut, executedPrice, venue, attempt, error } = order;
  return {
    orderId, type, parentId, createdAt, status, tokenIn, tokenOut, amountIn, amountSpent, amountOut, executedPrice, venue, attempt,
    market: market.other(order.market),
    code: error?.code,
    unpaid: isUnpaid(order),
    took: took(order),
    slipped: slippage(order),
  };
}
