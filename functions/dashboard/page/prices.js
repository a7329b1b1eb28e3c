// What open orders would be paid now: a quote for each one's own amount or its slice's, one at a time.

import { ApiError, Unreachable } from "./api.js";
import { paidPrice } from "./format.js";
import { isPriced } from "./terms.js";
import { quotedAmount } from "./types.js";

// Between two quotes, and between two for the same order.
const PAUSE_MS = 2_000;
const REFRESH_MS = 15_000;

const keyOf = (order) => [order.tokenIn, order.tokenOut, quotedAmount(order)].join(" ");

/** Event: `changed`. */
export class Prices extends EventTarget {
  #api;
  #known = new Map();
  #due = 0;

  constructor(api) {
    super();
    this.#api = api;
  }

  /** Returns whole `tokenOut` for one `tokenIn`, or undefined if it is not known or the amount cannot be swapped now. */
  of = (order) => this.#known.get(keyOf(order))?.price;

  /** Asks for the price of the order that was asked for longest ago, if it is time. */
  tick(orders) {
    if (Date.now() < this.#due) return;
    const asked = (order) => this.#known.get(keyOf(order))?.at ?? 0;
    const [next] = orders.filter((order) => isPriced(order) && asked(order) + REFRESH_MS < Date.now()).sort((one, other) => asked(one) - asked(other));
    if (next) this.#ask(next);
  }

  async #ask(order) {
    this.#due = Infinity;
    let price, pause = PAUSE_MS;
    const { tokenIn, tokenOut, slippageBps, maxPriceImpactBps } = order;
    try {
      price = paidPrice(await this.#api.get("/api/quotes", { tokenIn, tokenOut, amountIn: quotedAmount(order), slippageBps, maxPriceImpactBps }));
    } catch (error) {
      // The API has already dispatched these errors.
      if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
      if (error.status === 429) pause = error.retryAfter * 1000;
    }
    this.#due = Date.now() + pause;
    this.#known.set(keyOf(order), { price, at: Date.now() });
    this.dispatchEvent(new CustomEvent("changed"));
  }
}
