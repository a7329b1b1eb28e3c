// A route and the routes that it was compared with, for a live quote and for a routed order.

import { copyable, h, table } from "./dom.js";
import { amount, brief, difference, gain, percent, price, risk, token, units } from "./format.js";

const venueClass = (venue) => (/^[\w+]+$/.test(venue) ? `venue-${venue.replace("+", "-")}` : "");

export const venueName = (venue) => h("span", { class: `venue ${venueClass(venue)}` }, (venue ?? "–").split("+").join(" + "));

const KINDS = {
  "raydium-amm": "Raydium AMM v4",
  "raydium-clmm": "Raydium CLMM",
  "raydium-cp": "Raydium CP",
  "meteora-damm": "Meteora DAMM v2",
  "meteora-dlmm": "Meteora DLMM",
};

/** Returns a pool's kind in words. The simulated market's kinds have no versions. */
const kindName = (kind) => KINDS[kind.replace(/-v\d$/, "")] ?? kind;

/** Returns the pools of a compared route's hops, from names such as `raydium-cp:SOL-USDC:7Juw+meteora-dlmm:SOL-USDC:BGm1 > …`. */
const hopsOf = ({ pools }) =>
  pools.split(" > ").map((hop) =>
    hop.split("+").map((name) => {
      const [kind, pair = "", address] = name.split(":");
      return { kind: kindName(kind), pair: pair.split("-").map(token).join("/"), address };
    }),
  );

/** Returns a compared route in words, such as `Raydium CP + Meteora DLMM · SOL/USDC`. */
export const routeName = (quote) => hopsOf(quote).map((hop) => `${hop.map(({ kind }) => kind).join(" + ")} · ${hop[0].pair}`).join(", then ");

/** Returns why the first of the compared routes was chosen, in words. */
export function why({ quotes: [first, second] }) {
  if (!second) return `${routeName(first)} is the only route.`;
  const [pays, least] = [net(first), net(second)];
  return pays === least ? `Pays as much as ${routeName(second)}.` : `${difference(gain(pays, least))} than the next route, ${routeName(second)}.`;
}

// Decimals beyond those of any token.
const SCALE = 18;

/** Returns what a compared route pays after the costs of its further swaps, by which routes are ranked. */
const net = ({ amountOut, cost = "0" }) => units(amountOut, SCALE) - units(cost, SCALE);

/** Returns a bar and a legend for each hop of a routed order: how it splits the amount over pools. `explorer` links a pool's address. */
export function split({ route, quotes }, explorer) {
  const hops = hopsOf(quotes[0]);
  return route.map(({ tokenIn, tokenOut, legs }, hop) => {
    const names = hops[hop].map(({ kind, pair }) => `${kind} · ${pair}`);
    const parts = legs.map((leg, index) => {
      const part = h("span", { class: `part ${venueClass(leg.venue)}`, title: `${names[index]}: ${percent(leg.shareBps)}` });
      part.style.flexGrow = Math.max(leg.shareBps, 60);
      return part;
    });
    const legend = legs.map((leg, index) =>
      h(
        "li",
        {},
        h("span", { class: `dot ${venueClass(leg.venue)}`, "aria-hidden": "true" }),
        h("span", { class: "pool" }, names[index]),
        h("span", { class: "share" }, percent(leg.shareBps)),
        leg.pool.includes(":") ? null : copyable(leg.pool, explorer(leg.pool), `${leg.pool.slice(0, 4)}…`),
        h("span", { class: "note" }, `${brief(leg.amountIn)} ${tokenIn} for ${brief(leg.amountOut)} ${tokenOut}, price impact ${percent(leg.priceImpactBps)}`),
      ),
    );
    return h(
      "div",
      { class: "hop" },
      h("h3", {}, `${tokenIn} → ${tokenOut}`),
      h("div", { class: "bar", role: "img", "aria-label": `Split: ${legs.map((leg, index) => `${names[index]} ${percent(leg.shareBps)}`).join(", ")}` }, parts),
      h("ul", { class: "legs" }, legend),
    );
  });
}

/** Returns a table of the compared routes, the best first. */
export const compared = (quotes) => h("div", { class: "routes" }, routes(quotes));

const routes = (quotes) =>
  table(
    "Routes compared",
    [
      { label: "Route", show: ({ hops, pools, index }) => [hops.map(routed(pools)), index === 0 && h("span", { class: "tag best" }, "Best")] },
      { label: "You receive", number: true, show: ({ amountOut }) => amount(amountOut, 6) },
      { label: "vs. best", number: true, show: ({ index, behind }) => (index ? difference(behind) : "–") },
      { label: "Price", number: true, show: (quote) => price(quote.price) },
      { label: "Price impact", number: true, show: ({ priceImpactBps }) => impact(priceImpactBps) },
      { label: "Fees", number: true, show: ({ feeBps }) => (feeBps === undefined ? "–" : percent(feeBps)) },
    ],
    quotes.map((quote, index) => ({ ...quote, index, class: index === 0 && "chosen", hops: hopsOf(quote), behind: gain(net(quote), net(quotes[0])) })),
  );

/** Returns a function that shows a hop of the route with these pools: each with its venue's colour, their pair, and their addresses. */
const routed = (pools) => (hop, index) =>
  h(
    "span",
    { class: "pools", title: pools },
    index > 0 && "then ",
    hop.map(({ kind }, leg) => [leg > 0 && " + ", h("span", { class: "one" }, h("span", { class: `dot ${venueClass(kind.split(" ")[0].toLowerCase())}`, "aria-hidden": "true" }), kind)]),
    ` · ${hop[0].pair} `,
    hop.map(({ address }) => address && h("code", {}, `${address}… `)),
  );

/** Returns a price impact in per cent, marked if it costs much. */
export function impact(bps) {
  const level = risk(bps);
  return level ? h("span", { class: level }, h("span", { "aria-hidden": "true" }, "⚠ "), percent(bps)) : percent(bps);
}

export const fees = (list) =>
  list.length
    ? h("ul", { class: "plain" }, list.map(({ token: symbol, kind, amount: paid }) => h("li", {}, `${amount(paid, 6)} ${symbol} `, h("span", { class: "note" }, RECEIVERS[kind] ?? kind))))
    : "None";

/** Returns what a transaction costs besides the amounts, or null if it costs nothing. */
export function costs({ networkFee, rent }) {
  const paid = [[networkFee, "network"], [rent, "rent of new accounts"]].filter(([text]) => Number(text) > 0);
  return paid.length ? h("ul", { class: "plain" }, paid.map(([text, to]) => h("li", {}, `${amount(text, 9)} SOL `, h("span", { class: "note" }, to)))) : null;
}

const RECEIVERS = { trade: "liquidity providers", protocol: "protocol", fund: "fund", creator: "pool creator" };

export const unavailable = (list) =>
  list.map(({ venue, message }) => h("p", { class: "warning" }, h("strong", {}, `Left out: ${venue}. `), message));
