// Swaps that the user's wallet signs.

import { ApiError } from "./api.js";

const ATTEMPTS = 3;

/**
 * Has the wallet sign the live quote, and submits it. A quote that has expired meanwhile is replaced by a fresh one, which
 * the wallet is asked to sign instead, if the order is still `wanted()`. `asking` is called before each signature with
 * whether the quote is a fresh one, and `asked` after it. Returns the order as accepted. Throws NotSigned and the API's errors.
 */
export async function submitSigned({ submission, payer, live }, text, { wanted, asking, asked }) {
  for (let attempt = 1; ; attempt += 1) {
    const sign = async () => {
      const { quoteId, transaction } = live.quote;
      asking(attempt > 1);
      const signedTransaction = await payer.sign(transaction);
      asked();
      return { quoteId, signedTransaction };
    };
    try {
      return await submission.send(text, sign);
    } catch (error) {
      const expired = error instanceof ApiError && error.code === "QuoteExpired";
      if (!expired || attempt === ATTEMPTS || !(await live.renew()) || !wanted()) throw error;
    }
  }
}
