// How values are written. Amounts stay decimal strings or BigInts: no float touches money.

import { engine } from "./engine.js";

/** Returns `1234567.5000000011` as `1,234,567.5`; below one, with at least four significant digits. */
export function amount(text, decimals = 6) {
  const [whole, fraction = ""] = String(text).split(".");
  const kept = Number(whole) ? decimals : Math.max(decimals, fraction.search(/[1-9]/) + 4);
  const cut = fraction.slice(0, kept).replace(/0+$/, "");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (cut && `.${cut}`);
}

/** Returns a short amount: two decimals from a thousand on, four below. */
export const brief = (text) => amount(text, String(text).split(".")[0].length > 3 ? 2 : 4);

const PRICE = new Intl.NumberFormat("en", { maximumSignificantDigits: 9 });

/** Returns a price with nine significant digits: a ratio has no token's decimals. */
export const price = (value) => PRICE.format(value);

/** Returns a decimal string in units of `10 ** -decimals`, or undefined if it is not such a number. */
export function units(text, decimals) {
  const [, whole, fraction = ""] = /^(\d{1,30})(?:\.(\d{1,30}))?$/.exec(text) ?? [];
  return whole === undefined || fraction.length > decimals ? undefined : BigInt(whole + fraction.padEnd(decimals, "0"));
}

/** Returns units of `10 ** -decimals` as a decimal string. */
export function decimal(count, decimals) {
  const digits = String(count).padStart(decimals + 1, "0");
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return digits.slice(0, digits.length - decimals) + (fraction && `.${fraction}`);
}

/** Returns the price that orders wait for: what a quote pays for one whole token of the amount, its unspent part included. */
export const paidPrice = ({ amountIn, amountOut }) => Number(amountOut) / Number(amountIn);

/** Returns how far a price is from the market's, such as `1.8 % above the market`. Both are decimal strings or numbers. */
export function distance(wanted, market) {
  const share = (Number(wanted) / Number(market) - 1) * 100;
  const size = Math.abs(share);
  if (size < 0.005) return "at the market";
  return `${size.toFixed(size < 9.995 ? 2 : 1)} % ${share > 0 ? "above" : "below"} the market`;
}

/** Returns a count as `1,000`. */
export const whole = (count) => count.toLocaleString("en");

/** Returns a count of things as `1 order` or `1,000 orders`. */
export const counted = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Returns basis points as per cent. */
export const percent = (bps) => `${(bps / 100).toFixed(Number.isInteger(bps) ? 2 : 3).replace(/^-(?=[0.]+$)/, "")} %`;

/** Returns how much more `one` is than `other`, in basis points to a hundredth. Both are BigInts of one unit. */
export const gain = (one, other) => (other === 0n ? 0 : Number(((one - other) * 1_000_000n) / other) / 100);

/** Returns such a gain in words: `0.11 % better`, or `0.11 % less` below zero. */
export const difference = (bps) => (bps === 0 ? "the same" : `${percent(Math.abs(bps))} ${bps > 0 ? "better" : "less"}`);

const CAUTION_BPS = 100;

/** Returns how dangerous a price impact in basis points is: `caution` from 1 % on, `danger` from what the user has to accept. */
export const risk = (bps) => (bps >= engine.maxPriceImpactBps ? "danger" : bps >= CAUTION_BPS ? "caution" : undefined);

/** Returns the realised slippage of a filled order: how far it received less than quoted, in basis points. */
export const slippage = ({ quotedOutBaseUnits: quoted, amountOutBaseUnits: paid }) => (quoted && paid ? 0 - gain(BigInt(paid), BigInt(quoted)) : null);

export function duration(milliseconds) {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`;
  return `${Math.floor(ms / 86_400_000)} d ${Math.floor((ms % 86_400_000) / 3_600_000)} h`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export const clock = (at) => CLOCK.format(new Date(at));

export function when(at) {
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString() ? clock(at) : `${DAY.format(date)}, ${clock(at)}`;
}

/** Returns a message of the engine, which starts with a small letter, as a sentence. */
export const sentence = (message) => message && message[0].toUpperCase() + message.slice(1);

/** Returns a code of the engine's, such as `PriceImpactTooHigh`, in words. */
export const words = (code) => sentence(code.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));

/** Returns the random end of a UUIDv7, which distinguishes orders of the same time. */
export const shortId = (id) => `…${id.slice(-8)}`;

/** Returns a token's symbol, or the ends of its mint's address. */
export const token = (name) => (name.length > 12 ? `${name.slice(0, 4)}…${name.slice(-4)}` : name);

export const pair = ({ tokenIn, tokenOut }) => `${token(tokenIn)} → ${token(tokenOut)}`;
