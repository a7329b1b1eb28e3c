// Routing between the pages, the session, and the state of the connections.

import { Api } from "./api.js";
import { Detail } from "./detail.js";
import { fill, h, problem } from "./dom.js";
import * as draft from "./draft.js";
import { engine } from "./engine.js";
import { errorAdvice, errorTitle } from "./errors.js";
import { Feed } from "./feed.js";
import { sentence } from "./format.js";
import { History } from "./history.js";
import { Insights } from "./insights.js";
import { Market, marketTag, money } from "./market.js";
import { Payer } from "./payer.js";
import { Prices } from "./prices.js";
import { keepPlaces, scrolled } from "./scrolling.js";
import * as session from "./session.js";
import { signIn } from "./signin.js";
import { Store } from "./store.js";
import { Submission } from "./submission.js";
import { Trade } from "./trade.js";

const TICK_MS = 200;
const TOAST_MS = 8_000;

const byId = (id) => document.getElementById(id);
const main = byId("main");

let context, view;

// Pages

function route() {
  const [path, query] = location.hash.replace(/^#?\/?/, "").split("?");
  const [name, id] = path.split("/");
  for (const link of byId("nav").children) {
    if (link.hash === (name ? `#/${name}` : "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!context) return;
  const parameters = new URLSearchParams(query);
  if (name === "orders" && id) show(new Detail(context, decoded(id)));
  else if (name === "orders" && view instanceof History) scrolled(view.open(parameters));
  else if (name === "orders") show(new History(context, parameters));
  else if (name === "insights") show(new Insights(context, parameters));
  else show(new Trade(context));
}

function show(next) {
  const moved = view !== undefined;
  view?.close();
  view = next;
  named();
  main.replaceChildren(view.element);
  if (moved) main.focus({ preventScroll: true });
  scrolled(view.ready);
}

/** Opens the order form with the swap of an order. */
function trade(order) {
  draft.begin(order);
  if (view instanceof Trade) route();
  else location.hash = "#/";
}

/** Names the page and the market. */
function named() {
  const { name, realMoney } = context.market;
  document.title = [view.title, name, "Order engine"].filter(Boolean).join(" · ");
  document.body.classList.toggle("real-money", realMoney);
  fill(byId("market"), name ?? null, () => name && [h("span", { class: "visually-hidden" }, "Market: "), marketTag(name, h("span", { class: "money" }, ` · ${money(name)}`))]);
}

// An address that was cut in the middle of a character stays as it is.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// Sessions

function begin(key) {
  session.begin(key);
  const api = new Api(engine.api, key);
  const store = new Store();
  const feed = new Feed(api, store, engine.webSocketUrl);
  const market = new Market(api);
  const prices = new Prices(api);
  const payer = new Payer(market);
  const submission = new Submission(api);
  context = { api, store, feed, market, payer, prices, submission, notify, trade };
  api.addEventListener("refused", () => context?.api === api && end("refused"));
  api.addEventListener("up", () => context?.api === api && warn(undefined));
  api.addEventListener("down", ({ detail }) => context?.api === api && warn(detail));
  store.addEventListener("changed", update);
  payer.addEventListener("changed", update);
  prices.addEventListener("changed", update);
  submission.addEventListener("accepted", ({ detail }) => feed.add(detail));
  submission.addEventListener("refused", ({ detail }) => context?.submission === submission && refused(detail));
  feed.addEventListener("loaded", update);
  feed.addEventListener("failed", ({ detail }) => failed(detail));
  feed.addEventListener("malformed", () => notify("An event could not be read", "The page reconnects and asks for what it missed."));
  feed.socket.addEventListener("state", () => context?.feed === feed && connected(feed.socket.state, api.readOnly));
  // An engine that was started anew may trade in another market.
  feed.socket.addEventListener("live", () => market.name && market.read());
  market.addEventListener("changed", () => {
    if (context?.market !== market) return;
    named();
    update();
  });
  byId("key").textContent = `${key.slice(0, 8)}…`;
  byId("nav").hidden = byId("who").hidden = byId("market").hidden = false;
  view = undefined;
  route();
  connected("connecting", false);
  feed.start();
  market.read();
}

function end(why) {
  session.end();
  context?.feed.stop();
  context?.market.stop();
  context?.payer.close();
  context?.submission.stop?.();
  view?.close();
  context = view = undefined;
  byId("nav").hidden = byId("who").hidden = byId("market").hidden = true;
  document.body.classList.remove("real-money", "read-only");
  warn(undefined);
  enter(why);
}

function enter(why) {
  document.title = "Sign in · Order engine";
  main.replaceChildren(signIn(begin, why));
  byId("api-key").focus();
}

// Notices

let waiting = false;

/** Shows events that come at once together. */
function update() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    view?.changed();
    view?.tick();
  }, 16);
}

/** Reports a failed order on pages that do not show it. */
function failed({ orderId, data }) {
  if (!(view instanceof Trade) && view.id !== orderId) notify(errorTitle(String(data.code)), errorAdvice(String(data.code)), { href: `#/orders/${orderId}` });
}

/** Reports a submission that has failed while the user looks at a page without the form. */
function refused({ message }) {
  if (!(view instanceof Trade)) notify("The order was not accepted", sentence(message), { href: "#/" });
}

const STATES = { live: "Live", connecting: "Connecting…", waiting: "Reconnecting…" };

/** Shows the state of the connection, and hides what a key that only reads cannot do. */
function connected(state, readOnly) {
  document.body.classList.toggle("read-only", readOnly);
  const place = byId("connection");
  place.className = `connection ${state}`;
  if (place.textContent !== STATES[state]) place.textContent = STATES[state];
}

function warn(error) {
  const text = error && `${error.message}. Trying again; the data on this page may be old.`;
  const place = byId("banner");
  if (place.dataset.text === (text ?? "")) return;
  place.dataset.text = text ?? "";
  place.replaceChildren(...(text ? [h("p", {}, text)] : []));
}

/** Shows a notice for some seconds. `status` is that of an order, whose colour it has. */
function notify(heading, text, { href, status = "failed" } = {}) {
  const close = h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", click: () => toast.remove() }, "✕");
  const toast = h("div", { class: `toast ${status}` }, h("div", {}, h("strong", {}, href ? h("a", { href }, heading) : heading), h("p", {}, text)), close);
  byId("toasts").append(toast);
  while (byId("toasts").children.length > 3) byId("toasts").firstChild.remove();
  setTimeout(() => toast.remove(), TOAST_MS);
}

// An unexpected error is reported, and the page stays as it is.
function unexpected(error) {
  if (error?.name === "AbortError" || !error) return;
  if (main.querySelector(".late")) main.replaceChildren(problem("The dashboard could not start", `${error.message ?? error}`));
  else notify("Something went wrong in this page", `${error.message ?? error}. Reload the page if it stops working.`);
}

addEventListener("error", ({ error }) => unexpected(error));
addEventListener("unhandledrejection", ({ reason }) => unexpected(reason));
addEventListener("hashchange", () => {
  const { key, broken } = session.current();
  if (key && !context) begin(key);
  else if (broken) enter("broken");
  else route();
});
keepPlaces();
byId("sign-out").addEventListener("click", () => end());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
setInterval(() => !document.hidden && view?.tick(), TICK_MS);

const { key, broken } = session.current();
if (key) begin(key);
else enter(broken && "broken");
