// What the pages share: the server's answers, small elements, and the wait until the next refresh.

import { fill, h } from "./dom.js";

export const PAUSE = { live: 300, steady: 1000 };

/** What the server says of a request that it cannot carry out. */
export class Refused extends Error {}

export class NotFound extends Refused {}

// Empty values are left out.
const queryOf = (parameters) => new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)).toString();

async function answered(response) {
  if (response.ok) return response.json();
  if (response.status >= 500) throw new Error(response.statusText);
  const { message } = await response.json();
  throw new (response.status === 404 ? NotFound : Refused)(message);
}

/** The server's answer as JSON. Throws `NotFound` if there is none, or `Refused`. */
export const get = async (path, parameters = {}) => answered(await fetch(`${path}?${queryOf(parameters)}`));

/** Has the server change something, and returns its answer. Throws `Refused`. */
export const post = async (path, body) =>
  answered(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));

/** What to tell of an error of `post`. */
export const wordsOf = (error) => (error instanceof Refused ? error.message : "The emulator does not answer. Try again.");

/** The address of a page, such as `#/executions/arn`, with `parameters` if the last argument is an object. */
export function at(...parts) {
  const query = typeof parts.at(-1) === "object" ? queryOf(parts.pop()) : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${query && `?${query}`}`;
}

export const number = (value) => value.toLocaleString();
export const empty = (title, ...text) => h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, ...text));
/** What a page of one `thing` of those on the page `things` shows if the stack does not have it. */
export const missing = (thing, things) => [
  h("h1", {}, thing),
  empty("Not found", `This stack has no ${thing.toLowerCase()} of this name. `, h("a", { href: at(things) }, `See the ${things}`)),
];
export const cell = (name, ...content) => h("td", { "data-label": name }, ...content);
export const card = (title, ...content) => h("section", { class: "card", "aria-label": title }, h("h2", {}, title), ...content);
export const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));

/** The address `hash` at which one has left the list of each page, and how far it was scrolled to. */
export const left = new Map();

export const crumbs = (page, name, here) =>
  h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("a", { href: left.get(page)?.hash ?? at(page) }, name), h("span", { "aria-hidden": "true" }, "›"), h("span", {}, here));
export const heading = (...names) => h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));

/** Buttons of which one is chosen, of `[value, name]` each. */
export const choices = (title, options, chosen, choose) =>
  h(
    "div",
    { class: "filters", role: "group", "aria-label": title },
    options.map(([value, ...name]) => h("button", { class: "filter", "aria-pressed": String(value === chosen), click: () => choose(value) }, name)),
  );

/** Says in `element` that only some of `total` are shown, with a button for more of them. */
export function more(element, shown, total, step, show) {
  const focused = element.contains(document.activeElement);
  const next = Math.min(step, total - shown);
  fill(element, [shown, total], () =>
    next > 0 && h("p", { class: "more" }, `${number(shown)} of ${number(total)}`, h("button", { class: "button", click: show }, `Show ${number(next)} more`)),
  );
  if (focused) element.querySelector("button")?.focus();
}

let hurried = false;
let wake = () => {};

/** Waits, unless `refreshNow` is called, also since the last wait. */
export const pause = (milliseconds) =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      hurried = false;
      wake = () => {};
      resolve();
    };
    const timer = setTimeout(end, hurried ? 0 : milliseconds);
    wake = end;
  });

export function refreshNow() {
  hurried = true;
  wake();
}
