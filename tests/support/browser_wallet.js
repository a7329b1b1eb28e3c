// A wallet by the Wallet Standard, whose key and will are the test's: `testWallet` asks it.
(({ name, chains, versions }) => {
  const signs = "solana:signTransaction";
  const listeners = new Set();
  const text = (bytes) => btoa(String.fromCharCode(...bytes));
  const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const account = ({ address, publicKey }) => ({ address, publicKey: bytes(publicKey), chains, features: [signs] });
  const ask = async (what, input) => {
    const { refusal, silence, answer } = await testWallet(name, what, input);
    if (silence) return new Promise(() => {});
    if (refusal) throw new Error(refusal);
    return answer;
  };
  const share = (accounts) => {
    wallet.accounts = accounts.map(account);
    return wallet.accounts;
  };
  const wallet = {
    version: "1.0.0",
    name,
    icon: "data:image/svg+xml;base64,PHN2Zy8+",
    chains,
    accounts: [],
    features: {
      "standard:connect": { version: "1.0.0", connect: async ({ silent = false } = {}) => ({ accounts: share(await ask("connect", silent)) }) },
      "standard:disconnect": { version: "1.0.0", disconnect: () => ask("disconnect") },
      "standard:events": {
        version: "1.0.0",
        on: (event, listener) => {
          if (event !== "change") throw new Error(`expected change, was ${event}`);
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      [signs]: {
        version: "1.0.0",
        supportedTransactionVersions: versions,
        signTransaction: async ({ account: by, chain, transaction }) => {
          if (!wallet.accounts.includes(by)) throw new Error("expected an account of the wallet");
          return [{ signedTransaction: bytes(await ask("sign", { chain, transaction: text(transaction), address: by.address })) }];
        },
      },
    },
  };
  addEventListener(`test-wallet:${name}`, ({ detail: accounts }) => {
    share(accounts);
    for (const listener of listeners) listener({ accounts: wallet.accounts });
  });
  const register = (page) => page.register(wallet);
  addEventListener("wallet-standard:app-ready", ({ detail: page }) => register(page));
  dispatchEvent(new CustomEvent("wallet-standard:register-wallet", { detail: register }));
})(PLACE);
