// The API's errors in words of people. What the API says itself stands behind "Details", for developers.

import { h, problem } from "./dom.js";
import { words } from "./format.js";

const WORDS = {
  AmountTooSmall: ["The amount is too small", "It buys nothing. Enter a larger amount."],
  ChainRefused: ["The chain refused the transaction", "Nothing was swapped."],
  IdempotencyKeyReused: ["Another order has this id", "Submit the order with an id of its own."],
  InsufficientFunds: ["The wallet holds too little", "Enter a smaller amount, or add funds to the wallet."],
  InsufficientLiquidity: ["The pools cannot take this amount", "Enter a smaller amount, or swap it in parts."],
  InvalidOrder: ["The order is not complete", "Change the fields that are marked."],
  InvalidRequest: ["The order is not complete", "Change the fields that are marked."],
  LimitNotMet: ["The price is below the limit", "The order waits until the market pays it."],
  NoRoute: ["No route", "No pools connect these two tokens. Choose another one."],
  NoSliceFilled: ["No slice was filled", "Each of the slices has failed or was cancelled."],
  NotAMint: ["No token has this address", "Check the address of the token's mint."],
  OrderTooLarge: ["The order is too large", "It is worth more than this engine accepts. Enter a smaller amount."],
  PriceImpactTooHigh: ["The price impact is too high", "Enter a smaller amount, swap it in parts, or accept the loss."],
  QuoteExpired: ["The quote has expired", "Swap at a fresh quote."],
  QuoteUsed: ["The quote is used up", "Another order has it. Swap at a fresh quote."],
  RateLimited: ["Too many quotes in a minute", "Wait a little."],
  RiskyMint: ["The token is risky", "Accounts that hold it can be frozen, or it has extensions, and the order does not allow that."],
  ScopeMissing: ["Your key may not do this", "Sign in with a key that may trade."],
  SlippageExceeded: ["The market moves too fast", "Try again, or tolerate more slippage."],
  StoreUnavailable: ["The engine's database does not answer", "Try again in a moment."],
  Unreachable: ["The engine does not answer", ""],
  VenueUnavailable: ["No venue answers", "Try again in a moment."],
};

/** Returns a code such as `PriceImpactTooHigh` as a heading. */
export const errorTitle = (code) => WORDS[code]?.[0] ?? words(code);

/** Returns what to do about an error with this code, as sentences; nothing for one that is not known. */
export const errorAdvice = (code) => WORDS[code]?.[1] ?? "";

/** Returns a text of the API's, for developers. */
export const details = (...text) => h("details", {}, h("summary", {}, "Details"), h("p", {}, text));

/** Returns an error of the API's as a problem. `more` is said after what to do about it. */
export function explained({ code, message }, ...more) {
  const shown = problem(errorTitle(code), errorAdvice(code), ...more);
  shown.append(details(`${code}: ${message}`));
  return shown;
}

/** Returns a message of the form "expected X, was Y" as what to do: `Enter X.` Another one stays. */
export const asked = (message) => message.replace(/^expected (.*?)(, was (?!.*, was ).*)?$/s, (_, wanted) => `enter ${wanted.replaceAll("tokenIn", "the one that you pay")}`);
