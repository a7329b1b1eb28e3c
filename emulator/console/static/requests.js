// The latest requests to the REST and WebSocket APIs, and the open connections.

import { fill, h, list, numbered, time } from "./dom.js";
import { at, card, cell, empty, get, heading, number, PAUSE, refreshNow } from "./page.js";

const STEP = 100;
const MOST = 1000;

export class Requests {
  constructor({ query }) {
    this.title = "Requests";
    this.pause = PAUSE.steady;
    this.limit = STEP;
    this.find = h("input", { type: "search", placeholder: "Find by path, method, status, function or id", "aria-label": "Find requests", input: () => this.change() });
    this.rows = h("tbody");
    this.table = h("table", { class: "requests" }, heading("Time", "Method", "Path", "Function", "Status", "Duration"), this.rows);
    this.more = h("button", { class: "button", click: () => this.showMore() }, `Show ${STEP} more`);
    this.none = h("div", { "aria-live": "polite" });
    this.count = h("span", { class: "tag" });
    this.opened = h("tbody");
    const table = h("table", { class: "services" }, heading("Connection", "Opened", "Last active", "Received", "Sent"), this.opened);
    this.connections = h("div", { class: "rows few", tabindex: 0, role: "group", "aria-label": "Connections" }, table);
    this.alone = h("p", { class: "note" }, "No WebSocket connection is open.");
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Requests")),
      h("section", { class: "card", "aria-label": "Open connections" }, h("div", { class: "title" }, h("h2", {}, "Open connections"), this.count), this.connections, this.alone),
      h("section", { class: "card", "aria-label": "Requests" }, h("div", { class: "toolbar" }, this.find), this.table, this.none, this.more),
    );
    this.select({ query });
  }

  select({ query }) {
    this.find.value = query.get("find") ?? "";
    this.limit = STEP;
  }

  change() {
    const find = this.find.value.trim();
    history.replaceState(null, "", at("requests", { find }));
    this.limit = STEP;
    refreshNow();
  }

  showMore() {
    this.limit = Math.min(this.limit + STEP, MOST);
    refreshNow();
  }

  async refresh() {
    const find = this.find.value.trim();
    const { limit } = this;
    const [{ requests }, connections] = await Promise.all([get("requests", { find, limit }), get("connections")]);
    // Counted from the oldest, so that the keys stay while newer ones arrive.
    const rows = numbered(requests.toReversed(), ({ at: when, requestId }) => `${when} ${requestId}`).toReversed();
    list(this.rows, rows, ({ key }) => key, row);
    this.table.hidden = !requests.length;
    this.more.hidden = requests.length < limit || limit === MOST;
    fill(this.none, [requests.length > 0, find], () => {
      if (requests.length) return null;
      if (!find) return empty("No requests yet", "Calls of the REST and WebSocket APIs appear here, refused ones included.");
      return empty("Nothing found", "None of the last 1,000 requests matches this text.");
    });
    this.showConnections(connections);
  }

  showConnections(connections) {
    this.count.textContent = number(connections.length);
    this.connections.hidden = !connections.length;
    this.alone.hidden = connections.length > 0;
    list(this.opened, connections, ({ id }) => id, (one) =>
      h(
        "tr",
        {},
        cell("Connection", h("a", { href: at("requests", { find: one.id }) }, one.id), h("span", { class: "under" }, `from ${one.remote}`)),
        cell("Opened", time(one.connectedAt)),
        cell("Last active", time(one.lastActiveAt)),
        cell("Received", number(one.received)),
        cell("Sent", number(one.sent)),
      ),
    );
  }
}

function row({ at: when, api, method, path, status, milliseconds, function: name, requestId, connectionId }) {
  return h(
    "tr",
    {},
    cell("Time", time(when)),
    cell("Method", method, api !== "REST" && h("span", { class: "under" }, api)),
    cell("Path", h("code", {}, path), connectionId && h("span", { class: "under" }, "connection ", h("a", { href: at("requests", { find: connectionId }) }, connectionId))),
    cell("Function", name ? h("a", { href: at("functions", name) }, name) : "–", requestId && name && [" ", h("a", { href: at("logs", { request: requestId }), "aria-label": `Log of request ${requestId}` }, "log")]),
    cell("Status", outcome(status)),
    cell("Duration", milliseconds == null ? "–" : `${milliseconds.toFixed(1)} ms`),
  );
}

function outcome(status) {
  if (status == null) return "–";
  return status >= 400 ? h("span", { class: `badge ${status >= 500 ? "FAILED" : "CAUGHT"}` }, String(status)) : String(status);
}
