// One order: the request, the result, and every step between.

import { cancelButton } from "./actions.js";
import { ApiError } from "./api.js";
import { badge, card, copyable, empty, facts, fill, glyph, h, problem, title } from "./dom.js";
import { isFinal } from "./engine.js";
import { amount, clock, duration, pair, percent, price, sentence, slippage, when } from "./format.js";
import { marketTag } from "./market.js";
import { compared, costs, fees, split, unavailable, venueName } from "./routes.js";
import { decision } from "./store.js";

export class Detail {
  #context;
  #error;
  #loaded = false;

  constructor(context, id) {
    this.#context = context;
    this.id = id;
    this.title = "Order";
    this.body = h("div", { class: "detail" });
    this.element = h("div", {}, h("p", { class: "crumbs" }, h("a", { href: "#/orders" }, "Orders"), h("span", { "aria-hidden": "true" }, "/"), h("code", {}, id)), this.body);
    this.changed();
    this.#read();
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
    this.tick();
  }

  tick() {
    const now = this.#context.api.now();
    for (const clock of this.body.querySelectorAll("[data-since]")) clock.textContent = duration(now - Number(clock.dataset.since));
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
      h("div", { class: "title" }, h("h1", {}, `${amount(order.amountIn, 9)} ${pair(order)}`), badge(order.status), marketTag(order.market), order.attempt > 1 && h("span", { class: "tag attempt" }, `Attempt ${order.attempt}`), cancelButton(order, this.#context)),
      order.error && failure(order.error),
      h("section", { class: "card", "aria-label": "Summary" }, summary(order)),
      h(
        "div",
        { class: "columns" },
        card("Timeline", order.events.length ? timeline(order) : forgotten()),
        routed
          ? card("Route", h("p", { class: "reason" }, routed.reason), unavailable(routed.unavailable), split(routed.route, (pool) => this.#context.market.address(pool, order.market)), facts({ "Fees, included": fees(routed.fees), "Price impact": percent(routed.priceImpactBps) }))
          : card("Route", !order.events.length ? forgotten() : empty("Not routed", isFinal(order.status) ? "The order ended before a route was found." : "The engine is asking the venues.")),
      ),
      routed && card("Routes compared", h("div", { class: "scroll" }, compared(routed.quotes))),
      order.txHash && card("Transaction", copyable(order.txHash, this.#context.market.transaction(order.txHash, order.market)), transaction(order)),
    ];
  }
}

const waiting = () => h("div", { class: "skeleton", "aria-busy": "true" }, h("span", { class: "visually-hidden" }, "Loading the order"), [45, 100, 90].map((width) => h("i", { class: `w${width}` })));

const forgotten = () => empty("No longer kept", "The engine no longer keeps the events of this order.");

const failure = ({ code, message, attempts, retryable }) =>
  problem(code, `${sentence(message)}. `, `After ${attempts} ${attempts === 1 ? "attempt" : "attempts"}. `, retryable ? "A new order may succeed later." : "The same order would fail again.");

function summary(order) {
  const slipped = slippage(order);
  const out = (text) => text && `${amount(text, 9)} ${order.tokenOut}`;
  return facts({
    Pays: `${amount(order.amountIn, 9)} ${order.tokenIn}`,
    Spent: partly(order) && [`${amount(order.amountSpent, 9)} ${order.tokenIn} `, h("span", { class: "note" }, "the rest stayed in the wallet")],
    Received: out(order.amountOut),
    Quoted: out(order.quotedOut),
    "At least": out(order.minOut),
    "Executed price": order.executedPrice && `${price(order.executedPrice)} ${order.tokenOut}`,
    "Realised slippage": slipped !== null && percent(slipped),
    "Slippage tolerance": percent(order.slippageBps),
    Venue: order.venue && venueName(order.venue),
    Attempts: String(order.attempt),
    Submitted: when(order.createdAt),
    [isFinal(order.status) ? "Took" : "Running for"]: isFinal(order.status)
      ? duration(Date.parse(order.updatedAt) - Date.parse(order.createdAt))
      : h("span", { "data-since": Date.parse(order.createdAt) }),
    "Client order id": order.clientOrderId,
    User: order.userId,
    "At quote": order.quoteId && h("code", {}, order.quoteId),
    Order: copyable(order.orderId),
  });
}

/** Returns whether a filled order has spent less than its amount. */
const partly = ({ amountSpentBaseUnits: spent, amountInBaseUnits: amountIn }) => spent && BigInt(spent) < BigInt(amountIn);

function timeline({ events, status, tokenOut }) {
  const steps = events.map((event, index) =>
    h(
      "li",
      { class: event.status, "data-seq": event.seq },
      glyph(event.status),
      h(
        "div",
        {},
        h("div", { class: "step" }, h("strong", {}, title(event.status)), event.attempt > 1 && h("span", { class: "tag attempt" }, `Attempt ${event.attempt}`), h("time", { class: "note", datetime: event.at }, clock(event.at)), index > 0 && h("span", { class: "after" }, `+${duration(Date.parse(event.at) - Date.parse(events[index - 1].at))}`)),
        h("p", { class: event.status === "failed" ? "error" : "note" }, description(event, tokenOut)),
        h("details", {}, h("summary", {}, "Event ", String(event.seq)), h("pre", { tabindex: 0 }, JSON.stringify(event.data, null, 2))),
      ),
    ),
  );
  return h("ol", { class: "timeline" }, steps, !isFinal(status) && h("li", { class: "next" }, h("span", { class: "glyph", "aria-hidden": "true" }, "…"), h("p", { class: "note" }, "For ", h("span", { "data-since": Date.parse(events.at(-1).at) }))));
}

/** Returns an event as a sentence. */
function description({ status, data }, tokenOut) {
  switch (status) {
    case "pending":
      return "Accepted and waiting in the queue.";
    case "routing":
      return `${data.reason}. Quoted ${amount(data.amountOut ?? "–")} ${tokenOut}.`;
    case "building":
      return `Signed: at least ${amount(data.minOut ?? "–")} ${tokenOut} in ${data.instructions?.length ?? "some"} instructions.`;
    case "submitted":
      return "The transaction is being sent.";
    case "confirmed":
      return `Received ${amount(data.amountOut)} ${tokenOut} at ${price(data.executedPrice)}.`;
    case "failed":
      return `${data.code}: ${data.message}`;
    default:
      return "Cancelled before anything was sent.";
  }
}

function transaction({ events }) {
  const built = events.findLast(({ status }) => status === "building")?.data;
  const landed = events.findLast(({ status }) => status === "confirmed")?.data;
  return facts({ Slot: landed?.slot && String(landed.slot), "Transaction costs": landed && costs(landed), Instructions: built?.instructions && h("ol", { class: "plain" }, built.instructions.map((one) => h("li", {}, one))) });
}
