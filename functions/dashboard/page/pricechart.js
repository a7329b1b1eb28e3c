// The prices of a pair over time: what each venue has quoted, what it quotes now, and the user's fills.

import { ApiError, query, Unreachable } from "./api.js";
import { fill, h, title } from "./dom.js";
import { amount, counted, percent, price, token, when } from "./format.js";
import { columns, FAR_QUOTE_BPS, fillOf, pricesOf } from "./pairs.js";
import { legend, Panel } from "./panels.js";
import { venueName } from "./routes.js";

const ASK_MS = 10_000;
const MAX_FILLS = 500;
const ROWS = 30;
// A period is chosen that has this many quotes and fills.
const ENOUGH = 20;

const PERIODS = [["Last 15 minutes", 900], ["Last hour", 3_600], ["Last day", 86_400], ["Last 7 days", 604_800], ["All", Infinity]];
const COLOURS = { raydium: "raydium", meteora: "meteora" };

const sideName = (sells) => (sells ? "Sell" : "Buy");
const name = (venue) => venue.split("+").map(title).join(" + ");
const short = (pair) => pair.split("/").map(token).join("/");

export class PriceChart {
  #context;
  #orders = [];
  #fills = [];
  #pair;
  #period;
  #due = 0;
  #stale = true;
  #shown = [];

  constructor(context, parameters) {
    this.#context = context;
    this.#pair = parameters.get("pair") ?? undefined;
    this.#period = PERIODS.map(([, seconds]) => seconds).find((seconds) => String(seconds) === parameters.get("period"));
    this.pairs = h("select", { id: "pair", change: () => this.#choose(this.pairs.value) });
    this.periods = h("select", { id: "period", change: () => this.#limit(Number(this.periods.value)) }, PERIODS.map(([label, seconds]) => h("option", { value: seconds }, label)));
    this.key = h("div", {});
    this.left = h("p", { class: "note", role: "status" });
    this.panel = new Panel("Prices and fills", "The venues' prices after fees, from the quotes for your orders without their own price impact, and your fills.", "No price here yet", {
      controls: [h("label", { class: "picker", for: "pair" }, "Pair", this.pairs), h("label", { class: "picker", for: "period" }, "Period", this.periods), this.key],
      note: "Submit an order, enter an amount to see a quote, or choose a longer period.",
      open: (index) => this.#open(index),
    });
    this.panel.chart.element.after(this.left);
    this.element = this.panel.element;
  }

  /** Shows the orders that have ended, as the API times them, and the quotes that this page has received. */
  show(orders) {
    const [before, now] = [this.#orders, orders].map((list) => list[0]?.orderId);
    this.#orders = orders;
    // An order that has ended may be a fill.
    if (now !== before) this.#outdate();
    this.#draw();
  }

  tick() {
    const pair = this.pairs.value;
    if (Date.now() < this.#due || !pair) return;
    this.#due = Date.now() + ASK_MS;
    this.#read(pair);
  }

  close() {
    this.panel.close();
  }

  #choose(pair) {
    this.#pair = pair;
    this.#period = undefined;
    this.#fills = [];
    this.#outdate();
    this.#keep();
    this.#draw();
  }

  #limit(seconds) {
    this.#period = seconds;
    this.#keep();
    this.#draw();
  }

  /** Has the address name what is chosen, so that coming back finds it. */
  #keep() {
    history.replaceState(history.state, "", `#/insights${query({ pair: this.#pair, period: this.#period })}`);
  }

  /** Has the fills read again at once. */
  #outdate() {
    this.#stale = true;
    this.#due = 0;
  }

  /** Reads the fills of a pair if there may be new ones, and asks for a quote of the newest amount on each side. */
  async #read(pair) {
    const { api, store } = this.#context;
    const [base, quote] = pair.split("/");
    const sides = [[base, quote], [quote, base]];
    try {
      if (this.#stale) {
        const pages = await Promise.all(sides.map((tokens) => api.get("/api/fills", { tokenPair: tokens.join("-"), limit: MAX_FILLS })));
        if (this.#pair !== pair) return;
        this.#stale = false;
        this.#fills = pages.flatMap(({ fills }) => fills);
        this.#draw();
      }
      for (const [tokenIn, tokenOut] of sides) {
        const last = this.#fills.find((one) => one.tokenIn === tokenIn);
        if (!last) continue;
        const answer = await api.get("/api/quotes", { tokenIn, tokenOut, amountIn: last.amountIn });
        store.quoted(answer, new Date(api.now()).toISOString(), answer.quotes);
      }
    } catch (error) {
      // The API has already dispatched these errors.
      if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
    }
  }

  /** Draws the chosen period, or else the shortest one with enough to see. */
  #draw() {
    const { store, market } = this.#context;
    const quotes = this.#quotes(store.quotes.filter((quote) => quote.market === market.name));
    const pairs = [...new Set(quotes.map(({ pair }) => pair))].sort();
    if (quotes.length && !pairs.includes(this.#pair)) this.#pair = quotes.at(-1).pair;
    fill(this.pairs, { pairs, pair: this.#pair }, () => pairs.map((one) => h("option", { value: one, selected: one === this.#pair }, short(one))));
    const impacts = new Map(this.#orders.map(({ orderId, routed }) => [orderId, routed?.priceImpactBps]));
    const fills = this.#fills.filter((one) => one.market === market.name).map((one) => fillOf(one, impacts));
    const ofPair = quotes.filter(({ pair }) => pair === this.#pair);
    const within = (seconds) => [ofPair, fills].map((list) => list.filter(({ at }) => at >= Date.now() - seconds * 1000));
    const seconds = this.#period ?? PERIODS.map(([, one]) => one).find((one) => within(one).flat().length >= ENOUGH) ?? Infinity;
    this.periods.value = seconds;
    this.#show(...within(seconds));
  }

  /** Returns the quotes of the orders and those received, each once, in order of time. */
  #quotes(received) {
    const routed = this.#orders.filter((order) => order.routed).map((order) => pricesOf({ ...order, quotes: order.routed.quotes }, order.routed.at));
    const all = [...routed, ...received.map((quote) => pricesOf(quote, quote.at))];
    return [...new Map(all.map((quote) => [`${quote.at} ${quote.pair} ${quote.sells}`, quote])).values()].sort((one, other) => one.at - other.at);
  }

  #show(quotes, fills) {
    const data = columns(quotes, fills);
    const { times, series, marks, scale, shown } = data;
    this.#shown = shown;
    const sides = new Set(series.map(({ sells }) => sells));
    fill(this.key, [series.map(({ venue }) => venue), [...sides], fills.length > 0], () => key(series, sides, fills.length > 0));
    const far = quotes.filter((quote) => quote.far).length;
    const beyond = marks.filter(({ value }) => value < scale[0] || value > scale[1]).length;
    this.left.textContent = [
      far && `${counted(far, "quote")} with a price impact of ${percent(FAR_QUOTE_BPS)} or more ${far === 1 ? "is" : "are"} left out.`,
      beyond && `${counted(beyond, "fill")} far from these prices ${beyond === 1 ? "is" : "are"} drawn at the edge.`,
    ].filter(Boolean).join(" ");
    const lines = series.map(({ venue, sells, values }) => ({ label: venue, colour: COLOURS[venue] ?? "both", dashed: !sells, values }));
    const drawn = marks.map((mark) => ({ ...mark, colour: mark.up ? "accent" : "second" }));
    this.panel.show(shown.length ? data : undefined, {
      draw: (chart) => chart.lines(times, lines, price, scale, drawn),
      describe: (index) => readout(data, index),
      tables: tables(quotes, fills, series),
    });
    this.panel.controls.hidden = !this.pairs.value;
  }

  #open(index) {
    const filled = this.#shown[index]?.fill;
    if (filled) location.hash = `#/orders/${filled.orderId}`;
  }
}

/** Returns what stands for the time of an index, or else the newest prices. */
function readout({ shown, series }, index) {
  if (index === undefined) {
    const newest = Map.groupBy(series, ({ venue }) => venue);
    return [...newest].map(([venue, sides]) => `${name(venue)}: ${sides.map(({ sells, values }) => `${sideName(sells).toLowerCase()} ${price(values.findLast((value) => value !== null))}`).join(", ")}`).join(" · ") || "Point at a fill to read it out";
  }
  const { fill: filled, quote, at } = shown[index];
  if (filled) return `${when(at)}: ${filled.sells ? "▼ sold" : "▲ bought"} ${amount(filled.amount)} ${token(filled.base)} at ${price(filled.price)} for ${amount(filled.worth)} ${token(filled.quote)} · ${name(filled.venue)}`;
  return `${when(at)}: ${sideName(quote.sells).toLowerCase()} ${Object.entries(quote.prices).map(([venue, value]) => `${name(venue)} ${price(value)}`).join(", ")}`;
}

function key(series, sides, filled) {
  const venues = [...new Set(series.map(({ venue }) => venue))].map((venue) => [name(venue), `dot fill-${COLOURS[venue] ?? "both"}`]);
  const lines = sides.size > 1 ? [["Sell", "stroke"], ["Buy", "stroke dashed"]] : [];
  const marks = filled ? [["You bought", "mark up"], ["You sold", "mark down"]] : [];
  return legend([...venues, ...lines, ...marks]);
}

function tables(quotes, fills, series) {
  const venues = [...new Set(series.map(({ venue }) => venue))];
  const [{ base, quote } = {}] = fills;
  return [
    {
      name: "Fills",
      rows: fills.toSorted((one, other) => other.at - one.at).slice(0, ROWS),
      columns: [
        { label: "Time", show: ({ at, orderId }) => h("a", { href: `#/orders/${orderId}`, title: new Date(at).toISOString() }, when(at)) },
        { label: "Side", show: ({ sells }) => sideName(sells) },
        { label: base && token(base), number: true, show: (one) => amount(one.amount) },
        { label: "Price", number: true, show: (one) => price(one.price) },
        { label: quote && token(quote), number: true, show: (one) => amount(one.worth) },
        { label: "Venue", show: ({ venue }) => venueName(venue) },
      ],
    },
    {
      name: "Quotes",
      rows: quotes.toReversed().slice(0, ROWS),
      columns: [
        { label: "Time", show: ({ at }) => h("span", { title: new Date(at).toISOString() }, when(at)) },
        { label: "Side", show: ({ sells }) => sideName(sells) },
        ...venues.map((venue) => ({ label: name(venue), number: true, show: ({ prices }) => (prices[venue] === undefined ? "–" : price(prices[venue])) })),
      ],
    },
  ];
}
