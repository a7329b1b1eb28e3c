// Statistics of orders that have ended, as the API times them.

/** Returns the quantile of sorted values by the nearest rank. */
export const quantile = (sorted, share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];

const numerically = (one, other) => one - other;

/** Returns the values that are not null: `{count, p50, p95}`, or undefined if there are none. */
function spread(values) {
  const sorted = values.filter((value) => value !== null).sort(numerically);
  return sorted.length ? { count: sorted.length, p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) } : undefined;
}

/** Returns the milliseconds that orders spent in each status: `{from, count, p50, p95}`. */
export const latencies = (orders, statuses) =>
  statuses.map((from) => ({ from, ...spread(orders.map(({ steps }) => steps[from])) })).filter(({ count }) => count);

/** Returns the milliseconds in which an order ran. */
const took = ({ steps }) => Object.values(steps).reduce((sum, step) => sum + step, 0);

const confirmed = (orders) => orders.filter(({ status, steps }) => status === "confirmed" && Object.values(steps).some((step) => step !== null));

/** Returns how long confirmed orders ran: `{count, p50, p95}`, or undefined. */
export const durations = (orders) => spread(confirmed(orders).map(took));

const SECONDS = [1, 2, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400, 604_800, 2_592_000];
const BUCKETS = 40;

/** Returns how long confirmed orders ran by the time at which they ended, in seconds: `{from, to, count, p50, p95}`. */
export function durationsOverTime(orders) {
  const ended = confirmed(orders).map((order) => ({ at: Date.parse(order.endedAt) / 1000, spent: took(order) }));
  if (!ended.length) return [];
  const times = ended.map(({ at }) => at);
  const span = Math.max(...times) - Math.min(...times);
  const width = SECONDS.find((seconds) => span / seconds < BUCKETS) ?? SECONDS.at(-1);
  const buckets = Map.groupBy(ended, ({ at }) => Math.floor(at / width) * width);
  return [...buckets].sort(([one], [other]) => one - other).map(([from, inside]) => ({ from, to: from + width, ...spread(inside.map(({ spent }) => spent)) }));
}

/**
 * Returns the shares of counts in hundredths of a per cent. They add up to 100 %: those that lose most by rounding down are
 * rounded up.
 */
export function shares(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const exact = counts.map((count) => (total ? (count * 10_000) / total : 0));
  const whole = exact.map(Math.floor);
  const left = Math.round(exact.reduce((sum, share) => sum + share, 0)) - whole.reduce((sum, share) => sum + share, 0);
  const order = exact.map((share, index) => ({ index, lost: share - whole[index] })).sort((one, other) => other.lost - one.lost);
  for (const { index } of order.slice(0, left)) whole[index] += 1;
  return whole;
}

/** Returns how many orders have each of the names that `nameOf` gives them, the most frequent first: `{name, count, share}`. */
export function frequencies(orders, nameOf) {
  const counts = [...Map.groupBy(orders, nameOf)].map(([name, { length }]) => ({ name, count: length })).sort((one, other) => other.count - one.count);
  const parts = shares(counts.map(({ count }) => count));
  return counts.map((one, index) => ({ ...one, share: parts[index] }));
}

const WIDTHS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const BARS = 14;

/**
 * Returns a histogram of realised slippage in basis points: `{from, to, count}`, of equal widths. The first and the last one
 * also count the two per cent that are furthest out, whose `from` or `to` is undefined.
 */
export function slippages(orders) {
  const values = orders.map(({ realisedSlippageBps }) => realisedSlippageBps).filter((value) => value !== null).sort(numerically);
  if (!values.length) return [];
  const [low, high] = [quantile(values, 0.02), quantile(values, 0.98)];
  const width = WIDTHS.find((one) => (high - low) / one < BARS - 1) ?? WIDTHS.at(-1);
  const first = Math.floor(low / width);
  const last = Math.floor(high / width);
  const bins = Array.from({ length: last - first + 1 }, (_, index) => ({ from: (first + index) * width, to: (first + index + 1) * width, count: 0 }));
  for (const value of values) bins[Math.min(Math.max(Math.floor(value / width), first), last) - first].count += 1;
  if (values[0] < bins[0].from) bins[0].from = undefined;
  if (values.at(-1) >= bins.at(-1).to) bins.at(-1).to = undefined;
  return bins;
}
