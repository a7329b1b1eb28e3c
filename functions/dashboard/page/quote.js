// The quote for the order in the form. It is refreshed while the user types, and regularly while the page is visible.

import { transient } from "./api.js";
import { empty, facts, fill, h } from "./dom.js";
import { explained } from "./errors.js";
import { amount, duration, price } from "./format.js";
import { compared, costs, fees, impact, split, unavailable, venueName, why } from "./routes.js";

const TYPING_MS = 300;
const REFRESH_MS = 8_000;

export class LiveQuote extends EventTarget {
  #api;
  #market;
  #wanted;
  #asking;
  #timer;
  #none;

  constructor(api, market) {
    super();
    this.#api = api;
    this.#market = market;
    this.quote = undefined;
    this.error = undefined;
    this.age = h("span", { class: "age" });
    this.body = h("div", { class: "quote" });
    this.element = h("section", { class: "card", "aria-label": "Live quote" }, h("div", { class: "card-top" }, h("h2", {}, "Live quote"), this.age), this.body);
    this.#show();
  }

  /** Asks for a quote for `wanted`, or for none if it is undefined: `none` says why. Events: `quoted` with a quote, `changed`. */
  want(wanted, none) {
    if (JSON.stringify([wanted, none]) === JSON.stringify([this.#wanted, this.#none])) return;
    this.#wanted = wanted;
    this.#none = none;
    this.#asking?.abort();
    clearTimeout(this.#timer);
    this.quote = this.error = undefined;
    this.#update();
    if (wanted) this.#timer = setTimeout(() => this.#ask(), TYPING_MS);
  }

  /** Asks again now. Returns the quote; undefined if there is none, or another one is wanted by then. */
  async renew() {
    await this.#ask();
    return this.quote;
  }

  stop() {
    this.#asking?.abort();
    clearTimeout(this.#timer);
    this.#wanted = undefined;
  }

  tick() {
    const { quote } = this;
    if (!quote) {
      this.age.textContent = "";
      return;
    }
    const left = Date.parse(quote.expiresAt) - this.#api.now();
    this.age.textContent = left > 0 ? `${duration(Date.now() - quote.at)} old, valid for ${Math.ceil(left / 1000)} s` : "expired";
    this.age.classList.toggle("expired", left <= 0);
  }

  async #ask() {
    clearTimeout(this.#timer);
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const quote = await this.#api.get("/api/quotes", this.#wanted, asking.signal);
      this.quote = { ...quote, at: Date.now() };
      this.error = undefined;
      this.dispatchEvent(new CustomEvent("quoted", { detail: this.quote }));
    } catch (error) {
      if (asking.signal.aborted) return;
      this.error = error;
      this.quote = undefined;
    }
    this.#update();
    // A refused order is refused again until it is changed; a venue may come back, and a limit ends.
    if (!this.error || !lasting(this.error)) this.#timer = setTimeout(() => this.#refresh(), REFRESH_MS);
  }

  #refresh() {
    if (document.hidden) document.addEventListener("visibilitychange", () => this.#wanted && this.#ask(), { once: true });
    else this.#ask();
  }

  #update() {
    this.#show();
    this.tick();
    this.dispatchEvent(new CustomEvent("changed"));
  }

  #show() {
    const { quote, error } = this;
    const state = quote ? { quote } : error ? { code: error.code, message: error.message } : { waiting: Boolean(this.#wanted), none: this.#none };
    this.body.setAttribute("aria-busy", String(Boolean(state.waiting)));
    fill(this.body, state, () => (quote ? this.#quoted(quote) : error ? refused(error) : state.waiting ? asking() : empty("No quote yet", this.#none)));
  }

  #quoted(quote) {
    return [
      h(
        "div",
        { class: "headline" },
        h("p", { class: "pays" }, h("strong", {}, amount(quote.amountOut)), ` ${quote.tokenOut} for ${amount(quote.amountIn, 9)} ${quote.tokenIn}`),
        h("p", { class: "note" }, `1 ${quote.tokenIn} = ${price(quote.price)} ${quote.tokenOut}`),
      ),
      facts({
        "Minimum received": `${amount(quote.minOut)} ${quote.tokenOut}`,
        "Price impact": impact(quote.priceImpactBps),
        Venue: venueName(quote.venue),
        "Fees (included)": fees(quote.fees),
        "Transaction costs": costs(quote),
        Unspent: Number(quote.unspent) > 0 && [`${amount(quote.unspent, 9)} ${quote.tokenIn} `, h("span", { class: "note" }, "stays in the wallet")],
      }),
      unavailable(quote.unavailable),
      split(quote, (pool) => this.#market.address(pool, quote.market)),
      h("p", { class: "note reason" }, why(quote)),
      compared(quote.quotes),
    ];
  }
}

const asking = () =>
  h("div", { class: "skeleton" }, h("span", { class: "visually-hidden" }, "Asking the venues"), [70, 45, 100, 90, 90].map((width) => h("i", { class: `w${width}` })));

// The last two come with a quote for a wallet: the market moves, and wallets are funded.
const PASSING = ["RateLimited", "SlippageExceeded", "InsufficientFunds"];

/** Returns whether the same request will be refused again. */
export const lasting = (error) => !transient(error) && !PASSING.includes(error.code);

function refused(error) {
  const again = lasting(error) ? "" : "The page asks again every few seconds.";
  const shown = explained(error, " ", again);
  shown.setAttribute("role", "status");
  return shown;
}
