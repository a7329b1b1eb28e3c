// Statistics of orders that have ended.

import { slippage } from "./format.js";
import { steps } from "./store.js";

/** Returns the quantile of sorted values by the nearest rank. */
export const quantile = (sorted, share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];

const numerically = (one, other) => one - other;

/** Returns the milliseconds that orders spent in each status: `{from, count, p50, p95}`. */
export function latencies(orders, statuses) {
  const spent = orders.flatMap(steps);
  return statuses
    .map((from) => ({ from, sorted: spent.filter(({ status }) => status === from).map((step) => step.spent).sort(numerically) }))
    .filter(({ sorted }) => sorted.length)
    .map(({ from, sorted }) => ({ from, count: sorted.length, p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) }));
}

/** Returns how many orders each venue has filled, the busiest first: `{venue, count, share}`. */
export function fills(orders) {
  const filled = orders.filter(({ status, venue }) => status === "confirmed" && venue);
  const counts = Map.groupBy(filled, ({ venue }) => venue);
  return [...counts].map(([venue, { length }]) => ({ venue, count: length, share: length / filled.length })).sort((one, other) => other.count - one.count);
}

const WIDTHS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const BARS = 14;

/** Returns a histogram of realised slippage in basis points: `{from, to, count}`, of equal widths. */
export function slippages(orders) {
  const values = orders.map(slippage).filter((value) => value !== null).sort(numerically);
  if (!values.length) return [];
  const width = WIDTHS.find((one) => (values.at(-1) - values[0]) / one < BARS - 1) ?? WIDTHS.at(-1);
  const first = Math.floor(values[0] / width);
  const bins = Array.from({ length: Math.floor(values.at(-1) / width) - first + 1 }, (_, index) => ({ from: (first + index) * width, to: (first + index + 1) * width, count: 0 }));
  for (const value of values) bins[Math.floor(value / width) - first].count += 1;
  return bins;
}

/** Returns the prices of a pair by venue as columns: `{times, venues, prices}`, with null for a missing quote. */
export function priceSeries(quotes, pair) {
  const seen = quotes.filter((quote) => quote.pair === pair);
  const venues = [...new Set(seen.flatMap(({ prices }) => Object.keys(prices)))].sort();
  return { times: seen.map(({ at }) => at), venues, prices: venues.map((venue) => seen.map(({ prices }) => prices[venue] ?? null)) };
}
