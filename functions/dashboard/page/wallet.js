// The wallet that pays for the orders: its address and its balances.

import { ApiError, Unreachable } from "./api.js";
import { copyable, fill, h } from "./dom.js";
import { amount, duration, sentence, token } from "./format.js";

const REFRESH_MS = 15_000;
// Many orders may be confirmed at once.
const PAUSE_MS = 2_000;

export class Wallet {
  #context;
  #asked = 0;
  #due = 0;
  #answered;
  #balances = [];
  #error;
  #latest;
  #asking = new AbortController();

  constructor(context) {
    this.#context = context;
    this.age = h("span", { class: "age" });
    this.body = h("div", {});
    this.element = h("section", { class: "card wallet", "aria-label": "Wallet", hidden: true }, h("div", { class: "card-top" }, h("h2", {}, "Wallet"), this.age), this.body);
    this.changed();
  }

  changed() {
    const { market, store } = this.#context;
    const confirmed = store.orders.filter(({ status }) => status === "confirmed").map(({ updatedAt }) => updatedAt);
    const latest = confirmed.sort().at(-1);
    if (latest !== this.#latest) this.#due = Math.min(this.#due, this.#asked + PAUSE_MS);
    this.#latest = latest;
    this.#show();
    this.element.hidden = !market.wallet;
  }

  tick() {
    if (this.#answered) this.age.textContent = `${duration(Date.now() - this.#answered)} old`;
    if (this.#context.market.wallet && Date.now() >= this.#due) this.#read();
  }

  close() {
    this.#asking.abort();
  }

  async #read() {
    this.#asked = Date.now();
    this.#due = this.#asked + REFRESH_MS;
    try {
      this.#balances = (await this.#context.api.get("/api/wallet", {}, this.#asking.signal)).balances;
      this.#answered = Date.now();
      this.#error = undefined;
    } catch (error) {
      if (this.#asking.signal.aborted) return;
      if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
      this.#error = error;
    }
    this.#show();
  }

  #show() {
    const { market } = this.#context;
    const state = { address: market.wallet, link: market.wallet && market.address(market.wallet, market.name), balances: this.#balances, error: this.#error?.message };
    fill(this.body, state, ({ address, link, balances, error }) => [
      address && copyable(address, link),
      error && h("p", { class: "warning", role: "status" }, h("strong", {}, "The balances could not be read. "), sentence(error)),
      h("dl", { class: "balances" }, balances.map(({ token: name, amount: held }) => h("div", { class: Number(held) === 0 && "none" }, h("dt", {}, token(name)), h("dd", {}, amount(held, 9))))),
    ]);
  }
}
