// Where the order in the form is executed, who pays, and why it can't be placed.

import { fill, h } from "./dom.js";

export class Conditions {
  #market;
  #payer;

  constructor(market, payer) {
    this.#market = market;
    this.#payer = payer;
    this.where = h("p", { class: "where" });
    this.refusal = h("p", { class: "warning", role: "status", hidden: true });
    this.elements = [this.where, this.refusal];
  }

  /** Returns whether the order can be placed. */
  get met() {
    return this.refusal.hidden;
  }

  /** Shows them for an order of this type, which the user's wallet may sign. `missing` is what the user can do about the refusal. */
  show(type, signed) {
    const { name, realMoney } = this.#market;
    const paid = signed ? `, and paid by your wallet in ${this.#payer.name}` : "";
    this.where.classList.toggle("warning", realMoney);
    fill(this.where, [name, paid], () => (realMoney ? [h("strong", {}, "Real money. "), `The order is executed on ${name}${paid}.`] : name && `The order is executed on the market ${name}${paid}.`));
    const refusal = this.#payer.refusal(type) ?? "";
    if (this.refusal.textContent !== refusal) this.refusal.textContent = refusal;
    this.refusal.hidden = !refusal;
    this.missing = refusal && type === "market" ? "Connect a wallet" : undefined;
  }
}
