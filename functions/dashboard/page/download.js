// Downloads the listed orders, or the fills among them, as a file.

import { ordersAsCsv, fillsAsCsv } from "./csv.js";
import { h, modal, problem } from "./dom.js";
import { amount, sentence } from "./format.js";

const MAX_ROWS = 10_000;

// What can be downloaded: the largest page of the API, and the filters that it takes.
const KINDS = {
  orders: { limit: 100, as: ordersAsCsv, chosen: (filters) => filters },
  fills: { limit: 1000, as: fillsAsCsv, chosen: ({ tokenPair, from, to }) => ({ tokenPair, from, to }) },
};

/** Asks whether orders or fills are wanted, and downloads those that pass the `filters`, as the API takes them. `context` has api and notify. */
export function download(filters, { api, notify }) {
  const stopped = new AbortController();
  const message = h("div", { class: "outcome", "aria-live": "polite" });
  const choices = Object.keys(KINDS).map((kind) => h("button", { type: "button", class: "primary", click: () => start(kind) }, `Download ${kind}`));
  const dialog = modal(
    "Download as CSV",
    h("p", {}, h("strong", {}, "Orders"), " are those of the list, with their status, quote and error."),
    h("p", {}, h("strong", {}, "Fills"), " are what orders have paid and received, with network fees; of the filters, pair and dates apply."),
    h("p", { class: "note" }, `A file has the newest ${amount(MAX_ROWS)} at most. Amounts are exact; times are in UTC.`),
    message,
    h("div", { class: "buttons" }, choices, h("button", { type: "button", click: () => dialog.close() }, "Close")),
  );
  dialog.addEventListener("close", () => stopped.abort());

  async function start(kind) {
    for (const choice of choices) choice.disabled = true;
    try {
      const { rows, more } = await read(kind);
      save(`${kind}-${new Date(api.now()).toISOString().slice(0, 10)}.csv`, KINDS[kind].as(rows));
      dialog.close();
      const bound = more ? `There are more than these ${amount(rows.length)}: choose dates to get the others.` : "";
      notify(`${amount(rows.length)} ${kind} were downloaded`, bound, { status: "confirmed" });
    } catch (error) {
      if (stopped.signal.aborted) return;
      message.replaceChildren(problem("Nothing was downloaded", `${sentence(error.message)}.`));
      for (const choice of choices) choice.disabled = false;
    }
  }

  /** Returns the rows, page by page, and whether there are more than a file takes. */
  async function read(kind) {
    const { limit, chosen } = KINDS[kind];
    const rows = [];
    let cursor = null;
    do {
      const answer = await api.get(`/api/${kind}`, { ...chosen(filters), limit, cursor }, stopped.signal);
      rows.push(...answer[kind]);
      cursor = answer.nextCursor;
      message.replaceChildren(h("p", { class: "note" }, `${amount(rows.length)} ${kind} read…`));
    } while (cursor && rows.length < MAX_ROWS);
    return { rows, more: cursor !== null };
  }
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  h("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
