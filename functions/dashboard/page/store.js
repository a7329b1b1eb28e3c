// All that this page knows of its client's orders: what REST told of each, and its events from the first on.

import { engine, isFinal } from "./engine.js";

const MOST = 500;

export class MalformedEvent extends Error {}

/** Events: `changed`, `quoted`, and `gap` with the id of an order of which an event is missing. */
export class Store extends EventTarget {
  #orders = new Map();
  #quotes = [];

  /** Orders as pages show them, newest first. UUIDv7 begins with the time. */
  get orders() {
    return [...this.#orders.values()].sort((one, other) => (one.orderId < other.orderId ? 1 : -1));
  }

  get running() {
    return this.orders.filter((order) => !isFinal(order.status));
  }

  /** Prices that were quoted: `{pair, at, prices: {venue: price}}`, oldest first. */
  get quotes() {
    return this.#quotes;
  }

  get = (id) => this.#orders.get(id);

  /** Takes in an order as REST tells it, perhaps with its events. What is known to have happened later stays. */
  merge(told) {
    const { events = [], ...order } = told;
    const known = this.#orders.get(order.orderId) ?? { events: [] };
    const last = known.events.at(-1);
    const stale = (last && order.updatedAt < last.at) || order.updatedAt < known.updatedAt;
    this.#keep(stale ? known : { ...known, ...order });
    for (const event of events) this.apply(event);
    this.#changed();
  }

  /**
   * Takes in an event. Events come in order; one that has come before is skipped. Says whether it was new, and tells of a
   * gap, from which on the events must be asked for again. Throws MalformedEvent.
   */
  apply(event) {
    check(event);
    const known = this.#orders.get(event.orderId) ?? { orderId: event.orderId, events: [], createdAt: event.at };
    if (event.seq <= known.events.length) return false;
    if (event.seq > known.events.length + 1) {
      this.dispatchEvent(new CustomEvent("gap", { detail: event.orderId }));
      return false;
    }
    const stale = known.updatedAt > event.at;
    this.#keep({ ...known, ...(stale ? {} : learned(event, known)), events: [...known.events, event] });
    if (event.status === "routing") this.quoted(known.tokenIn, known.tokenOut, event.at, event.data.quotes);
    this.#changed();
    return true;
  }

  /** Remembers the best price of each venue, among the routes over it alone, before the impact of the quote's own size. */
  quoted(tokenIn, tokenOut, at, routes) {
    const prices = {};
    for (const { venue, price, priceImpactBps } of Array.isArray(routes) ? routes : []) {
      if (!venue.includes("+")) prices[venue] = Math.max(prices[venue] ?? 0, Number(price) / (1 - priceImpactBps / 10_000));
    }
    this.#quotes.push({ pair: `${tokenIn} → ${tokenOut}`, at: Date.parse(at) / 1000, prices });
    this.#quotes.sort((one, other) => one.at - other.at);
    this.#quotes.splice(0, this.#quotes.length - MOST);
    this.dispatchEvent(new CustomEvent("quoted"));
  }

  /** A page may be open for days: orders that have ended and that nobody asked for lately are forgotten. */
  #keep(order) {
    this.#orders.delete(order.orderId);
    this.#orders.set(order.orderId, order);
    if (this.#orders.size <= MOST) return;
    const oldest = this.#orders.values().find(({ status }) => isFinal(status));
    if (oldest) this.#orders.delete(oldest.orderId);
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("changed"));
  }
}

function check(event) {
  const { orderId, seq, status, at, data } = event ?? {};
  const fine = typeof orderId === "string" && Number.isInteger(seq) && seq > 0 && engine.statuses.includes(status);
  if (!fine || !Date.parse(at) || typeof data !== "object" || data === null) throw new MalformedEvent(JSON.stringify(event)?.slice(0, 200));
}

/** What an event adds to its order. */
function learned({ status, at, attempt, data }, order) {
  const step = { status, attempt, updatedAt: at };
  switch (status) {
    case "pending":
      return { ...data, ...step, createdAt: order.createdAt ?? at };
    case "routing":
      return { ...step, venue: data.venue, quotedOut: data.amountOut, quotedOutBaseUnits: data.amountOutBaseUnits };
    case "building":
      return { ...step, minOut: data.minOut, txHash: data.txHash };
    case "submitted":
      return { ...step, txHash: data.txHash };
    case "confirmed":
      return { ...step, txHash: data.txHash, amountOut: data.amountOut, amountOutBaseUnits: data.amountOutBaseUnits, executedPrice: data.executedPrice };
    case "failed":
      return { ...step, error: data };
    default:
      return step;
  }
}

/** The last event of an order that says how it was routed, or nothing. */
export const decision = (order) => order.events.findLast(({ status }) => status === "routing")?.data;

/** How long an order stood at each status, in milliseconds: `[{status, spent, attempt}]`, for the steps that have ended. */
export const steps = ({ events }) =>
  events.slice(1).map((event, index) => ({
    status: events[index].status,
    attempt: events[index].attempt,
    spent: Date.parse(event.at) - Date.parse(events[index].at),
  }));
