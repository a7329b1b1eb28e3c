// The open orders: what each waits for, how far the market is from it, and how far a recurring order has come.

import { cancelAll, cancelButton } from "./actions.js";
import { since, tick, until } from "./clocks.js";
import { fill, h, list } from "./dom.js";
import { editButton } from "./edit.js";
import { brief as short, token, when } from "./format.js";
import { marketTag } from "./market.js";
import { away, progress, relations, waitsFor } from "./terms.js";
import { typeName } from "./types.js";

const MAX_SHOWN = 12;

export class OpenOrders {
  #context;
  #shown = [];

  constructor(context) {
    this.#context = context;
    this.count = h("span", { class: "count" });
    this.cards = h("ul", { class: "cards" });
    this.more = h("p", { class: "note more" });
    const all = h("button", { type: "button", class: "cancel", click: () => cancelAll(context) }, "Cancel all…");
    this.element = h(
      "section",
      { class: "card open-orders lane open", "aria-labelledby": "lane-open", hidden: true },
      h("div", { class: "card-top" }, h("h2", { id: "lane-open" }, "Open orders ", this.count), all),
      this.cards,
      this.more,
    );
    this.show();
  }

  show() {
    const { store, feed, market, prices } = this.#context;
    const { open } = store;
    this.#shown = open.slice(0, MAX_SHOWN);
    this.element.hidden = open.length === 0;
    const count = Math.max(feed.counts.of("open"), open.length);
    this.count.textContent = feed.counts.text(count);
    const shown = this.#shown.map((order) => ({ ...brief(order), market: market.other(order.market), now: prices.of(order) }));
    list(this.cards, shown, ({ orderId }) => orderId, (order) => this.#card(order));
    fill(this.more, count > shown.length && count, (all) => all && h("a", { href: "#/orders?status=open" }, `All ${feed.counts.text(all)}`));
  }

  tick() {
    const { api, prices } = this.#context;
    tick(this.element, api.now());
    prices.tick(this.#shown);
  }

  #card(order) {
    const far = away(order, order.now);
    return h(
      "li",
      { class: "order open" },
      h(
        "div",
        { class: "order-row" },
        h("a", { class: "order-name", href: `#/orders/${order.orderId}` }, h("strong", {}, `${short(order.amountIn)} ${token(order.tokenIn)}`), ` → ${token(order.tokenOut)}`),
        h("span", { class: "tag type" }, typeName(order.type)),
        order.market && marketTag(order.market),
      ),
      h("p", {}, `${waitsFor(order)}.`),
      far && h("p", { class: "far" }, far),
      progress(order),
      relations(order),
      order.returned && h("p", { class: "note" }, `Waits again: ${order.returned}`),
      h("p", { class: "note" }, "Open for ", since(order.createdAt), order.expiresAt ? [", expires ", until(order.expiresAt), ` (${when(order.expiresAt)})`] : ", until cancelled"),
      h("div", { class: "actions" }, editButton(order, this.#context), cancelButton(order, this.#context)),
    );
  }
}

/** Returns what a card shows. The card is built again only when this changes. */
function brief({ orderId, type, status, tokenIn, tokenOut, amountIn, terms, expiresAt, createdAt, parentId, linkedOrderId, events }) {
  const { reason, message } = events.at(-1)?.data ?? {};
  return { orderId, type, status, tokenIn, tokenOut, amountIn, terms, expiresAt, createdAt, parentId, linkedOrderId, returned: reason === "returned" ? message : null };
}
