// Statistics of orders and quotes: time by step, fills by venue, realised slippage, and prices by venue.

import { Chart } from "./charts.js";
import { empty, fill, h, table } from "./dom.js";
import { isFinal } from "./engine.js";
import { clock, duration, percent, price } from "./format.js";
import { fills, latencies, priceSeries, slippages } from "./stats.js";
import { venueName } from "./routes.js";

// How many orders are read for their events.
const MAX_READ = 60;
const CONCURRENCY = 4;
const ROWS = 30;

const STEPS = { pending: "Route", routing: "Build", building: "Send", submitted: "Confirm" };
const COLOURS = { raydium: "raydium", meteora: "meteora" };

export class Insights {
  #context;
  #closed = false;
  #pair;

  constructor(context) {
    this.#context = context;
    this.title = "Insights";
    this.panels = {
      latency: panel("Latency by step", "The time from one status to the next, for the newest orders, without what they waited for the market. Route includes the wait in the queue.", legend([["p50", "accent"], ["p95", "second"]])),
      fills: panel("Fills by venue", "Confirmed orders by the venues of their route."),
      slippage: panel("Realised slippage", "How much less than quoted each order received. A negative value means more."),
      prices: panel("Price by venue", "The best price of each venue, after fees and price impact, from the quotes that this page has received."),
    };
    this.pairs = h("select", { id: "pair", change: () => this.#choose(this.pairs.value) });
    this.key = h("div", {});
    this.panels.prices.controls.append(h("label", { class: "picker", for: "pair" }, "Pair", this.pairs), this.key);
    this.progress = h("p", { class: "note", role: "status" });
    this.element = h("div", {}, h("div", { class: "title" }, h("h1", {}, "Insights"), this.progress), h("div", { class: "grid" }, Object.values(this.panels).map(({ element }) => element)));
    this.quoted = () => this.#prices();
    context.store.addEventListener("quoted", this.quoted);
    this.changed();
    this.#read();
  }

  /** Reads the events of ended orders, which contain the times: the list of orders has none. */
  async #read() {
    const { store, feed } = this.#context;
    if (!feed.loaded) await new Promise((resolve) => feed.addEventListener("loaded", resolve, { once: true }));
    const missing = store.orders.filter(({ status, events }) => isFinal(status) && !events.length).slice(0, MAX_READ);
    let left = missing.length;
    const reader = async () => {
      for (let order = missing.shift(); order && !this.#closed; order = missing.shift()) {
        this.progress.textContent = `Loading ${left} orders…`;
        await feed.read(order.orderId).catch(() => {});
        left -= 1;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, reader));
    this.progress.textContent = "";
  }

  changed() {
    const { store, market } = this.#context;
    const orders = store.orders.filter((order) => order.market === market.name);
    this.#latency(latencies(orders, Object.keys(STEPS)));
    this.#fills(fills(orders));
    this.#slippage(slippages(orders));
    this.#prices();
  }

  tick() {}

  close() {
    this.#closed = true;
    this.#context.store.removeEventListener("quoted", this.quoted);
    for (const { chart } of Object.values(this.panels)) chart.close();
  }

  #latency(rows) {
    show(this.panels.latency, rows, "No order has finished a step yet", (chart) =>
      chart.bars(rows.map(({ from }) => STEPS[from]), [
        { label: "p50", colour: "accent", values: rows.map(({ p50 }) => p50) },
        { label: "p95", colour: "second", values: rows.map(({ p95 }) => p95) },
      ], duration), [
      { label: "Step", show: ({ from }) => STEPS[from] },
      { label: "Count", number: true, show: ({ count }) => String(count) },
      { label: "p50", number: true, show: ({ p50 }) => duration(p50) },
      { label: "p95", number: true, show: ({ p95 }) => duration(p95) },
    ]);
  }

  #fills(rows) {
    show(this.panels.fills, rows, "No order is confirmed yet", (chart) => chart.bars(rows.map(({ venue }) => venue.replace("+", " + ")), [{ label: "Orders", colour: "accent", values: rows.map(({ count }) => count) }], whole), [
      { label: "Venue", show: ({ venue }) => venueName(venue) },
      { label: "Orders", number: true, show: ({ count }) => String(count) },
      { label: "Share", number: true, show: ({ share }) => percent(Math.round(share * 10_000)) },
    ]);
  }

  #slippage(rows) {
    show(this.panels.slippage, rows, "No order is confirmed yet", (chart) => chart.bars(rows.map(({ from }) => percent(from)), [{ label: "Orders", colour: "accent", values: rows.map(({ count }) => count) }], whole), [
      { label: "From", show: ({ from }) => percent(from) },
      { label: "To below", show: ({ to }) => percent(to) },
      { label: "Orders", number: true, show: ({ count }) => String(count) },
    ]);
  }

  #choose(pair) {
    this.#pair = pair;
    this.#prices();
  }

  #prices() {
    const { store, market } = this.#context;
    const quotes = store.quotes.filter((quote) => quote.market === market.name);
    const pairs = [...new Set(quotes.map(({ pair }) => pair))].sort();
    const pair = pairs.includes(this.#pair) ? this.#pair : quotes.at(-1)?.pair;
    fill(this.pairs, { pairs, pair }, () => pairs.map((one) => h("option", { value: one, selected: one === pair }, one)));
    const { times, venues, prices } = priceSeries(quotes, pair);
    this.panels.prices.controls.hidden = !pairs.length;
    fill(this.key, venues, () => legend(venues.map((venue) => [venue, COLOURS[venue] ?? "both"])));
    const rows = times.map((at, index) => ({ at, prices: prices.map((column) => column[index]) })).reverse().slice(0, ROWS);
    show(this.panels.prices, rows, "No quote yet", (chart) => chart.lines(times, venues.map((venue, index) => ({ label: venue, colour: COLOURS[venue] ?? "both", values: prices[index] })), price), [
      { label: "Time", show: ({ at }) => clock(at * 1000) },
      ...venues.map((venue, index) => ({ label: venue, number: true, show: (row) => (row.prices[index] === null ? "–" : price(row.prices[index])) })),
    ]);
  }
}

const whole = (count) => (Number.isInteger(count) ? String(count) : "");

function panel(name, explained, key) {
  const chart = new Chart(`${name}: the numbers are in the table below`);
  const none = h("div", {});
  const numbers = h("div", { class: "scroll" });
  const details = h("details", {}, h("summary", {}, "As a table"), numbers);
  const controls = h("div", { class: "controls" }, key);
  const element = h("section", { class: "card panel", "aria-label": name }, h("h2", {}, name), h("p", { class: "note" }, explained), controls, none, chart.element, details);
  return { element, chart, none, numbers, details, controls };
}

/** Draws a panel's rows if they have changed, or a notice if there are none. */
function show(panel, rows, none, draw, columns) {
  const shown = JSON.stringify([rows, columns.length]);
  if (panel.shown === shown) return;
  panel.shown = shown;
  const has = rows.length > 0;
  panel.chart.element.hidden = panel.details.hidden = !has;
  fill(panel.none, has, () => !has && empty(none, "This chart updates by itself."));
  panel.numbers.replaceChildren(table("Numbers", columns, rows));
  // The container has a width only once it is on the page.
  if (has) requestAnimationFrame(() => panel.element.isConnected && draw(panel.chart));
}

const legend = (entries) =>
  h("ul", { class: "legend" }, entries.map(([name, colour]) => h("li", {}, h("span", { class: `dot fill-${colour}`, "aria-hidden": "true" }), name)));
