// Statistics of the newest orders that have ended: their prices, how long they took, what they lost to slippage, and where.

import { ApiError, Unreachable } from "./api.js";
import { fill, h, title } from "./dom.js";
import { isFinal } from "./engine.js";
import { clock, counted, duration, percent, when, whole, words } from "./format.js";
import { legend, Panel, Shares } from "./panels.js";
import { PriceChart } from "./pricechart.js";
import { venueName } from "./routes.js";
import { durations, durationsOverTime, frequencies, latencies, quantile, slippages } from "./stats.js";

const MAX_ORDERS = 1_000;
const REFRESH_MS = 10_000;
const RETRY_MS = 3_000;

const STEPS = { pending: "Route", routing: "Build", building: "Send", submitted: "Confirm" };
const NO_ORDER = "No order is confirmed yet";

const key = () => legend([["p50", "dot fill-accent"], ["p95", "dot fill-second"]]);

export class Insights {
  #context;
  #answer;
  #due = 0;
  #newest = "";
  #shown;
  #quoted = false;

  /** `parameters` are those of the address: the `pair` of the prices, and their `period` in seconds. */
  constructor(context, parameters) {
    this.#context = context;
    this.title = "Insights";
    this.prices = new PriceChart(context, parameters);
    this.panels = {
      latency: new Panel("Time by step", "From one status to the next. Route includes the wait in the queue, but not the wait for the market.", "No order has finished a step yet", { controls: key() }),
      trend: new Panel("Time to confirm", "From the queue to the confirmation, of the orders that were confirmed at about the same time.", NO_ORDER, { controls: key() }),
      slippage: new Panel("Realised slippage", "How much less than quoted each order received. A negative value means more.", NO_ORDER),
    };
    this.venues = new Shares("Fills by venue", "Confirmed orders by the venues of their route.", NO_ORDER, venueName);
    this.failures = new Shares("Failures by reason", "Failed orders by what went wrong.", "No order has failed", words);
    this.tiles = h("dl", { class: "facts card" });
    this.scope = h("p", { class: "note", role: "status" }, "Loading…");
    this.element = h(
      "div",
      { class: "insights" },
      h("div", { class: "title" }, h("h1", {}, "Insights"), this.scope),
      this.tiles,
      this.prices.element,
      h("div", { class: "grid" }, Object.values(this.panels).map(({ element }) => element), h("div", { class: "stack" }, this.venues.element, this.failures.element)),
    );
    this.quoted = () => (this.#quoted = true);
    context.store.addEventListener("quoted", this.quoted);
    this.tick();
  }

  get #orders() {
    const { market } = this.#context;
    return (this.#answer?.orders ?? []).filter((order) => order.market === market.name);
  }

  /** Shows the orders of another market, if the engine now trades there. Of all other changes it hears by `tick`. */
  changed() {
    if (this.#shown !== this.#context.market.name) this.#show();
  }

  /** Reads the orders again if one has ended since, but not often: it is the most that the page asks for. */
  tick() {
    if (!this.#answer || this.#lastEnd() > this.#newest) this.#read();
    if (this.#quoted && this.#answer) {
      this.#quoted = false;
      this.prices.show(this.#orders);
    }
    this.prices.tick();
  }

  close() {
    this.#context.store.removeEventListener("quoted", this.quoted);
    for (const panel of [this.prices, ...Object.values(this.panels)]) panel.close();
  }

  #lastEnd() {
    return this.#context.store.stalest.reduce((last, { status, updatedAt }) => (isFinal(status) && updatedAt > last ? updatedAt : last), "");
  }

  async #read() {
    if (Date.now() < this.#due) return;
    this.#due = Date.now() + REFRESH_MS;
    const newest = this.#lastEnd();
    try {
      this.#answer = await this.#context.api.get("/api/orders/timings", { limit: MAX_ORDERS });
      this.#newest = newest;
      this.#show();
    } catch (error) {
      // The API has already dispatched these errors.
      if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
      this.#due = Date.now() + RETRY_MS;
    }
  }

  #show() {
    if (!this.#answer) return;
    const orders = this.#orders;
    const { length } = orders;
    this.#shown = this.#context.market.name;
    fill(this.scope, [this.#answer.orders.length, this.#answer.complete, length], () => scope(this.#answer, length, this.#context.market.name));
    this.tiles.hidden = !length;
    this.prices.show(orders);
    fill(this.tiles, summary(orders), (facts) => facts.map(([name, value, more]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, more && h("span", { class: "note" }, ` ${more}`)))));
    showLatencies(this.panels.latency, latencies(orders, Object.keys(STEPS)), durations(orders));
    showTrend(this.panels.trend, durationsOverTime(orders));
    showSlippages(this.panels.slippage, slippages(orders));
    this.venues.show(frequencies(orders.filter(({ status, venue }) => status === "confirmed" && venue), ({ venue }) => venue));
    this.failures.show(frequencies(orders.filter(({ errorCode }) => errorCode), ({ errorCode }) => errorCode));
  }
}

function scope({ orders, complete }, here, market) {
  if (!orders.length) return ["No order has ended yet. ", h("a", { href: "#/" }, "Submit one"), ", and see here how it went."];
  const all = `${complete && orders.length > 1 ? "All " : complete ? "" : "The newest "}${counted(orders.length, "order")} that ${orders.length === 1 ? "has" : "have"} ended`;
  return here === orders.length ? all : `${all}, ${whole(here)} of them in ${market}`;
}

/** Returns the facts of all orders: `[name, value, more]`. */
function summary(orders) {
  const ends = frequencies(orders, ({ status }) => status).map(({ name, count, share }) => [title(name), whole(count), percent(share)]);
  const time = durations(orders);
  const slipped = orders.map(({ realisedSlippageBps }) => realisedSlippageBps).filter((bps) => bps !== null).sort((one, other) => one - other);
  return [
    ...ends,
    ...(time ? [["Time, p50", duration(time.p50)], ["Time, p95", duration(time.p95)]] : []),
    ...(slipped.length ? [["Median slippage", percent(quantile(slipped, 0.5))]] : []),
  ];
}

const COUNT = { label: "Orders", number: true, show: ({ count }) => whole(count) };
const SPREAD = [COUNT, { label: "p50", number: true, show: ({ p50 }) => duration(p50) }, { label: "p95", number: true, show: ({ p95 }) => duration(p95) }];

const spread = ({ count, p50, p95 }) => `p50 ${duration(p50)}, p95 ${duration(p95)}, ${counted(count, "order")}`;

const column = (rows, label, colour) => ({ label, colour, values: rows.map((row) => row[label]) });

function showLatencies(panel, rows, all) {
  panel.show(rows.length ? rows : undefined, {
    draw: (chart) => chart.bars(rows.map(({ from }) => STEPS[from]), [column(rows, "p50", "accent"), column(rows, "p95", "second")], duration),
    describe: (index) => (index === undefined ? all && `All steps: ${spread(all)}` : `${STEPS[rows[index].from]}: ${spread(rows[index])}`),
    tables: [{ name: "Time by step", rows, columns: [{ label: "Step", show: ({ from }) => STEPS[from] }, ...SPREAD] }],
  });
}

function showTrend(panel, rows) {
  const period = ({ from, to }) => `${when(from * 1000)} to ${clock(to * 1000)}`;
  panel.show(rows.length ? rows : undefined, {
    draw: (chart) => chart.lines(rows.map(({ from }) => from), [column(rows, "p50", "accent"), column(rows, "p95", "second")], duration, [0, Math.max(...rows.map(({ p95 }) => p95)) * 1.08]),
    describe: (index = rows.length - 1) => `${period(rows[index])}: ${spread(rows[index])}`,
    tables: [{ name: "Time to confirm", rows: rows.toReversed(), columns: [{ label: "Time", show: period }, ...SPREAD] }],
  });
}

function showSlippages(panel, rows) {
  const range = ({ from, to }) => (from === undefined ? `below ${percent(to)}` : to === undefined ? `${percent(from)} or more` : `${percent(from)} to below ${percent(to)}`);
  const at = ({ from, to }) => (from === undefined ? `< ${percent(to)}` : to === undefined ? `≥ ${percent(from)}` : percent(from));
  panel.show(rows.length ? rows : undefined, {
    draw: (chart) => chart.bars(rows.map(at), [column(rows, "count", "accent")], (count) => (Number.isInteger(count) ? whole(count) : "")),
    describe: (index) => (index === undefined ? counted(rows.reduce((sum, { count }) => sum + count, 0), "order") : `${range(rows[index])}: ${counted(rows[index].count, "order")}`),
    tables: [{ name: "Realised slippage", rows, columns: [{ label: "Slippage", show: range }, COUNT] }],
  });
}
