// How values are written. Amounts stay the decimal strings, and the BigInts, that they came as: no float touches money.

/** `1234567.5000000011` as `1,234,567.5`; of less than one, four significant digits at least. */
export function amount(text, decimals = 6) {
  const [whole, fraction = ""] = String(text).split(".");
  const kept = Number(whole) ? decimals : Math.max(decimals, fraction.search(/[1-9]/) + 4);
  const cut = fraction.slice(0, kept).replace(/0+$/, "");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (cut && `.${cut}`);
}

/** An amount where there is little room: two decimals of thousands, four of less. */
export const brief = (text) => amount(text, String(text).split(".")[0].length > 3 ? 2 : 4);

/** Basis points as per cent. */
export const percent = (bps) => `${(bps / 100).toFixed(Number.isInteger(bps) ? 2 : 3)} %`;

/** By how many basis points, to a hundredth, `other` is below `one`; both in base units. */
export function below(one, other) {
  const [from, to] = [BigInt(one), BigInt(other)];
  return from === 0n ? 0 : Number(((from - to) * 1000000n) / from) / 100;
}

/** Slippage of an order that was filled: how far what it was paid lies below its quote, in basis points. */
export const slippage = ({ quotedOutBaseUnits: quoted, amountOutBaseUnits: paid }) => (quoted && paid ? below(quoted, paid) : null);

export function duration(milliseconds) {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export const clock = (at) => CLOCK.format(new Date(at));

export function when(at) {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString() ? clock(at) : `${DAY.format(date)}, ${clock(at)}`;
}

/** The engine's messages begin small. */
export const sentence = (message) => message && message[0].toUpperCase() + message.slice(1);

/** What tells an order from others: the random end of its UUIDv7, which begins with the time. */
export const shortId = (id) => `…${id.slice(-8)}`;

export const pair = ({ tokenIn, tokenOut }) => `${tokenIn} → ${tokenOut}`;
