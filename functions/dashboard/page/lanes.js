// The live orders: a lane for each status but `open`, whose orders have a place of their own.

import { againButton, cancelButton } from "./actions.js";
import { since, tick, time } from "./clocks.js";
import { card, empty, fill, glyph, h, list, title } from "./dom.js";
import { engine, isFinal } from "./engine.js";
import { errorTitle } from "./errors.js";
import { brief as short, duration, percent, slippage, token } from "./format.js";
import { marketTag } from "./market.js";
import { venueName, why } from "./routes.js";
import { decision, took } from "./store.js";
import { relations } from "./terms.js";
import { typeName } from "./types.js";

// Orders in a lane of running and of ended orders.
const MAX_RUNNING = 10;
const MAX_ENDED = 8;

export class Lanes {
  #context;

  constructor(context) {
    this.#context = context;
    this.lanes = engine.statuses.filter((status) => status !== "open").map((status) => {
      const count = h("span", { class: "count" });
      const cards = h("ul", { class: "cards" });
      const more = h("p", { class: "note more" });
      const heading = h("h3", { id: `lane-${status}` }, glyph(status), title(status), count);
      return { status, count, cards, more, element: h("section", { class: `lane ${status}`, "aria-labelledby": `lane-${status}` }, heading, cards, more) };
    });
    const part = (name, ended) => h("div", { class: `lanes ${name}` }, this.lanes.filter(({ status }) => isFinal(status) === ended).map(({ element }) => element));
    this.board = h("div", {}, part("running", false), part("ended", true));
    this.none = empty("No orders yet", "Submit an order, and watch it move from lane to lane.");
    this.element = card("Live orders", this.none, this.board);
    this.show();
  }

  show() {
    const { store, feed, market } = this.#context;
    const { orders } = store;
    this.none.hidden = orders.length > 0 || !feed.loaded;
    this.board.hidden = orders.length === 0;
    const focused = this.board.contains(document.activeElement) && document.activeElement.closest(".order")?.dataset.key;
    for (const lane of this.lanes) {
      const all = orders.filter(({ status }) => status === lane.status);
      const shown = all.slice(0, isFinal(lane.status) ? MAX_ENDED : MAX_RUNNING);
      const count = Math.max(feed.counts.of(lane.status), all.length);
      lane.element.classList.toggle("bare", shown.length === 0);
      lane.count.textContent = feed.counts.text(count);
      list(lane.cards, shown.map((order) => brief(order, market)), ({ orderId }) => orderId, (order) => this.#row(order));
      fill(lane.more, count > shown.length && count, (all) => all && h("a", { href: `#/orders?status=${lane.status}` }, `All ${feed.counts.text(all)}`));
    }
    // An order that moves to another lane takes the focus with it.
    if (focused && !this.board.contains(document.activeElement)) this.board.querySelector(`[data-key="${focused}"] a`)?.focus();
  }

  /** Updates the clocks, which are all that changes between two events. */
  tick() {
    tick(this.element, this.#context.api.now());
  }

  #row(order) {
    const { orderId, status, tokenIn, tokenOut, amountIn, amountOut } = order;
    const received = amountOut ? h("span", { class: "got" }, `${short(amountOut)} ${token(tokenOut)}`) : token(tokenOut);
    const about = [
      order.market && marketTag(order.market),
      order.type && order.type !== "market" && h("span", { class: "tag type" }, typeName(order.type)),
      order.attempt > 1 && h("span", { class: "tag attempt" }, `Attempt ${order.attempt}`),
      order.error ? h("span", { class: "error" }, errorTitle(order.error.code)) : order.venue && h("span", { title: order.reason }, venueName(order.venue)),
      order.slipped !== null && h("span", { class: "note" }, `${percent(order.slipped)} slippage`),
      order.took !== null && h("span", { class: "note" }, `took ${duration(order.took)}`),
    ].filter(Boolean);
    return h(
      "li",
      { class: `order ${status}` },
      h("div", { class: "order-row" }, h("a", { class: "order-name", href: `#/orders/${orderId}` }, h("strong", {}, `${short(amountIn)} ${token(tokenIn)}`), " → ", received), order.took === null ? since(order.updatedAt, "clock") : time(order.updatedAt)),
      about.length > 0 && h("p", { class: "order-row" }, about),
      relations(order),
      h("div", { class: "actions" }, cancelButton(order, this.#context), againButton(order, this.#context)),
    );
  }
}

/** Returns what a row shows. The row is built again only when this changes. */
function brief(order, market) {
  const { orderId, type, parentId, linkedOrderId, status, tokenIn, tokenOut, amountIn, amountOut, attempt, venue, error, updatedAt } = order;
  const routed = decision(order);
  return {
    orderId, type, parentId, linkedOrderId, status, tokenIn, tokenOut, amountIn, amountOut, attempt, venue, updatedAt,
    market: market.other(order.market),
    error: error && { code: error.code, requote: error.requote },
    reason: routed && why(routed),
    slipped: slippage(order),
    took: took(order),
  };
}
