// Who pays for the swaps in the form: the engine's wallet, or a wallet of the user's, which signs them in this browser.

import { SIGN, wallets } from "./standard.js";

const STORAGE_KEY = "order-engine-wallet";

/** The wallet has not signed, for the reason in the message. Nothing was sent. */
export class NotSigned extends Error {}

/** The user's choice, which lasts for the session. Event: `changed`. */
export class Payer extends EventTarget {
  #market;
  #wallet;
  #account;
  #signing;
  #left = new AbortController();
  #unheard = () => {};

  constructor(market) {
    super();
    this.#market = market;
    this.connecting = false;
    this.problem = undefined;
    for (const source of [wallets, market]) source.addEventListener("changed", () => this.#found(), { signal: this.#left.signal });
    this.#found();
  }

  /** Returns the names of the wallets that sign in the market. */
  get names() {
    return this.#usable.map(({ name }) => name);
  }

  /** Returns the name of the user's wallet, as soon as it is chosen; undefined if the engine's wallet pays. */
  get name() {
    return this.#wallet?.name;
  }

  /** Returns the address of the user's wallet while it is connected. */
  get address() {
    return this.#account?.address;
  }

  get signing() {
    return Boolean(this.#signing);
  }

  /** Returns why no order of this type can be placed, or undefined. */
  refusal(type) {
    const { keyless } = this.#market;
    const brief = "A transaction that you sign is valid for about a minute";
    if (type === "market") return keyless && !this.address ? "This engine has no wallet of its own: connect yours to swap." : undefined;
    if (keyless) return `This engine has no wallet of its own. ${brief}, so it can swap at once, but not wait.`;
    return this.address && `${brief}, so it can swap at once, but not wait. For this order, let the engine's wallet pay.`;
  }

  /** Connects the wallet of this name. A `silent` one asks the user nothing. */
  async choose(name, silent = false) {
    if (this.address && this.name === name) return;
    const wallet = this.#usable.find((one) => one.name === name);
    this.#drop();
    this.#wallet = wallet;
    this.connecting = true;
    this.#changed();
    let accounts = [], problem;
    try {
      ({ accounts } = await wallet.features["standard:connect"].connect({ silent }));
    } catch (error) {
      problem = reason(error);
    }
    // The user may have chosen another one meanwhile.
    if (this.#wallet !== wallet || !this.connecting) return;
    this.connecting = false;
    this.#take(accounts);
    if (this.address) {
      sessionStorage.setItem(STORAGE_KEY, name);
      this.#unheard = wallet.features["standard:events"].on("change", (changes) => changes.accounts && this.#moved(changes.accounts));
    } else {
      this.#drop(silent ? undefined : `${name} is not connected: ${problem ?? `it has shared no account on ${this.#market.name}`}`);
    }
    this.#changed();
  }

  /** Lets the engine's wallet pay. */
  forget() {
    sessionStorage.removeItem(STORAGE_KEY);
    this.#drop();
    this.#changed();
  }

  /** Also has the user's wallet forget this page. */
  async disconnect() {
    const disconnecting = this.#wallet?.features["standard:disconnect"];
    this.forget();
    await disconnecting?.disconnect();
  }

  /** Ends with the session of the page. */
  close() {
    this.#left.abort();
    this.forget();
  }

  /** Has the user's wallet sign a transaction, in base64, and returns it signed. Throws NotSigned. */
  async sign(transaction) {
    const signing = new AbortController();
    const stopped = new Promise((_, refuse) => signing.signal.addEventListener("abort", () => refuse(new NotSigned(signing.signal.reason))));
    this.#signing = signing;
    this.#changed();
    try {
      const input = { account: this.#account, chain: this.#market.chain, transaction: bytes(transaction) };
      const [{ signedTransaction }] = await Promise.race([stopped, this.#wallet.features[SIGN].signTransaction(input)]);
      return base64(signedTransaction);
    } catch (error) {
      throw error instanceof NotSigned ? error : new NotSigned(reason(error));
    } finally {
      this.#signing = undefined;
      this.#changed();
    }
  }

  /** Waits for a signature no longer. */
  stop(because) {
    this.#signing?.abort(because);
  }

  get #usable() {
    return this.#market.chain ? wallets.on(this.#market.chain) : [];
  }

  /** Takes up the wallet of this session once it is there, and drops one that has gone. */
  #found() {
    const remembered = sessionStorage.getItem(STORAGE_KEY);
    if (this.#wallet && !this.#usable.includes(this.#wallet)) this.#drop(`${this.name} does not sign on ${this.#market.name}`);
    else if (!this.#wallet && this.names.includes(remembered)) this.choose(remembered, true);
    this.#changed();
  }

  /** Takes the first account that signs in the market. */
  #take(accounts) {
    const account = accounts.find(({ chains, features }) => chains.includes(this.#market.chain) && features.includes(SIGN));
    if (account?.address !== this.address) this.stop("its account has changed");
    this.#account = account;
  }

  /** Hears that the wallet shares other accounts now. */
  #moved(accounts) {
    const { name } = this;
    this.#take(accounts);
    if (!this.address) {
      sessionStorage.removeItem(STORAGE_KEY);
      this.#drop(`${name} has disconnected`);
    }
    this.#changed();
  }

  #drop(problem) {
    this.stop("it is not connected any more");
    this.#unheard();
    this.#unheard = () => {};
    this.#wallet = this.#account = undefined;
    this.connecting = false;
    this.problem = problem;
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("changed"));
  }
}

/** Returns what a wallet says of its refusal. */
const reason = (error) => String(error?.message ?? error).replace(/\.$/, "");

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const base64 = (data) => btoa(String.fromCharCode(...data));
