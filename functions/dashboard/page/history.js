// All orders, filtered and page by page.

import { download } from "./download.js";
import { empty, fill, h, problem } from "./dom.js";
import { Filters } from "./filters.js";
import { Rows } from "./rows.js";
import { entry } from "./scrolling.js";

const ROWS = 20;

export class History {
  #context;
  #cursors = [null];
  #number = 1;
  #page = [];
  #next = null;
  #reading = 0;
  #state = "waiting";

  /** `parameters` are those of the page's address: the filters and the page. `ready` is done when the orders are there. */
  constructor(context, parameters) {
    this.#context = context;
    this.title = "Orders";
    this.filters = new Filters();
    this.filters.addEventListener("changed", () => this.#go([null], 1));
    this.rows = new Rows("Orders", context.market);
    this.notice = h("div", {});
    this.newer = h("button", { type: "button", disabled: true, click: () => this.#turn(this.#cursors.slice(0, -1), this.#number - 1) }, "Newer");
    this.older = h("button", { type: "button", disabled: true, click: () => this.#turn([...this.#cursors, this.#next], this.#number + 1) }, "Older");
    this.where = h("span", { class: "note", role: "status" });
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Orders"), h("button", { type: "button", class: "quiet", click: () => download(this.filters.parameters, context) }, "Download CSV…")),
      h("section", { class: "card", "aria-label": "Orders" }, this.filters.statuses, this.filters.element, this.filters.parent, h("div", { class: "scroll" }, this.rows.element), this.notice, h("div", { class: "paging" }, this.newer, this.where, this.older)),
    );
    this.ready = this.open(parameters);
  }

  /** Shows what an address says. The cursors of the pages before are in its entry of the browser's history, if it was reached from there. */
  open(parameters) {
    this.filters.take(parameters);
    this.#cursors = history.state?.cursors ?? (parameters.has("cursor") ? [null, parameters.get("cursor")] : [null]);
    this.#number = Number(parameters.get("page")) || 1;
    return this.#read();
  }

  #turn(cursors, number) {
    // The next page is known once this one is read.
    if (this.#state !== "waiting") this.#go(cursors, number);
  }

  /** Opens the last one of these pages, as an entry of its own. */
  #go(cursors, number) {
    const later = cursors.length > 1;
    history.pushState(entry({ cursors }), "", this.filters.address(later && { page: number, cursor: cursors.at(-1) }));
    this.#cursors = cursors;
    this.#number = later ? number : 1;
    this.#read();
  }

  async #read() {
    this.#context.listed = location.hash;
    const reading = ++this.#reading;
    this.#state = "waiting";
    this.changed();
    try {
      const { orders, nextCursor } = await this.#context.api.get("/api/orders", { ...this.filters.parameters, limit: ROWS, cursor: this.#cursors.at(-1) });
      if (reading !== this.#reading) return;
      for (const order of orders) this.#context.store.merge(order);
      this.#page = orders;
      this.#next = nextCursor;
      this.#state = "read";
    } catch (error) {
      if (reading !== this.#reading) return;
      this.#page = [];
      this.#state = error;
    }
    this.changed();
  }

  /** Adds new orders to the first page, and updates the listed ones. */
  changed() {
    const { store, feed } = this.#context;
    this.filters.count(feed.counts);
    const first = this.#cursors.length === 1;
    const known = this.#page.map((order) => store.get(order.orderId) ?? order);
    const newest = known[0]?.orderId ?? "";
    const fresh = first && this.#state === "read" ? store.orders.filter((order) => order.orderId > newest && this.filters.matches(order)) : [];
    const shown = [...fresh, ...known];
    this.rows.show(shown);
    const failed = this.#state instanceof Error;
    fill(this.notice, { state: failed ? this.#state.message : this.#state, none: !shown.length }, () => this.#notice(shown.length === 0, failed));
    if (this.#state !== "waiting") this.#pages(first);
    this.where.textContent = `Page ${this.#number}`;
  }

  /** Offers the pages that there are. A button that is disabled leaves its focus to the other one. */
  #pages(first) {
    const { newer, older } = this;
    const focused = document.activeElement;
    newer.disabled = first;
    older.disabled = !this.#next;
    if (focused === newer && first) older.focus();
    if (focused === older && !this.#next) newer.focus();
  }

  tick() {}

  close() {
    this.#reading += 1;
  }

  #notice(none, failed) {
    if (failed) return [problem("The orders could not be read", `${this.#state.message}.`), h("button", { type: "button", click: () => this.#read() }, "Try again")];
    if (!none || this.#state === "waiting") return [];
    return empty(this.filters.any ? "No such orders" : "No orders yet", h("a", { href: "#/" }, "Submit one"));
  }
}
