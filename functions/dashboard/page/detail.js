// One order: the request, what it waits for, the result, and every step between.

import { againButton, cancelButton } from "./actions.js";
import { ApiError } from "./api.js";
import { since, tick, time, until } from "./clocks.js";
import { badge, card, copyable, empty, facts, fill, h, outside, problem } from "./dom.js";
import { editButton } from "./edit.js";
import { engine, isFinal } from "./engine.js";
import { explained } from "./errors.js";
import { amount, duration, pair, percent, price, slippage, token, when } from "./format.js";
import { marketTag } from "./market.js";
import { compared, costs, fees, impact, split, unavailable, venueName, why } from "./routes.js";
import { Slices } from "./slices.js";
import { decision, isUnpaid, took } from "./store.js";
import { away, progress, relations, waitsFor } from "./terms.js";
import { timeline } from "./timeline.js";
import { typeName } from "./types.js";

export class Detail {
  #context;
  #error;
  #loaded = false;

  constructor(context, id) {
    this.#context = context;
    this.id = id;
    this.title = "Order";
    this.body = h("div", { class: "detail" });
    this.far = h("p", { class: "far" });
    this.slices = new Slices(context, id);
    this.element = h("div", {}, h("p", { class: "crumbs" }, h("a", { href: context.listed ?? "#/orders" }, "Orders"), h("span", { "aria-hidden": "true" }, "/"), copyable(id)), this.body);
    this.changed();
    this.ready = this.#read();
  }

  async #read() {
    this.#error = undefined;
    try {
      await this.#context.feed.read(this.id);
      this.#loaded = true;
    } catch (error) {
      this.#error = error;
    }
    this.changed();
  }

  changed() {
    const order = this.#context.store.get(this.id) ?? this.order;
    this.order = order;
    // The engine may have dropped the events of an old order.
    const complete = order?.events.length > 0 || (order && this.#loaded);
    const { name, code, message } = this.#error ?? {};
    const { market } = this.#context;
    fill(this.body, complete ? { order, market: market.name } : { name, code, message }, () => (complete ? this.#whole(order) : this.#error ? this.#missing(this.#error) : waiting()));
    const far = order?.status === "open" ? away(order, this.#context.prices.of(order)) : null;
    fill(this.far, far, () => far);
    this.slices.changed();
    this.tick();
  }

  tick() {
    const { api, prices } = this.#context;
    tick(this.body, api.now());
    if (this.order?.status === "open") prices.tick([this.order]);
  }

  close() {}

  #missing(error) {
    if (error instanceof ApiError && error.status < 500 && error.status !== 429) {
      return empty("No such order", "You have no order with this id. ", h("a", { href: "#/orders" }, "See your orders"));
    }
    const again = h("button", { type: "button", click: () => this.#read() }, "Try again");
    return [problem("The order could not be read", `${error.message}.`), again];
  }

  #whole(order) {
    const routed = decision(order);
    return [
      h("div", { class: "title" }, h("h1", {}, `${amount(order.amountIn, 9)} ${pair(order)}`), badge(order.status), marketTag(order.market), order.type !== "market" && h("span", { class: "tag type" }, typeName(order.type)), order.attempt > 1 && h("span", { class: "tag attempt" }, `Attempt ${order.attempt}`), editButton(order, this.#context), cancelButton(order, this.#context), againButton(order, this.#context)),
      order.error && failure(order.error),
      order.terms && this.#waiting(order),
      h("section", { class: "card", "aria-label": "Summary" }, summary(order), relations(order)),
      order.type === "recurring" && this.slices.element,
      h(
        "div",
        { class: "columns" },
        card("Timeline", order.events.length ? timeline(order) : forgotten()),
        routed
          ? card("Route", h("p", { class: "reason" }, why(routed)), unavailable(routed.unavailable), split(routed, (pool) => this.#context.market.address(pool, order.market)), facts({ "Fees (included)": fees(routed.fees), "Price impact": impact(routed.priceImpactBps) }))
          : card("Route", !order.events.length ? forgotten() : empty("Not routed", unrouted(order))),
      ),
      routed && card("Routes compared", compared(routed.quotes)),
      order.txHash && card("Transaction", copyable(order.txHash, this.#context.market.transaction(order.txHash, order.market)), transaction(order)),
    ];
  }

  #waiting(order) {
    const open = order.status === "open";
    return card(
      open ? "Waits" : "Waited for",
      h("p", {}, `${waitsFor(order)}.`),
      open && this.far,
      progress(order),
      h("p", { class: "note" }, order.expiresAt ? [`Until ${when(order.expiresAt)}`, open && [", expires ", until(order.expiresAt)]] : open && "Until it is cancelled"),
    );
  }
}

/** Returns why an order has no route. */
function unrouted({ type, status }) {
  if (type === "recurring") return "Each slice has a route of its own.";
  if (status === "open") return "The order waits for the market.";
  return isFinal(status) ? "The order ended before a route was found." : "The engine is asking the venues.";
}

const waiting = () => h("div", { class: "skeleton", "aria-busy": "true" }, h("span", { class: "visually-hidden" }, "Loading the order"), [45, 100, 90].map((width) => h("i", { class: `w${width}` })));

const forgotten = () => empty("No longer kept", "The engine no longer keeps the events of this order.");

const failure = ({ code, message, attempts, retryable }) =>
  explained({ code, message }, ` After ${attempts} ${attempts === 1 ? "attempt" : "attempts"}. `, retryable ? "A new order may succeed later." : "The same order would fail again.");

function summary(order) {
  const slipped = slippage(order);
  const out = (text) => text && `${amount(text, 9)} ${token(order.tokenOut)}`;
  const paid = (text) => `${amount(text, 9)} ${order.tokenIn}`;
  const note = (text) => h("span", { class: "note" }, ` ${text}`);
  return facts({
    ...(order.amountSpent ? { "You paid": [paid(order.amountSpent), partly(order) && note(`of ${paid(order.amountIn)}; the rest stayed in the wallet`)] } : { "You pay": [paid(order.amountIn), isUnpaid(order) && note("not paid")] }),
    "You received": out(order.amountOut),
    Quoted: out(order.quotedOut),
    "Minimum received": out(order.minOut),
    "Executed price": order.executedPrice && `${price(order.executedPrice)} ${token(order.tokenOut)}`,
    "Realised slippage": slipped !== null && percent(slipped),
    "Slippage tolerance": percent(order.slippageBps),
    Venue: order.venue && venueName(order.venue),
    Attempts: order.status !== "open" && String(order.attempt),
    Submitted: time(order.createdAt),
    [isFinal(order.status) ? "Took" : order.status === "open" ? "Open for" : "Running for"]: isFinal(order.status) ? duration(took(order)) : since(order.createdAt),
    "Client order id": order.clientOrderId,
    User: order.userId,
    "Signed by": order.wallet && copyable(order.wallet),
    "At quote": order.quoteId && copyable(order.quoteId),
    Executions: engine.executionsUrl && outside(`${engine.executionsUrl}${order.orderId}`, "Show its runs"),
  });
}

/** Returns whether a filled order has spent less than its amount. */
const partly = ({ amountSpentBaseUnits: spent, amountInBaseUnits: amountIn }) => spent && BigInt(spent) < BigInt(amountIn);

function transaction({ events }) {
  const built = events.findLast(({ status }) => status === "building")?.data;
  const landed = events.findLast(({ status }) => status === "confirmed")?.data;
  return facts({ Slot: landed?.slot && String(landed.slot), "Transaction costs": landed && costs(landed), Instructions: built?.instructions && h("ol", { class: "plain" }, built.instructions.map((one) => h("li", {}, one))) });
}
