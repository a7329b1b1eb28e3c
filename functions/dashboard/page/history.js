// All orders, by status and page by page.

import { badge, cell, empty, fill, h, list, problem, table, title } from "./dom.js";
import { engine, isFinal } from "./engine.js";
import { brief as short, duration, pair, percent, price, shortId, slippage, when } from "./format.js";
import { marketTag } from "./market.js";
import { venueName } from "./routes.js";

const ROWS = 20;

const COLUMNS = [
  { label: "Order", show: (order) => h("a", { href: `#/orders/${order.orderId}` }, h("strong", {}, pair(order)), h("code", { class: "under" }, shortId(order.orderId), " ", marketTag(order.market))) },
  { label: "Submitted", show: ({ createdAt }) => when(createdAt) },
  { label: "Status", show: ({ status, code }) => [badge(status), code && h("span", { class: "under error" }, code)] },
  { label: "Paid", number: true, show: ({ amountIn, amountSpent, tokenIn }) => `${short(amountSpent ?? amountIn)} ${tokenIn}` },
  { label: "Received", number: true, show: ({ amountOut, tokenOut }) => (amountOut ? `${short(amountOut)} ${tokenOut}` : "–") },
  { label: "Price", number: true, show: ({ executedPrice }) => (executedPrice ? price(executedPrice) : "–") },
  { label: "Slippage", number: true, show: ({ slipped }) => (slipped === null ? "–" : percent(slipped)) },
  { label: "Venue", show: ({ venue }) => (venue ? venueName(venue) : "–") },
  { label: "Attempts", number: true, show: ({ attempt }) => String(attempt) },
  { label: "Took", number: true, show: ({ took }) => (took === null ? "–" : duration(took)) },
];

export class History {
  #context;
  #status;
  #cursors = [null];
  #page = [];
  #next = null;
  #reading = 0;
  #state = "waiting";

  constructor(context, status) {
    this.#context = context;
    this.#status = engine.statuses.includes(status) ? status : "";
    this.title = "Orders";
    const filters = ["", ...engine.statuses].map((one) =>
      h("a", { class: "filter", href: one ? `#/orders?status=${one}` : "#/orders", "aria-current": one === this.#status && "true" }, one ? title(one) : "All"),
    );
    this.table = table("Orders", COLUMNS, []);
    this.table.classList.add("orders");
    this.rows = this.table.querySelector("tbody");
    this.notice = h("div", {});
    this.newer = h("button", { type: "button", click: () => this.#turn(-1) }, "Newer");
    this.older = h("button", { type: "button", click: () => this.#turn(1) }, "Older");
    this.where = h("span", { class: "note", role: "status" });
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Orders")),
      h("section", { class: "card", "aria-label": "Orders" }, h("nav", { class: "filters", "aria-label": "Status" }, filters), h("div", { class: "scroll" }, this.table), this.notice, h("div", { class: "paging" }, this.newer, this.where, this.older)),
    );
    this.#read();
  }

  async #read() {
    const reading = ++this.#reading;
    this.#state = "waiting";
    this.changed();
    try {
      const { orders, nextCursor } = await this.#context.api.get("/api/orders", { limit: ROWS, status: this.#status, cursor: this.#cursors.at(-1) });
      if (reading !== this.#reading) return;
      for (const order of orders) this.#context.store.merge(order);
      this.#page = orders;
      this.#next = nextCursor;
      this.#state = "read";
    } catch (error) {
      if (reading !== this.#reading) return;
      this.#state = error;
    }
    this.changed();
  }

  #turn(by) {
    if (by > 0) this.#cursors.push(this.#next);
    else this.#cursors.pop();
    this.#read();
  }

  /** Adds new orders to the first page, and updates the listed ones. */
  changed() {
    const { store } = this.#context;
    const first = this.#cursors.length === 1;
    const known = this.#page.map((order) => store.get(order.orderId) ?? order);
    const newest = known[0]?.orderId ?? "";
    const fresh = first && this.#state === "read" ? store.orders.filter(({ orderId, status }) => orderId > newest && (!this.#status || status === this.#status)) : [];
    const shown = [...fresh, ...known];
    list(this.rows, shown.map(brief), ({ orderId }) => orderId, (order) => h("tr", {}, COLUMNS.map((column) => cell(column, order))));
    const failed = this.#state instanceof Error;
    this.table.hidden = !shown.length;
    fill(this.notice, { state: failed ? this.#state.message : this.#state, none: !shown.length }, () => this.#notice(shown.length === 0, failed));
    this.newer.disabled = first || this.#state === "waiting";
    this.older.disabled = !this.#next || this.#state === "waiting";
    this.where.textContent = `Page ${this.#cursors.length}`;
  }

  tick() {}

  close() {
    this.#reading += 1;
  }

  #notice(none, failed) {
    if (failed) return [problem("The orders could not be read", `${this.#state.message}.`), h("button", { type: "button", click: () => this.#read() }, "Try again")];
    if (!none || this.#state === "waiting") return [];
    return empty(this.#status ? `No ${this.#status} orders` : "No orders yet", h("a", { href: "#/" }, "Submit one"));
  }
}

function brief(order) {
  const { orderId, market, createdAt, updatedAt, status, tokenIn, tokenOut, amountIn, amountSpent, amountOut, executedPrice, venue, attempt, error } = order;
  const took = isFinal(status) ? Date.parse(updatedAt) - Date.parse(createdAt) : null;
  return { orderId, market, createdAt, status, code: error?.code, tokenIn, tokenOut, amountIn, amountSpent, amountOut, executedPrice, venue, attempt, took, slipped: slippage(order) };
}
