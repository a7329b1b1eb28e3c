// Keeps the store up to date: events over the socket, and a look at the list of orders for what others have submitted.

import { ApiError, Unreachable } from "./api.js";
import { isFinal } from "./engine.js";
import { MalformedEvent } from "./store.js";
import { Socket } from "./socket.js";

const LOOK = 4_000;
const MOST = 50;
// As many running orders as a connection may listen to.
const SUBSCRIPTIONS = 100;

/** Events: `loaded` after each look at the list, `failed` with the event of an order, `malformed` for what is none. */
export class Feed extends EventTarget {
  #api;
  #store;
  #subscribed = new Set();
  #timer;
  #stopped = false;

  constructor(api, store, url) {
    super();
    this.#api = api;
    this.#store = store;
    this.loaded = false;
    this.socket = new Socket(api, url);
    this.socket.addEventListener("live", () => {
      this.#subscribed.clear();
      this.#subscribe();
      // What began meanwhile is not known yet.
      this.look();
    });
    this.socket.addEventListener("message", ({ detail }) => this.#take(detail));
    this.socket.addEventListener("malformed", () => this.#distrust());
    store.addEventListener("gap", ({ detail }) => this.#replay(detail));
    document.addEventListener("visibilitychange", this.#seen);
  }

  start() {
    this.socket.start();
    this.look();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#seen);
    this.socket.stop();
  }

  /** Reads the newest orders, now and then again. */
  async look() {
    clearTimeout(this.#timer);
    try {
      const listed = await this.#list();
      this.loaded = true;
      this.dispatchEvent(new CustomEvent("loaded"));
      this.#subscribe();
      // Running, but neither among the newest nor listened to; or followed, but not to its end.
      const lost = this.#store.orders.filter(({ orderId, status, events }) =>
        isFinal(status) ? events.length > 0 && !isFinal(events.at(-1).status) : !listed.has(orderId) && !this.#subscribed.has(orderId),
      );
      for (const { orderId } of lost.slice(0, 10)) await this.read(orderId);
    } catch (error) {
      // Of these the API has told everybody who wants to know.
      if (!(error instanceof ApiError || error instanceof Unreachable || error instanceof MalformedEvent)) throw error;
    } finally {
      clearTimeout(this.#timer);
      if (!this.#stopped && !document.hidden) this.#timer = setTimeout(() => this.look(), LOOK);
    }
  }

  /** The ids of the newest orders: of as many pages as tell of one that runs and that nobody knew. */
  async #list() {
    const listed = new Set();
    for (let cursor = "", news = true; news && cursor !== null; ) {
      const { orders, nextCursor } = await this.#api.get("/api/orders", { limit: MOST, cursor });
      news = orders.some(({ orderId, status }) => !isFinal(status) && !this.#store.get(orderId));
      for (const order of orders) {
        this.#store.merge(order);
        listed.add(order.orderId);
      }
      cursor = nextCursor;
    }
    return listed;
  }

  /** Reads one order with its events. Throws what the API does. */
  async read(id) {
    const order = await this.#api.get(`/api/orders/${encodeURIComponent(id)}`);
    this.#store.merge(order);
    return this.#store.get(order.orderId);
  }

  /** Takes in an order that was just submitted. */
  began(order) {
    this.#store.merge(order);
    this.#subscribe();
  }

  #seen = () => {
    if (!document.hidden) this.look();
  };

  #subscribe() {
    if (this.socket.state !== "live") return;
    const running = this.#store.running;
    let listening = running.filter(({ orderId }) => this.#subscribed.has(orderId)).length;
    for (const { orderId } of running) {
      if (this.#subscribed.has(orderId)) continue;
      if (++listening > SUBSCRIPTIONS) return;
      this.#subscribed.add(orderId);
      this.#replay(orderId);
    }
  }

  #replay(orderId) {
    this.socket.send({ action: "subscribe", orderId, after: this.#store.get(orderId)?.events.length ?? 0 });
  }

  #take(message) {
    // Of a subscription that was refused the answer names no order: at the next look all are made again.
    if ("error" in message) this.#subscribed.clear();
    if ("error" in message || "action" in message) return;
    try {
      if (this.#store.apply(message) && message.status === "failed") this.dispatchEvent(new CustomEvent("failed", { detail: message }));
    } catch (error) {
      if (!(error instanceof MalformedEvent)) throw error;
      this.#distrust(message.orderId);
      return;
    }
    if (isFinal(message.status)) this.#subscribe();
  }

  /** What came could not be understood: REST knows what has happened. */
  #distrust(orderId) {
    this.dispatchEvent(new CustomEvent("malformed"));
    if (this.#store.get(orderId)) this.read(orderId).catch(() => {});
    else this.look();
  }
}
