// What the pages share: the server's answers, small elements, and the wait until the next refresh.

import { h } from "./dom.js";

export const PAUSE = { live: 300, steady: 1000 };

export class NotFound extends Error {}

/** The server's answer as JSON. Throws `NotFound` if there is none. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  const response = await fetch(`${path}?${query}`);
  if (response.status === 404) throw new NotFound();
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}

/** The address of a page, such as `#/executions/arn`. */
export const at = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;
export const number = (value) => value.toLocaleString();
export const empty = (title, ...text) => h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, ...text));
export const cell = (name, ...content) => h("td", { "data-label": name }, ...content);
export const card = (title, ...content) => h("section", { class: "card", "aria-label": title }, h("h2", {}, title), ...content);
export const heading = (...names) => h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));

let wake = () => {};

/** Waits, unless `refreshNow` is called before. */
export const pause = (milliseconds) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });

export function refreshNow() {
  wake();
}
