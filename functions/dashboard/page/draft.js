// What the order form contains, which this tab's sessionStorage keeps.

import { CHOICES } from "./expiry.js";
import { unit } from "./terms.js";
import { TYPES } from "./types.js";

const STORAGE_KEY = "order-form";
const FIRST = { type: "market", texts: {}, tokenIn: "SOL", tokenOut: "USDC", amountIn: "1.5", slippage: "0.5" };

/** Returns the texts of the fields by name, the type, and the `texts` of each type's terms. */
export const load = () => ({ ...FIRST, ...JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}") });

export const save = (draft) => sessionStorage.setItem(STORAGE_KEY, JSON.stringify(draft));

/** Has the next form begin with what an order says. */
export function begin(order) {
  const { type, tokenIn, tokenOut, amountIn, slippageBps } = order;
  const kept = load();
  const out = TYPES[type].mint ? { mint: tokenOut } : { tokenOut };
  save({ ...kept, type, tokenIn, ...out, amountIn, slippage: String(slippageBps / 100), texts: { ...kept.texts, [type]: texts(order) } });
}

/** Returns the texts of an order's terms. The new order waits as long as that one did, if that is one of the form's choices. */
function texts({ type, terms, createdAt, expiresAt }) {
  const named = TYPES[type].fields.map(({ name, kind }) => [name, text(kind, terms[name])]);
  const hours = Math.round((Date.parse(expiresAt) - Date.parse(createdAt)) / 3_600_000);
  return { ...Object.fromEntries(named), ...(expiresAt && hours * 3600 in CHOICES && { expiresAt: String(hours * 3600) }) };
}

function text(kind, value) {
  if (kind === "check") return value ? "yes" : "";
  if (kind !== "interval") return String(value ?? "");
  const [size] = unit(value);
  return `${value / size} ${size}`;
}
