// Orders as the rows of a table.

import { badge, cell, h, list, table } from "./dom.js";
import { isFinal } from "./engine.js";
import { brief as short, duration, pair, percent, price, shortId, slippage, token, when } from "./format.js";
import { marketTag } from "./market.js";
import { venueName } from "./routes.js";
import { typeName } from "./types.js";

const COLUMNS = [
  { label: "Order", show: (order) => h("a", { href: `#/orders/${order.orderId}` }, h("strong", {}, pair(order)), h("code", { class: "under" }, shortId(order.orderId), " ", marketTag(order.market))) },
  { label: "Type", show: ({ type, parentId }) => [typeName(type), parentId && h("span", { class: "under" }, "slice")] },
  { label: "Submitted", show: ({ createdAt }) => when(createdAt) },
  { label: "Status", show: ({ status, code }) => [badge(status), code && h("span", { class: "under error" }, code)] },
  { label: "Paid", number: true, show: ({ amountIn, amountSpent, tokenIn }) => `${short(amountSpent ?? amountIn)} ${tokenIn}` },
  { label: "Received", number: true, show: ({ amountOut, tokenOut }) => (amountOut ? `${short(amountOut)} ${token(tokenOut)}` : "–") },
  { label: "Price", number: true, show: ({ executedPrice }) => (executedPrice ? price(executedPrice) : "–") },
  { label: "Slippage", number: true, show: ({ slipped }) => (slipped === null ? "–" : percent(slipped)) },
  { label: "Venue", show: ({ venue }) => (venue ? venueName(venue) : "–") },
  { label: "Attempts", number: true, show: ({ attempt }) => String(attempt) },
  { label: "Took", number: true, show: ({ took }) => (took === null ? "–" : duration(took)) },
];

export class Rows {
  constructor(name) {
    this.element = table(name, COLUMNS, []);
    this.element.classList.add("orders");
    this.body = this.element.querySelector("tbody");
  }

  /** Shows these orders. */
  show(orders) {
    this.element.hidden = !orders.length;
    list(this.body, orders.map(brief), ({ orderId }) => orderId, (order) => h("tr", {}, COLUMNS.map((column) => cell(column, order))));
  }
}

function brief(order) {
  const { orderId, market, type, parentId, createdAt, updatedAt, status, tokenIn, tokenOut, amountIn, amountSpent, amountOut, executedPrice, venue, attempt, error } = order;
  const took = isFinal(status) ? Date.parse(updatedAt) - Date.parse(createdAt) : null;
  return { orderId, market, type, parentId, createdAt, status, code: error?.code, tokenIn, tokenOut, amountIn, amountSpent, amountOut, executedPrice, venue, attempt, took, slipped: slippage(order) };
}
