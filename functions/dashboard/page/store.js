// The client's orders as this page knows them: the fields from REST, and the events from the first on.

import { engine, isFinal, isRunning } from "./engine.js";

const MAX_KEPT = 500;

export class MalformedEvent extends Error {}

/** Events: `changed`, `quoted`, and `gap` when an event of an order is missing. */
export class Store extends EventTarget {
  #orders = new Map();
  #quotes = [];

  /** Returns the orders, newest first: a UUIDv7 starts with the time. */
  get orders() {
    return [...this.#orders.values()].sort((one, other) => (one.orderId < other.orderId ? 1 : -1));
  }

  /** Returns the orders that are being executed. */
  get running() {
    return this.orders.filter(({ status }) => isRunning(status));
  }

  /** Returns the orders that wait for the market. */
  get open() {
    return this.orders.filter(({ status }) => status === "open");
  }

  /** Returns the orders, first the one that was heard of longest ago. */
  get stalest() {
    return [...this.#orders.values()];
  }

  /** Returns what was quoted: `{market, tokenIn, tokenOut, at, quotes: [{venue, price, priceImpactBps}]}`, oldest first. */
  get quotes() {
    return this.#quotes;
  }

  get = (id) => this.#orders.get(id);

  /** Adds an order from REST, with or without its events. Newer known values stay. */
  merge({ events = [], ...order }) {
    const known = this.#orders.get(order.orderId) ?? { events: [] };
    const last = known.events.at(-1);
    const stale = (last && order.updatedAt < last.at) || order.updatedAt < known.updatedAt;
    this.#keep(stale ? known : { ...known, ...order });
    for (const event of events) this.apply(event);
    this.#changed();
  }

  /**
   * Adds an event and returns whether it was new. Skips a known event. If an event before it is missing, dispatches `gap`:
   * the connection has lost it. Throws MalformedEvent.
   */
  apply(event) {
    check(event);
    const known = this.#orders.get(event.orderId) ?? { orderId: event.orderId, events: [], createdAt: event.at };
    if (event.seq <= known.events.length) return false;
    if (event.seq > known.events.length + 1) {
      this.dispatchEvent(new CustomEvent("gap"));
      return false;
    }
    const stale = known.updatedAt > event.at;
    this.#keep({ ...known, ...(stale ? {} : fieldsOf(event, known)), events: [...known.events, event] });
    if (event.status === "routing") this.quoted(known, event.at, event.data.quotes);
    this.#changed();
    return true;
  }

  /** Stores the best quote of each venue and of each mix of venues. `routes` begin with the best one. */
  quoted({ market, tokenIn, tokenOut }, at, routes) {
    const best = Map.groupBy(Array.isArray(routes) ? routes : [], ({ venue }) => venue).values();
    const quotes = [...best].map(([{ venue, price, priceImpactBps }]) => ({ venue, price, priceImpactBps }));
    this.#quotes.push({ market, tokenIn, tokenOut, at, quotes });
    this.#quotes.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
    this.#quotes.splice(0, this.#quotes.length - MAX_KEPT);
    this.dispatchEvent(new CustomEvent("quoted"));
  }

  /** Stores an order. Drops the ended order that was updated longest ago, because a page may be open for days. */
  #keep(order) {
    this.#orders.delete(order.orderId);
    this.#orders.set(order.orderId, order);
    if (this.#orders.size <= MAX_KEPT) return;
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

/** Returns the fields that an event sets in its order. */
function fieldsOf({ status, at, attempt, data }, order) {
  const step = { status, attempt, updatedAt: at };
  switch (status) {
    case "open":
    case "pending":
      return { ...request(data, order, at), ...step, createdAt: order.createdAt ?? at };
    case "routing":
      return { ...step, venue: data.venue, quotedOut: data.amountOut, quotedOutBaseUnits: data.amountOutBaseUnits };
    case "building":
      return { ...step, minOut: data.minOut, txHash: data.txHash };
    case "submitted":
      return { ...step, txHash: data.txHash };
    case "confirmed":
      return {
        ...step,
        txHash: data.txHash,
        amountSpent: data.amountIn,
        amountSpentBaseUnits: data.amountInBaseUnits,
        amountOut: data.amountOut,
        amountOutBaseUnits: data.amountOutBaseUnits,
        executedPrice: data.executedPrice,
      };
    case "failed":
      return { ...step, error: data };
    default:
      return step;
  }
}

/** Returns the order's own fields in the data of an `open` or `pending` event. */
function request({ reason, message, slice, activation, ...fields }, { terms }, at) {
  if (!fields.terms) return fields;
  const set = { ...terms, ...fields.terms };
  return { ...fields, terms: { ...set, ...sliced(slice, set, at) } };
}

/** Returns how far a recurring order has come with a new slice. The next one is due at the next full interval. */
function sliced(slice, terms, at) {
  if (!slice || slice.number <= terms.slicesDone) return {};
  const step = terms.intervalSeconds * 1000;
  const due = Date.parse(terms.nextSliceAt ?? at);
  const next = due + (Math.floor(Math.max(0, Date.parse(at) - due) / step) + 1) * step;
  return { slicesDone: slice.number, nextSliceAt: slice.number < terms.slices ? new Date(next).toISOString() : null };
}

/** Returns the data of an order's last routing event, or undefined. */
export const decision = (order) => order.events.findLast(({ status }) => status === "routing")?.data;

/** Returns the milliseconds that an ended order took, or null. */
export const took = ({ status, createdAt, updatedAt }) => (isFinal(status) ? Date.parse(updatedAt) - Date.parse(createdAt) : null);

/** Returns whether an order has ended without a swap. */
export const isUnpaid = ({ status, amountSpent }) => isFinal(status) && status !== "confirmed" && !amountSpent;

/** Returns the milliseconds that an order spent in each status: `[{status, spent, attempt}]`, for finished steps. */
export const steps = ({ events }) =>
  events.slice(1).map((event, index) => ({
    status: events[index].status,
    attempt: events[index].attempt,
    spent: Date.parse(event.at) - Date.parse(events[index].at),
  }));
