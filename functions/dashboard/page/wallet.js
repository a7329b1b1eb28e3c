// The wallet that pays for the swaps: the engine's or the user's, its address and its balances.

import { ApiError, Unreachable } from "./api.js";
import { copyable, fill, h } from "./dom.js";
import { amount, duration, sentence, token } from "./format.js";

const REFRESH_MS = 15_000;
// Many orders may be confirmed at once.
const PAUSE_MS = 2_000;

export class Wallet {
  #context;
  #address;
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
    this.choices = h("div", { class: "payers", role: "group", "aria-label": "Paid by" });
    this.body = h("div", {});
    this.element = h("section", { class: "card wallet", "aria-label": "Wallet", hidden: true }, h("div", { class: "card-top" }, h("h2", {}, "Wallet"), this.age), this.choices, this.body);
    this.changed();
  }

  changed() {
    const { market, payer, store } = this.#context;
    const confirmed = store.orders.filter(({ status }) => status === "confirmed").map(({ updatedAt }) => updatedAt);
    const latest = confirmed.sort().at(-1);
    if (latest !== this.#latest) this.#due = Math.min(this.#due, this.#asked + PAUSE_MS);
    this.#latest = latest;
    const address = payer.address ?? market.wallet;
    if (address !== this.#address) this.#begin(address);
    this.#show();
    this.element.hidden = !market.chain;
  }

  tick() {
    this.age.textContent = this.#answered ? `${duration(Date.now() - this.#answered)} old` : "";
    if (this.#address && Date.now() >= this.#due) this.#read();
  }

  close() {
    this.#asking.abort();
  }

  /** Shows another wallet from now on. */
  #begin(address) {
    this.#asking.abort();
    this.#asking = new AbortController();
    this.#address = address;
    this.#balances = [];
    this.#answered = this.#error = undefined;
    this.#due = 0;
  }

  async #read() {
    const { api, payer } = this.#context;
    const { signal } = this.#asking;
    this.#asked = Date.now();
    this.#due = this.#asked + REFRESH_MS;
    try {
      this.#balances = (await api.get("/api/wallet", { address: payer.address }, signal)).balances;
      this.#answered = Date.now();
      this.#error = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
      this.#error = error;
    }
    this.#show();
  }

  #show() {
    const { market, payer } = this.#context;
    this.#offer();
    const state = {
      name: market.name,
      keyless: market.keyless,
      yours: payer.address && payer.name,
      found: payer.names.length > 0,
      problem: payer.problem,
      address: this.#address,
      link: this.#address && market.address(this.#address, market.name),
      balances: this.#balances,
      error: this.#error?.message,
    };
    fill(this.body, state, (shown) => this.#content(shown));
  }

  /** Offers the wallets that can pay. */
  #offer() {
    const { market, payer } = this.#context;
    const { names, name: chosen, connecting } = payer;
    fill(this.choices, [market.keyless, names], () => [
      !market.keyless && h("button", { type: "button", click: () => payer.forget() }, "The engine's wallet"),
      names.map((name) => h("button", { type: "button", "data-name": name, click: () => payer.choose(name) }, name)),
    ]);
    this.choices.hidden = !names.length;
    for (const button of this.choices.children) {
      const { name } = button.dataset;
      button.setAttribute("aria-pressed", String(name === chosen));
      if (name) button.textContent = name === chosen && connecting ? `Connecting ${name}…` : name;
    }
  }

  #content({ name, keyless, yours, found, problem, address, link, balances, error }) {
    return [
      problem && h("p", { class: "warning", role: "status" }, `${problem}.`),
      keyless && !address && found && h("p", { class: "note" }, "This engine has no wallet of its own: connect yours to swap."),
      address && copyable(address, link),
      error && h("p", { class: "warning", role: "status" }, h("strong", {}, "The balances could not be read. "), sentence(error)),
      balances.length > 0 && h("dl", { class: "balances" }, balances.map(({ token: symbol, amount: held }) => h("div", { class: Number(held) === 0 && "none" }, h("dt", {}, token(symbol)), h("dd", {}, amount(held, 9))))),
      yours && h("button", { type: "button", class: "quiet", click: () => this.#context.payer.disconnect() }, `Disconnect ${yours}`),
      !found && h("p", { class: "note" }, `${keyless ? "This engine has no wallet of its own, and no" : "To pay with a wallet of yours, open this page in a browser that has one: no"} wallet here signs on ${name}. Phantom, Solflare, Backpack and all others that follow the Wallet Standard can.`),
    ];
  }
}
