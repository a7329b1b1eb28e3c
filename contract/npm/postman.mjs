// Prints docs/postman_collection.json: docs/openapi.json as a collection whose requests can be sent in order. Each request
// checks the status of its answer.
import { readFileSync } from "node:fs";
import converter from "openapi-to-postmanv2";

const document = readFileSync(new URL("../../docs/openapi.json", import.meta.url), "utf8");
const options = {
  folderStrategy: "Tags",
  requestNameSource: "Fallback",
  requestParametersResolution: "Example",
  exampleParametersResolution: "Example",
  indentCharacter: "Space",
};

// Checks and variables for the requests that follow.
const KEPT = {
  "Submit an order": 'pm.collectionVariables.set("orderId", pm.response.json().orderId);',
  "List orders": 'pm.expect(pm.response.json().orders[0].orderId).to.equal(pm.collectionVariables.get("orderId"));',
  "Create a key": 'pm.collectionVariables.set("keyId", pm.response.json().id);',
  "Register a webhook": 'if (pm.response.code === 201) pm.collectionVariables.set("webhookId", pm.response.json().webhookId);',
  "Read an order": 'pm.expect(pm.response.json().orderId).to.equal(pm.collectionVariables.get("orderId"));',
};
// A market order does not wait, its transaction may have been sent by then, and the simulated market has no wallet.
const ALSO = { "Replace terms of an open order": [409], "Cancel an order": [409], "Read a wallet": [404] };
// Only an admin manages keys.
for (const name of ["List keys", "Create a key", "Revoke a key"]) ALSO[name] = [403];
// Only in development may a webhook lead to this machine. Elsewhere the requests that follow find none.
ALSO["Register a webhook"] = [400];
for (const name of ["List deliveries", "Send refused events again", "Delete a webhook"]) ALSO[name] = [404];
const ORDER = ["service", "keys", "market", "webhooks", "websocket", "quotes", "orders"];
const REQUESTS = [
  "Read this key",
  "List keys",
  "Create a key",
  "Revoke a key",
  "Submit an order",
  "List orders",
  "Read an order",
  "Replace terms of an open order",
  "Cancel an order",
  "Cancel all orders",
  "Register a webhook",
  "List webhooks",
  "List deliveries",
  "Send refused events again",
  "Delete a webhook",
];
const RECEIVER = "http://127.0.0.1:9/";

const KEEP = 'pm.collectionVariables.set("waitingOrderId", pm.response.json().orderId);';
const HAS_STATUS = (status) => `pm.expect(pm.response.json().status).to.equal("${status}");`;
const WAITING = "api/orders/{{waitingOrderId}}";
const WAITS = [
  [
    "A limit order",
    "POST",
    "api/orders/execute",
    202,
    `${HAS_STATUS("open")} ${KEEP}`,
    { type: "limit", tokenIn: "SOL", tokenOut: "USDC", amountIn: "1.5", limitPrice: "1000" },
  ],
  ["Another limit, and no expiry", "PATCH", WAITING, 200, HAS_STATUS("open"), { limitPrice: "1100", expiresAt: null }],
  ["Cancel it", "DELETE", WAITING, 200, HAS_STATUS("cancelled")],
];

const SWAP = { type: "market", tokenIn: "SOL", tokenOut: "USDC", amountIn: "1.5" };
const REFUSED = [
  ["An amount of zero", "POST", "api/orders/execute", 400, "InvalidOrder", { ...SWAP, amountIn: "0" }],
  ["An unknown token", "POST", "api/orders/execute", 400, "InvalidOrder", { ...SWAP, tokenOut: "ETH" }],
  ["A stop above the market", "POST", "api/orders/execute", 400, "InvalidOrder", { ...SWAP, type: "stop", stopPrice: "1000" }],
  ["A limit beyond 100", "GET", "api/orders?limit=101", 400, "InvalidRequest"],
  ["An unknown order", "GET", "api/orders/01890a5d-ac96-774b-bcce-b302099a8057", 404, "OrderNotFound"],
  ["Without a key", "GET", "api/orders", 401, "Unauthorized", null, { type: "noauth" }],
];

function checked(request, statuses, more = "") {
  const lines = [
    `pm.test("answers ${statuses.join(" or ")}", () => {`,
    `  pm.expect(pm.response.code).to.be.oneOf([${statuses.join(", ")}]);`,
    ...(more ? [`  ${more}`] : []),
    "});",
  ];
  return { ...request, event: [{ listen: "test", script: { type: "text/javascript", exec: lines } }] };
}

function written([name, method, path, status, more, body, auth]) {
  const request = {
    method,
    header: body ? [{ key: "Content-Type", value: "application/json" }] : [],
    url: `{{baseUrl}}/${path}`,
    ...(body && { body: { mode: "raw", raw: JSON.stringify(body, null, 2), options: { raw: { language: "json" } } } }),
    ...(auth && { auth }),
  };
  return checked({ name, request }, [status], more);
}

const refused = ([name, method, path, status, code, ...rest]) =>
  written([name, method, path, status, `pm.expect(pm.response.json().error.code).to.equal("${code}");`, ...rest]);

// Removes ids, which differ each time the description is converted.
function withoutIds(node) {
  if (Array.isArray(node)) return node.map(withoutIds);
  if (node === null || typeof node !== "object") return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([name]) => name !== "_postman_id" && name !== "_postman_previewlanguage")
      .filter(([name, value]) => name !== "id" || typeof value !== "string")
      .map(([name, value]) => [name, withoutIds(value)]),
  );
}

function finished({ name, request, response }) {
  for (const variable of request.url.variable ?? []) variable.value = `{{${variable.key}}}`;
  for (const query of request.url.query ?? []) query.disabled = !["tokenIn", "tokenOut", "amountIn", "slippageBps", "maxPriceImpactBps", "limit"].includes(query.key);
  for (const header of request.header ?? []) if (header.key === "idempotency-key") header.value = "{{$guid}}";
  if (name === "Register a webhook") request.body.raw = JSON.stringify({ url: RECEIVER }, null, 2);
  const statuses = [...response.map((one) => one.code).filter((code) => code < 300), ...(ALSO[name] ?? [])];
  return checked({ name, request, response }, statuses, KEPT[name]);
}

converter.convert({ type: "string", data: document }, options, (error, result) => {
  if (error || !result.result) throw error ?? new Error(result.reason);
  const { info, item, auth, variable } = withoutIds(result.output[0].data);
  const at = (names) => (a, b) => names.indexOf(a.name) - names.indexOf(b.name);
  const folders = item.sort(at(ORDER)).map((folder) => ({
    ...folder,
    item: folder.item.sort(at(REQUESTS)).map(finished),
  }));
  auth.bearer[0].value = "{{key}}";
  const variables = [
    ...variable,
    ...["key", "orderId", "keyId", "waitingOrderId"].map((key) => ({ key, value: "" })),
    { key: "webhookId", value: "01890a5d-ac96-774b-bcce-b302099a8057" },
  ];
  const waits = { name: "open orders", description: "An order that waits.", item: WAITS.map(written) };
  const refusals = { name: "refused", description: "Answers to invalid requests.", item: REFUSED.map(refused) };
  const collection = { info, item: [...folders, waits, refusals], auth, variable: variables };
  process.stdout.write(`${JSON.stringify(collection, null, 2)}\n`);
});
