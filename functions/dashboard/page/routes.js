// A route and the routes that it was compared with, for a live quote and for a routed order.

import { h, outside, table } from "./dom.js";
import { amount, below, brief, percent, price } from "./format.js";

const venueClass = (venue) => (/^[\w+]+$/.test(venue) ? `venue-${venue.replace("+", "-")}` : "");

export const venueName = (venue) => h("span", { class: `venue ${venueClass(venue)}` }, (venue ?? "–").split("+").join(" + "));

/** Returns a bar and a legend for each hop: how it splits the amount over pools. `explorer` links a pool's address. */
export function split(route, explorer) {
  return route.map(({ tokenIn, tokenOut, legs }) => {
    const parts = legs.map((leg) => {
      const part = h("span", { class: `part ${venueClass(leg.venue)}`, title: `${leg.pool}: ${percent(leg.shareBps)}` });
      part.style.flexGrow = Math.max(leg.shareBps, 60);
      return part;
    });
    const legend = legs.map((leg) =>
      h(
        "li",
        {},
        h("span", { class: `dot ${venueClass(leg.venue)}`, "aria-hidden": "true" }),
        h("span", { class: "pool" }, poolName(leg, explorer)),
        h("span", { class: "share" }, percent(leg.shareBps)),
        h("span", { class: "note" }, `${brief(leg.amountIn)} ${tokenIn} for ${brief(leg.amountOut)} ${tokenOut}, impact ${percent(leg.priceImpactBps)}`),
      ),
    );
    return h(
      "div",
      { class: "hop" },
      h("h3", {}, `${tokenIn} → ${tokenOut}`),
      h("div", { class: "bar", role: "img", "aria-label": `Split: ${legs.map((leg) => `${leg.pool} ${percent(leg.shareBps)}`).join(", ")}` }, parts),
      h("ul", { class: "legs" }, legend),
    );
  });
}

/** Returns the kind of a leg's pool, and on Solana the beginning of its address. On the simulated market, its id names both. */
const poolName = ({ pool, kind }, explorer) =>
  pool.includes(":") ? pool.split(":")[0] : [`${kind.replaceAll("_", "-")} `, outside(explorer(pool), h("code", { title: pool }, pool.slice(0, 4), "…"))];

/** Returns a table of the compared routes, the best first. */
export const compared = (quotes) =>
  table(
    "Routes compared",
    [
      { label: "Route", show: ({ pools, index }) => [poolNames(pools), index === 0 && h("span", { class: "tag best" }, "Best")] },
      { label: "Venue", show: ({ venue }) => venueName(venue) },
      { label: "Price", number: true, show: (quote) => price(quote.price) },
      { label: "Fees", number: true, show: ({ feeBps }) => (feeBps === undefined ? "–" : percent(feeBps)) },
      { label: "Impact", number: true, show: ({ priceImpactBps }) => percent(priceImpactBps) },
      { label: "Pays", number: true, show: ({ amountOut }) => amount(amountOut, 6) },
      { label: "Behind", number: true, show: ({ behind }) => (behind ? percent(behind) : "–") },
    ],
    quotes.map((quote, index) => ({ ...quote, index, class: index === 0 && "chosen", behind: below(quotes[0].amountOutBaseUnits, quote.amountOutBaseUnits) })),
  );

/** Returns names such as `raydium-cp:SOL-USDC:7Juw+meteora-dlmm:SOL-USDC:BGm1`, with the pair only if there are several hops. */
const poolNames = (pools) => {
  const hops = pools.split(">").map((hop) => hop.split("+").map((pool) => pool.trim().split(":")));
  const named = (hop) => hop.map(([kind, , address]) => (address ? `${kind} ${address}…` : kind)).join(" + ");
  return h(
    "span",
    { class: "pools", title: pools },
    hops.map((hop, index) => [index > 0 && " then ", hops.length > 1 ? `${named(hop)} (${hop[0][1] ?? ""})` : named(hop)]),
  );
};

export const fees = (list) =>
  list.length
    ? h("ul", { class: "plain" }, list.map(({ token, kind, amount: paid }) => h("li", {}, `${amount(paid, 6)} ${token} `, h("span", { class: "note" }, KINDS[kind] ?? kind))))
    : "None";

/** Returns what a transaction costs besides the amounts, or null if it costs nothing. */
export function costs({ networkFee, rent }) {
  const paid = [[networkFee, "network"], [rent, "rent of new accounts"]].filter(([text]) => Number(text) > 0);
  return paid.length ? h("ul", { class: "plain" }, paid.map(([text, to]) => h("li", {}, `${amount(text, 9)} SOL `, h("span", { class: "note" }, to)))) : null;
}

const KINDS = { trade: "liquidity providers", protocol: "protocol", fund: "fund", creator: "pool creator" };

export const unavailable = (list) =>
  list.map(({ venue, message }) => h("p", { class: "warning" }, h("strong", {}, `Left out: ${venue}. `), message));
