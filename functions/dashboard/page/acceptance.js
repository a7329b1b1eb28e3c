// What an order risks: that it moves the price, or that it receives less than quoted. The user has to accept a great loss.

import { confirm, h } from "./dom.js";
import { engine } from "./engine.js";
import { brief, decimal, percent, risk, units } from "./format.js";

export const ANY_BPS = 10_000;
const CAUTION_SLIPPAGE_BPS = 500;
// How far the price impact may pass the one that the user has accepted: prices move.
const MARGIN_BPS = 100;
// Decimals beyond those of any token.
const SCALE = 18;

export class Acceptance {
  constructor() {
    this.impact = warning();
    this.slippage = warning();
  }

  /** Shows the risks of an order with this slippage tolerance, at this quote if there is one. Returns whether it has to be accepted. */
  show(slippageBps, quote) {
    const impact = quote && risk(quote.priceImpactBps);
    say(this.impact, impact, impact && `Price impact ${percent(quote.priceImpactBps)}: about ${share(quote.amountIn, quote.priceImpactBps)} of ${brief(quote.amountIn)} ${quote.tokenIn} is lost.`);
    const slippage = slippageBps === ANY_BPS ? "danger" : slippageBps >= CAUTION_SLIPPAGE_BPS ? "caution" : undefined;
    const less = quote ? `${share(quote.amountOut, slippageBps ?? 0)} ${quote.tokenOut}` : percent(slippageBps ?? 0);
    say(this.slippage, slippage, slippage === "danger" ? "Any amount is accepted: you may receive nothing." : `You may receive up to ${less} less than quoted.`);
    return [impact, slippage].includes("danger");
  }

  /**
   * Asks the user to accept what the order risks, if it is a great loss, and again if the loss has grown meanwhile. `current`
   * returns the order's slippage tolerance, the quote and the name of the action. Returns undefined if the user does not agree.
   */
  async ask(current) {
    for (let accepted = new Accepted(); ; ) {
      const { slippageBps, quote, action } = current();
      if (accepted.covers(slippageBps, quote)) return accepted;
      const loss = quote && risk(quote.priceImpactBps) === "danger" && lost(quote);
      const any = slippageBps === ANY_BPS;
      const agreed = await confirm(
        loss ? `Lose about ${loss}?` : "Accept any amount?",
        `${action} anyway`,
        "Go back",
        loss && h("p", { class: "danger" }, `Swapping ${brief(quote.amountIn)} ${quote.tokenIn} moves the price by ${percent(quote.priceImpactBps)}. You receive about ${brief(quote.amountOut)} ${quote.tokenOut}, and lose about ${loss}.`),
        any && h("p", { class: "danger" }, `With a slippage tolerance of 100 % you may receive nothing${quote ? `, and lose all ${brief(quote.amountIn)} ${quote.tokenIn}` : ""}.`),
      );
      if (!agreed) return undefined;
      accepted = new Accepted(quote?.priceImpactBps, any);
    }
  }
}

/** What the user has accepted: a price impact in basis points, and any slippage. */
class Accepted {
  #impactBps;
  #anySlippage;

  constructor(impactBps = 0, anySlippage = false) {
    this.#impactBps = risk(impactBps) === "danger" ? impactBps : 0;
    this.#anySlippage = anySlippage;
  }

  /** Returns whether an order with this slippage tolerance, at this quote if there is one, risks no more than that. */
  covers(slippageBps, quote) {
    const most = this.#impactBps ? this.#impactBps + MARGIN_BPS : engine.maxPriceImpactBps - 1;
    return (quote?.priceImpactBps ?? 0) <= most && (slippageBps !== ANY_BPS || this.#anySlippage);
  }

  /** Returns the fields by which an order says it. */
  get body() {
    return {
      ...(this.#impactBps && { maxPriceImpactBps: Math.min(this.#impactBps + MARGIN_BPS, ANY_BPS) }),
      ...(this.#anySlippage && { allowAnySlippage: true }),
    };
  }
}

/** Returns how much of the amount that is paid is lost to the price impact of a quote. */
const lost = ({ amountIn, tokenIn, priceImpactBps }) => `${share(amountIn, priceImpactBps)} ${tokenIn}`;

const share = (amount, bps) => brief(decimal((units(amount, SCALE) * BigInt(bps)) / 10_000n, SCALE));

const warning = () => h("p", { class: "risk", role: "status", hidden: true });

function say(element, level, text) {
  element.hidden = !level;
  if (!level) return;
  element.className = `risk ${level}`;
  if (element.lastChild?.textContent !== text) element.replaceChildren(h("span", { "aria-hidden": "true" }, "⚠"), text);
}
