// The types of orders: what each means, and the fields that it needs besides the market order's.

import { engine } from "./engine.js";
import { brief, decimal, units } from "./format.js";

const DAY = 86_400;
// Decimals of a product of two decimal strings, more than any token has.
const SCALE = 18;

/**
 * A field has the API's name, a label and a kind: `price`, `amount`, `whole`, `interval`, `date` or `check`. `value` is its first
 * value; a price's is `times` the market's instead. `wrong` says what a price means on the market's other `side`. An `inverse`
 * price is in the token that is paid, an `out` amount in the one that is received. `help` shows while there is no distance. `noun` names it in a sentence, if its label does not.
 */
const price = (name, label, more) => ({ name, label, kind: "price", ...more });
const optional = { optional: true };
const target = { times: 1.02, side: 1, wrong: "the order is executed at once" };
const floor = { times: 0.95, side: -1, wrong: "has to be below the market" };
const ticks = { name: "confirmTicks", label: "Ticks in a row", kind: "whole", value: "1", help: "the market is at the stop", ...optional };
const least = { help: "empty: at the market's price", ...optional };

export const TYPES = {
  market: { name: "Market", means: "Swaps now, at the best price of all venues.", fields: [] },
  limit: { name: "Limit", means: "Waits until the market pays your price, and is never filled for less.", fields: [price("limitPrice", "Limit price", target)] },
  stop: {
    name: "Stop",
    means: "Sells when the price has fallen to your stop.",
    fields: [price("stopPrice", "Stop price", floor), ticks, price("limitPrice", "Not below", least)],
  },
  oco: {
    name: "Take-profit + stop-loss",
    means: "Two linked orders: one sells at your profit, one at your loss. When one is filled, the other is cancelled.",
    fields: [price("limitPrice", "Take-profit price", { ...target, times: 1.05 }), price("stopPrice", "Stop-loss price", floor), ticks, price("stopLimitPrice", "Not below", least)],
  },
  recurring: {
    name: "Recurring",
    means: "Splits the amount into equal swaps, one in each interval.",
    fields: [
      { name: "slices", label: "Slices", noun: "number of slices", kind: "whole", value: "10" },
      { name: "intervalSeconds", label: "One every", noun: "interval", kind: "interval", value: "1 3600" },
      price("minPrice", "Only from", optional),
      price("maxPrice", "Only up to", optional),
      { name: "startAt", label: "First slice", kind: "date", ...optional },
    ],
  },
  sniper: {
    name: "Sniper",
    means: "Buys a new token once, as soon as a pool with enough liquidity exists.",
    mint: true,
    expires: DAY,
    fields: [
      { name: "minLiquidity", label: "Minimum liquidity", kind: "amount", value: "100" },
      price("maxPrice", "Maximum price", { ...optional, inverse: true }),
      { name: "allowFreezeAuthority", label: "Also if its accounts can be frozen", kind: "check" },
      { name: "allowExtensions", label: "Also with Token-2022 extensions", kind: "check" },
    ],
  },
};

const LEAST = { name: "minAmountOut", label: "You receive at least", kind: "amount", out: true };

/** Returns the fields that an open order's client can replace. */
export const replaceable = ({ type, terms }) =>
  TYPES[type].fields
    .filter(({ kind }) => kind === "price" || kind === "amount")
    .map((field) => (type === "limit" && !terms.limitPrice ? LEAST : field));

export const typeName = (type) => TYPES[type]?.name ?? type;

/** Returns the amount that an order is quoted for: a recurring order's is that of a slice, if the token's decimals are known. */
export function quotedAmount({ type, tokenIn, amountIn, terms }) {
  const whole = type === "recurring" && tokenIn in engine.tokens ? units(amountIn, engine.tokens[tokenIn]) : undefined;
  const slices = Number(terms.slices);
  return whole && Number.isInteger(slices) && slices > 0 ? decimal(whole / BigInt(slices), engine.tokens[tokenIn]) : amountIn;
}

/** Returns what the form's order receives, as far as that is known: `≈` what the market pays now, or `≥` its limit. */
export function receives({ type, amountIn, terms }, quote) {
  const at = (sign, wanted) => {
    const [amount, rate] = [units(amountIn, SCALE), units(wanted ?? "", SCALE)];
    return amount && rate ? `${sign} ${brief(decimal(amount * rate, 2 * SCALE))}` : "–";
  };
  switch (type) {
    case "limit":
    case "oco":
      return at("≥", terms.limitPrice);
    case "stop":
      return terms.limitPrice ? at("≥", terms.limitPrice) : at("≈", terms.stopPrice);
    case "recurring":
      return quote ? at("≈", quote.price) : "–";
    default:
      return quote ? `≈ ${brief(quote.amountOut)}` : "–";
  }
}
