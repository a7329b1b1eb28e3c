// Keeps the store up to date: with events over the socket, and with the list of orders for those submitted elsewhere.

import { ApiError, Unreachable } from "./api.js";
import { Counts } from "./counts.js";
import { isFinal } from "./engine.js";
import { MalformedEvent } from "./store.js";
import { Socket } from "./socket.js";

const POLL_MS = 4_000;
const PAGE_SIZE = 50;
// The engine allows one connection to watch this many orders. Open ones may take half of them.
const MAX_SUBSCRIPTIONS = 100;
const MAX_OPEN = 50;

/** Events: `loaded` after each read of the list, `failed` with an order's event, `malformed` for such a message. */
export class Feed extends EventTarget {
  #api;
  #store;
  #subscribed = new Set();
  #timer;
  #stopped = false;
  #openRead = false;

  constructor(api, store, url) {
    super();
    this.#api = api;
    this.#store = store;
    this.loaded = false;
    this.counts = new Counts(api, store);
    this.socket = new Socket(api, url);
    this.socket.addEventListener("live", () => {
      this.#subscribed.clear();
      this.#subscribe();
      // Orders may have started while the connection was down.
      this.#openRead = false;
      this.poll();
    });
    this.socket.addEventListener("message", ({ detail }) => this.#take(detail));
    this.socket.addEventListener("malformed", () => this.#reread());
    // The new connection is subscribed again, after the events that are known.
    store.addEventListener("gap", () => this.socket.reconnect());
    document.addEventListener("visibilitychange", this.#shown);
  }

  start() {
    this.socket.start();
    this.poll();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#shown);
    this.socket.stop();
  }

  /** Reads the newest orders now, and then regularly. */
  async poll() {
    clearTimeout(this.#timer);
    try {
      const listed = await this.#list();
      if (!this.#openRead) await this.#listOpen();
      await this.counts.read();
      this.loaded = true;
      this.dispatchEvent(new CustomEvent("loaded"));
      this.#subscribe();
      // Orders that are neither listed nor subscribed, and ended orders whose last event is missing.
      const incomplete = this.#store.stalest.filter(({ orderId, status, events }) =>
        isFinal(status) ? events.length > 0 && !isFinal(events.at(-1).status) : !listed.has(orderId) && !this.#subscribed.has(orderId),
      );
      for (const { orderId } of incomplete.slice(0, 10)) await this.read(orderId);
    } catch (error) {
      // The API has already dispatched these errors.
      if (!(error instanceof ApiError || error instanceof Unreachable || error instanceof MalformedEvent)) throw error;
    } finally {
      clearTimeout(this.#timer);
      if (!this.#stopped && !document.hidden) this.#timer = setTimeout(() => this.poll(), POLL_MS);
    }
  }

  /** Returns the ids of the newest orders, and of all that run. */
  async #list() {
    const { orders } = await this.#api.get("/api/orders", { limit: PAGE_SIZE });
    const { orders: active } = await this.#api.get("/api/orders/active");
    const running = active.map((order) => started(order, this.#store.get(order.orderId)));
    for (const order of [...orders, ...running]) this.#store.merge(order);
    return new Set([...orders, ...running].map(({ orderId }) => orderId));
  }

  /** Reads the newest open orders, which may be older than many ended ones. */
  async #listOpen() {
    const { orders } = await this.#api.get("/api/orders", { limit: MAX_OPEN, status: "open" });
    for (const order of orders) this.#store.merge(order);
    this.#openRead = true;
  }

  /** Reads one order with its events and returns it. Throws the API's errors. */
  async read(id) {
    const order = await this.#api.get(`/api/orders/${encodeURIComponent(id)}`);
    this.#store.merge(order);
    return this.#store.get(order.orderId);
  }

  /** Adds an order that was just submitted, and reads the one that is linked with it. */
  add(order) {
    this.#store.merge(order);
    this.#subscribe();
    if (order.linkedOrderId) this.poll();
  }

  #shown = () => {
    if (!document.hidden) this.poll();
  };

  #subscribe() {
    if (this.socket.state !== "live") return;
    const wanted = [...this.#store.running, ...this.#store.open];
    let subscribed = wanted.filter(({ orderId }) => this.#subscribed.has(orderId)).length;
    for (const { orderId, status } of wanted) {
      if (this.#subscribed.has(orderId)) continue;
      if (++subscribed > (status === "open" ? MAX_OPEN : MAX_SUBSCRIPTIONS)) return;
      this.#subscribed.add(orderId);
      this.socket.send({ action: "subscribe", orderId, after: this.#store.get(orderId)?.events.length ?? 0 });
    }
  }

  #take(message) {
    // An error does not name the order of the refused subscription, so the next poll makes all of them again.
    if ("error" in message) this.#subscribed.clear();
    if ("error" in message || "action" in message) return;
    try {
      if (this.#store.apply(message) && message.status === "failed") this.dispatchEvent(new CustomEvent("failed", { detail: message }));
    } catch (error) {
      if (!(error instanceof MalformedEvent)) throw error;
      this.#reread(message.orderId);
      this.socket.reconnect();
      return;
    }
    if (isFinal(message.status)) this.#subscribe();
  }

  /** Reports a malformed message, and reads the order or the list over REST instead. */
  #reread(orderId) {
    this.dispatchEvent(new CustomEvent("malformed"));
    if (this.#store.get(orderId)) this.read(orderId).catch(() => {});
    else this.poll();
  }
}

/** Returns an active order as the list of orders has it. One that has waited began before it ran. */
function started({ startedAt, event, ...order }, known) {
  return { ...order, status: event.status, attempt: event.attempt, createdAt: known?.createdAt ?? startedAt, updatedAt: event.at };
}
