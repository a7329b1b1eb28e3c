// What the user has to accept before an order is submitted: that it moves the price, or that it may receive anything.

import { h } from "./dom.js";
import { engine } from "./engine.js";
import { percent } from "./format.js";

export const ANY_BPS = 10_000;
// How far the price impact may pass the one that the user has accepted: prices move.
const MARGIN_BPS = 100;

export class Acceptance {
  #accepted = 0;
  #anySlippage = false;

  constructor() {
    this.box = h("input", { type: "checkbox", id: "accept" });
    this.risk = h("span", {});
    this.element = h("label", { class: "check warning", hidden: true }, this.box, this.risk);
  }

  /** Returns whether nothing is left to accept. */
  get given() {
    return this.element.hidden || this.box.checked;
  }

  /** Returns the fields by which an order says what the user has accepted. */
  get body() {
    return {
      ...(this.#accepted && { maxPriceImpactBps: Math.min(this.#accepted + MARGIN_BPS, ANY_BPS) }),
      ...(this.#anySlippage && { allowAnySlippage: true }),
    };
  }

  /** Shows the risks of an order with this price impact and slippage tolerance. */
  show(impactBps, slippageBps) {
    const impact = impactBps > engine.maxPriceImpactBps ? impactBps : 0;
    this.#anySlippage = slippageBps === ANY_BPS;
    const risks = [impact && `moves the price by ${percent(impact)}`, this.#anySlippage && "may receive any amount, however small"].filter(Boolean);
    this.element.hidden = !risks.length;
    this.risk.textContent = risks.length ? `I accept that this order ${risks.join(" and ")}` : "";
    // Prices move a little while the user decides.
    if (!risks.length || impact > (this.#accepted || impact) + MARGIN_BPS) this.box.checked = false;
    this.#accepted = this.box.checked ? this.#accepted || impact : 0;
  }
}
