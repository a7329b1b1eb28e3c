// What the order form contains, which this tab's sessionStorage keeps.

const STORAGE_KEY = "order-form";
const FIRST = { type: "market", texts: {}, tokenIn: "SOL", tokenOut: "USDC", amountIn: "1.5", slippage: "0.5" };

/** Returns the texts of the fields by name, the type, and the `texts` of each type's terms. */
export const load = () => ({ ...FIRST, ...JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}") });

export const save = (draft) => sessionStorage.setItem(STORAGE_KEY, JSON.stringify(draft));

/** Has the next form begin with the swap of this order. */
export const begin = ({ tokenIn, tokenOut, amountIn, slippageBps }) => save({ ...load(), type: "market", tokenIn, tokenOut, amountIn, slippage: String(slippageBps / 100) });
