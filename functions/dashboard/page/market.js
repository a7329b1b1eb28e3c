// The market in which the engine trades, and how the page names it.

import { ApiError, Unreachable } from "./api.js";
import { h } from "./dom.js";

const RETRY_MS = 4_000;
const REAL_MONEY = "Mainnet";
const SIMULATED = "Simulated";

/** Has no name and no tokens until it is read; `explorer` and `wallet` are null on the simulated market. Event: `changed`. */
export class Market extends EventTarget {
  #api;
  #timer;
  #stopped = false;

  constructor(api) {
    super();
    this.#api = api;
    this.name = undefined;
    this.explorer = null;
    this.wallet = null;
    this.tokens = undefined;
  }

  get realMoney() {
    return this.name === REAL_MONEY;
  }

  /** Returns the chain's identifier among wallets, such as `solana:devnet`; undefined on the simulated market. */
  get chain() {
    return this.name && this.name !== SIMULATED ? `solana:${this.name.toLowerCase()}` : undefined;
  }

  /** Returns a market's name if it is another one, else null: this one stands in the header. */
  other = (name) => (this.name && name !== this.name ? name : null);

  /** Returns whether only the users' wallets can pay. */
  get keyless() {
    return Boolean(this.chain) && !this.wallet;
  }

  /** Reads it, until the API answers. */
  async read() {
    clearTimeout(this.#timer);
    try {
      const { market, explorer, wallet, tokens } = await this.#api.get("/api/market");
      Object.assign(this, { name: market, explorer, wallet, tokens });
      this.dispatchEvent(new CustomEvent("changed"));
    } catch (error) {
      // The API has already dispatched these errors.
      if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
      if (!this.#stopped) this.#timer = setTimeout(() => this.read(), RETRY_MS);
    }
  }

  /** Reads it again if the engine has named another one: it was started anew. */
  heard(name) {
    if (this.name && name !== this.name) this.read();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Returns where the explorer shows a transaction in the market `name`. It knows the engine's market only. */
  transaction = (signature, name) => (name === this.name ? this.#link("transaction", "{signature}", signature) : undefined);

  /** Returns where the explorer shows an account in the market `name`. */
  address = (address, name) => (name === this.name ? this.#link("address", "{address}", address) : undefined);

  #link = (kind, place, value) => this.explorer?.[kind].replace(place, encodeURIComponent(value));
}

/** Returns whether a market's money is real, in words. */
export const money = (name) => (name === REAL_MONEY ? "real money" : "test money");

export const marketTag = (name, ...more) => h("span", { class: `tag market ${name.toLowerCase()}` }, name, more);
