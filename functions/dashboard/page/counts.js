// How many orders are in each status: as the API has counted them, and what the page has heard since.

import { amount } from "./format.js";

const MAX_AGE_MS = 60_000;

export class Counts {
  #api;
  #store;
  #counted = {};
  #atMost = Infinity;
  // When the orders were counted, and the statuses that the page knew then.
  #at;
  #statuses = new Map();

  constructor(api, store) {
    this.#api = api;
    this.#store = store;
  }

  /** Has the orders counted again if one has moved since, or it is long ago. Throws the API's errors. */
  async read() {
    const at = this.#api.now();
    if (this.#at && at - this.#at < MAX_AGE_MS && !this.#moves().length) return;
    const statuses = new Map(this.#store.stalest.map(({ orderId, status }) => [orderId, status]));
    const { counts, atMost } = await this.#api.get("/api/orders/counts");
    this.#at = at;
    this.#statuses = statuses;
    this.#counted = counts;
    this.#atMost = atMost;
  }

  /** Returns the number of orders in these statuses. */
  of(...statuses) {
    const moved = this.#moves().reduce((sum, [from, to]) => sum + statuses.includes(to) - statuses.includes(from), 0);
    return statuses.reduce((sum, status) => sum + (this.#counted[status] ?? 0), moved);
  }

  /** Returns such a number as a text: the API counts up to a limit only. */
  text = (count) => `${amount(Math.min(count, this.#atMost))}${count < this.#atMost ? "" : "+"}`;

  /** Returns what has happened since the orders were counted: the status that an order left, if it had one, and its new one. */
  #moves() {
    const moves = [];
    for (const { orderId, status, createdAt } of this.#store.stalest) {
      const before = this.#statuses.get(orderId);
      if (before === undefined && Date.parse(createdAt) <= this.#at) this.#statuses.set(orderId, status);
      else if (before !== status) moves.push([before, status]);
    }
    return moves;
  }
}
