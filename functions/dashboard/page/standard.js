// The wallets in this browser, by the Wallet Standard: https://github.com/wallet-standard/wallet-standard

export const SIGN = "solana:signTransaction";

const NEEDED = ["standard:connect", "standard:events", SIGN];
// Of the transactions that the engine builds.
const VERSION = 0;

/** The wallets that have registered. Event: `changed`. */
class Wallets extends EventTarget {
  #found = [];

  constructor() {
    super();
    const page = Object.freeze({ register: (...wallets) => this.#register(wallets) });
    // A wallet may be there before the page, and come after it.
    addEventListener("wallet-standard:register-wallet", ({ detail: meet }) => meet(page));
    dispatchEvent(new CustomEvent("wallet-standard:app-ready", { detail: page }));
  }

  /** Returns the wallets that sign transactions on a chain, such as `solana:devnet`. */
  on = (chain) =>
    this.#found.filter(
      ({ chains, features }) => chains.includes(chain) && NEEDED.every((name) => name in features) && features[SIGN].supportedTransactionVersions.includes(VERSION),
    );

  /** Returns a function that takes the wallets away again. */
  #register(wallets) {
    const fresh = wallets.filter((wallet) => !this.#found.includes(wallet));
    this.#keep([...this.#found, ...fresh]);
    return () => this.#keep(this.#found.filter((wallet) => !fresh.includes(wallet)));
  }

  #keep(wallets) {
    this.#found = wallets;
    this.dispatchEvent(new CustomEvent("changed"));
  }
}

export const wallets = new Wallets();
