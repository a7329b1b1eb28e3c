// The prices of a pair of tokens, as both its sides have them: what one whole base token is worth in the quote token.

import { wider } from "./charts.js";

/** A quote whose price impact is this high, in basis points, says little about the market. */
export const FAR_QUOTE_BPS = 500;
// The scale leaves out a fill whose price impact was this high.
const FAR_FILL_BPS = 100;

const QUOTE_TOKENS = ["USDC", "USDT", "SOL"];

const rank = (token) => (QUOTE_TOKENS.includes(token) ? QUOTE_TOKENS.indexOf(token) : QUOTE_TOKENS.length);

/** Returns the pair of a swap, and whether it sells the base token: `{pair, base, quote, sells}`. */
export function sideOf({ tokenIn, tokenOut }) {
  const sells = rank(tokenIn) === rank(tokenOut) ? tokenIn < tokenOut : rank(tokenOut) < rank(tokenIn);
  const [base, quote] = sells ? [tokenIn, tokenOut] : [tokenOut, tokenIn];
  return { pair: `${base}/${quote}`, base, quote, sells };
}

/**
 * Returns quotes of one time, as `{tokenIn, tokenOut, quotes}` has them, without their price impact: what small amounts get.
 * `{at, pair, sells, prices: {venue: price}, far}`, where `far` says whether one is left out.
 */
export function pricesOf({ quotes, ...swap }, at) {
  const { pair, sells } = sideOf(swap);
  const single = quotes.filter(({ venue }) => !venue.includes("+"));
  const near = single.filter(({ priceImpactBps }) => priceImpactBps < FAR_QUOTE_BPS);
  const small = ({ price, priceImpactBps }) => Number(price) / (1 - priceImpactBps / 10_000);
  const prices = Object.fromEntries(near.map((one) => [one.venue, small(one) ** (sells ? 1 : -1)]));
  return { at: Date.parse(at), pair, sells, prices, far: near.length < single.length };
}

/** Returns a fill of the API with its side of the pair. `impacts` has the price impact of orders by their ids. */
export function fillOf(fill, impacts) {
  const { pair, base, quote, sells } = sideOf(fill);
  const [amount, worth] = sells ? [fill.amountIn, fill.amountOut] : [fill.amountOut, fill.amountIn];
  return { at: Date.parse(fill.filledAt), orderId: fill.orderId, venue: fill.venue, pair, base, quote, sells, amount, worth, price: Number(worth) / Number(amount), far: !(impacts.get(fill.orderId) < FAR_FILL_BPS) };
}

/**
 * Returns the columns of a chart of quotes and fills: `{times, series, marks, scale, shown}`. Times are in seconds, and `shown`
 * has what each stands for. The scale is that of the quotes and of the fills that are not far from the market.
 */
export function columns(quotes, fills) {
  const shown = [...quotes.filter(({ prices }) => Object.keys(prices).length).map((quote) => ({ quote, at: quote.at })), ...fills.map((fill) => ({ fill, at: fill.at }))].sort((one, other) => one.at - other.at);
  const lines = new Map(shown.flatMap(({ quote }) => (quote ? Object.keys(quote.prices).map((venue) => [`${venue} ${quote.sells}`, { venue, sells: quote.sells }]) : [])).sort(([one], [other]) => (one < other ? -1 : 1)));
  const series = [...lines.values()].map(({ venue, sells }) => ({ venue, sells, values: shown.map(({ quote }) => (quote?.sells === sells ? quote.prices[venue] ?? null : null)) }));
  const marks = shown.flatMap(({ fill }, index) => (fill ? [{ index, value: fill.price, up: !fill.sells, far: fill.far }] : []));
  const usual = [...series.flatMap(({ values }) => values.filter((value) => value !== null)), ...marks.filter(({ far }) => !far).map(({ value }) => value)];
  const scaled = usual.length ? usual : marks.map(({ value }) => value);
  const [low, high] = [Math.min(...scaled), Math.max(...scaled)];
  return { times: shown.map(({ at }) => at / 1000), series, marks, scale: wider(low, high, 0.1, high / 5_000), shown };
}
