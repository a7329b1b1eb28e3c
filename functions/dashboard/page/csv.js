// Orders and fills as comma-separated values (RFC 4180).

const ORDER = [
  "orderId", "createdAt", "updatedAt", "type", "status", "market", "tokenIn", "amountIn", "amountSpent", "tokenOut", "quotedOut", "minOut", "amountOut", "executedPrice",
  "slippageBps", "venue", "attempt", "txHash", "error", "clientOrderId", "userId", "quoteId", "parentId", "linkedOrderId", "wallet", "expiresAt",
];
const FILL = ["filledAt", "orderId", "type", "market", "tokenIn", "amountIn", "tokenOut", "amountOut", "executedPrice", "networkFee", "rent", "venue", "txHash", "clientOrderId", "parentId"];

/** Returns orders of the API as lines under a header. The amounts stay the API's decimal strings. */
export const ordersAsCsv = (orders) => csv(ORDER, orders.map((order) => ({ ...order, error: order.error && `${order.error.code}: ${order.error.message}` })));

/** Returns fills of the API as lines under a header, with the columns of the API's own CSV. */
export const fillsAsCsv = (fills) => csv(FILL, fills);

const csv = (columns, rows) => [columns, ...rows.map((row) => columns.map((column) => row[column]))].map((line) => `${line.map(field).join(",")}\r\n`).join("");

/** Returns a field. Text that a spreadsheet would take for a formula begins with an apostrophe. */
function field(value) {
  const text = String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
