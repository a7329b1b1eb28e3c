// The first page: the order form, its quote, and the live orders.

import { OrderForm } from "./form.js";
import { h } from "./dom.js";
import { Lanes } from "./lanes.js";
import { LiveQuote } from "./quote.js";

export class Trade {
  constructor(context) {
    const { api, store, feed } = context;
    this.title = "Trade";
    this.live = new LiveQuote(api);
    this.live.addEventListener("quoted", ({ detail }) => store.quoted(detail.tokenIn, detail.tokenOut, new Date(api.now()).toISOString(), detail.quotes));
    this.form = new OrderForm(api, this.live);
    this.form.addEventListener("accepted", ({ detail }) => feed.add(detail));
    this.lanes = new Lanes(context);
    this.element = h(
      "div",
      { class: "trade" },
      h("h1", { class: "visually-hidden" }, "Trade"),
      h("div", { class: "desk" }, this.form.element, this.live.element),
      this.lanes.element,
    );
  }

  changed() {
    this.lanes.show();
  }

  tick() {
    this.live.tick();
    this.form.tick();
    this.lanes.tick();
  }

  close() {
    this.live.stop();
  }
}
