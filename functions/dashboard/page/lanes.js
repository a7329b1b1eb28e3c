// The live orders: a lane for each status but `open`, whose orders have a place of their own.

import { cancelButton, requoteButton } from "./actions.js";
import { since, tick } from "./clocks.js";
import { card, empty, fill, glyph, h, list, title } from "./dom.js";
import { engine, isFinal } from "./engine.js";
import { brief as short, duration, percent, shortId, slippage, token, when } from "./format.js";
import { marketTag } from "./market.js";
import { venueName } from "./routes.js";
import { decision, steps } from "./store.js";
import { relations } from "./terms.js";
import { typeName } from "./types.js";

// Cards in a lane of running and of ended orders.
const MAX_RUNNING = 12;
const MAX_ENDED = 4;

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
    this.board = h("div", { class: "lanes" }, this.lanes.map(({ element }) => element));
    this.none = empty("No orders yet", "Submit an order, and watch it move from lane to lane.");
    this.element = card("Live orders", this.none, this.board);
    this.show();
  }

  show() {
    const { store, feed } = this.#context;
    const { orders } = store;
    this.none.hidden = orders.length > 0 || !feed.loaded;
    this.board.hidden = orders.length === 0;
    for (const lane of this.lanes) {
      const all = orders.filter(({ status }) => status === lane.status);
      const shown = all.slice(0, isFinal(lane.status) ? MAX_ENDED : MAX_RUNNING);
      lane.element.classList.toggle("bare", all.length === 0);
      lane.count.textContent = String(all.length);
      list(lane.cards, shown.map(brief), ({ orderId }) => orderId, (order) => this.#card(order));
      fill(lane.more, all.length - shown.length, (left) => left > 0 && h("a", { href: `#/orders?status=${lane.status}` }, `${left} more`));
    }
  }

  /** Updates the clocks, which are all that changes between two events. */
  tick() {
    tick(this.element, this.#context.api.now());
  }

  #card(order) {
    const { status } = order;
    return h(
      "li",
      { class: `order ${status}` },
      h("a", { class: "order-name", href: `#/orders/${order.orderId}` }, h("strong", {}, `${short(order.amountIn)} ${order.tokenIn}`), h("span", {}, ` → ${token(order.tokenOut)}`)),
      h("div", { class: "order-row" }, h("code", {}, shortId(order.orderId)), marketTag(order.market), order.type && order.type !== "market" && h("span", { class: "tag type" }, typeName(order.type)), order.attempt > 1 && h("span", { class: "tag attempt" }, `Attempt ${order.attempt}`)),
      order.amountOut && h("p", { class: "got" }, `${short(order.amountOut)} ${token(order.tokenOut)}`),
      order.venue && h("p", { class: "order-row" }, venueName(order.venue), order.slipped !== null && h("span", { class: "note", title: "Realised slippage" }, percent(order.slipped))),
      relations(order),
      order.reason && !isFinal(status) && h("p", { class: "note why" }, order.reason),
      order.error && h("p", { class: "why error" }, h("strong", {}, order.error.code), ` ${order.error.message}`),
      isFinal(status) ? h("p", { class: "note" }, when(order.updatedAt), order.took && `, took ${duration(order.took)}`) : running(order),
      cancelButton(order, this.#context),
      requoteButton(order, this.#context),
    );
  }
}

const running = ({ updatedAt, createdAt, spent }) => [
  h("p", { class: "times" }, since(updatedAt, "clock"), h("span", { class: "note" }, " in this step")),
  h("p", { class: "note" }, "Total ", since(createdAt), spent && ` (${spent})`),
];

/** Returns what a card shows. The card is built again only when this changes. */
function brief(order) {
  const { orderId, market, type, parentId, linkedOrderId, status, tokenIn, tokenOut, amountIn, slippageBps, amountOut, attempt, venue, error, updatedAt, createdAt, events } = order;
  return {
    orderId, market, type, parentId, linkedOrderId, status, tokenIn, tokenOut, amountIn, slippageBps, amountOut, attempt, venue, updatedAt, createdAt,
    error: error && { code: error.code, message: error.message, requote: error.requote },
    slipped: slippage(order),
    reason: decision(order)?.reason,
    took: isFinal(status) && Date.parse(updatedAt) - Date.parse(createdAt),
    spent: events.length > 1 && steps(order).map(({ status: step, spent }) => `${step} ${duration(spent)}`).join(", "),
  };
}
