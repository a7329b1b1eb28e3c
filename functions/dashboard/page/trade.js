// The first page: the order form, its quote, and the open and the live orders.

import { OrderForm } from "./form.js";
import { h } from "./dom.js";
import { Lanes } from "./lanes.js";
import { OpenOrders } from "./open.js";
import { LiveQuote } from "./quote.js";
import { Wallet } from "./wallet.js";

export class Trade {
  constructor(context) {
    const { api, store, market, payer } = context;
    this.title = "Trade";
    this.payer = payer;
    this.live = new LiveQuote(api, market);
    this.live.addEventListener("quoted", ({ detail }) => {
      market.heard(detail.market);
      store.quoted(detail, new Date(api.now()).toISOString(), detail.quotes);
    });
    this.form = new OrderForm(context, this.live);
    this.wallet = new Wallet(context);
    this.open = new OpenOrders(context);
    this.lanes = new Lanes(context);
    this.element = h(
      "div",
      { class: "trade" },
      h("h1", { class: "visually-hidden" }, "Trade"),
      h("div", { class: "desk" }, this.form.element, this.live.element, this.wallet.element),
      this.open.element,
      this.lanes.element,
    );
  }

  changed() {
    this.form.changed();
    this.wallet.changed();
    this.open.show();
    this.lanes.show();
  }

  tick() {
    this.live.tick();
    this.form.tick();
    this.wallet.tick();
    this.open.tick();
    this.lanes.tick();
  }

  close() {
    this.live.stop();
    this.form.close();
    this.payer.stop("you have left the page");
    this.wallet.close();
  }
}
