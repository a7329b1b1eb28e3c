// Shows the page that the address names, and keeps it up to date.

import { Execution } from "./execution.js";
import { Executions } from "./executions.js";
import { FunctionPage } from "./function.js";
import { Functions } from "./functions.js";
import { Logs } from "./logs.js";
import { at, get, left, pause, PAUSE, refreshNow } from "./page.js";
import { Queue } from "./queue.js";
import { Queues } from "./queues.js";
import { Requests } from "./requests.js";
import { StackPage } from "./stack.js";

/**
 * The page of each address: of `#/name`, and of `#/name/subject` if that is another one. A page is made with its
 * place, the parts of the address and the stack's machines: `{ subject, detail, query, machines }`. It has an `element`, a `title`,
 * a `pause` until its next `refresh(overview)`, and perhaps `select(place)` for an address that changes while the page is shown.
 */
const PAGES = {
  executions: [Executions, Execution],
  queues: [Queues, Queue],
  functions: [Functions, FunctionPage],
  logs: [Logs],
  requests: [Requests],
  stack: [StackPage],
};

const main = document.querySelector("main");
const readOnly = document.querySelector("#read-only");
const connection = document.querySelector("#connection");

let machines;
let current = false;
let view;
let shown;
let scroll = 0;

// A part that is not validly encoded, as in an address that was cut off, stays as it is.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function read(hash) {
  const [path, query] = hash.slice(2).split("?");
  const [name, subject = "", detail = ""] = path.split("/").map(decoded);
  return { page: Object.hasOwn(PAGES, name) ? name : "executions", subject, detail, query: new URLSearchParams(query) };
}

function route() {
  const { page, ...parts } = read(location.hash);
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === at(page)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const place = { ...parts, machines };
  const [List, One = List] = PAGES[page];
  const wanted = at(page, place.subject);
  if (view && shown === wanted) view.select?.(place);
  else show(new (place.subject ? One : List)(place));
  shown = wanted;
  const list = left.get(page);
  scroll = list?.hash === location.hash ? list.scroll : 0;
  return refreshNow();
}

function show(next) {
  const moved = view !== undefined;
  view = next;
  main.replaceChildren(view.element);
  if (moved) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

function connected(yes) {
  connection.className = yes ? "on" : "off";
  const words = yes ? "Live" : "Not answering, trying again";
  if (connection.textContent !== words) connection.textContent = words;
}

async function refresh() {
  if (!current) {
    const found = await get("machines");
    // After an interruption another stack may answer. If it is the same, the page stays as it was.
    if (JSON.stringify(found) !== JSON.stringify(machines)) {
      machines = found;
      view = undefined;
      route();
    }
    current = true;
  }
  const refreshed = view;
  const overview = await get("overview");
  readOnly.hidden = !overview.readOnly;
  await refreshed.refresh(overview);
  // One may have gone to another page meanwhile.
  if (refreshed !== view) return;
  // A list to which one returns is as long as it was only now.
  if (scroll) window.scrollTo(0, scroll);
  scroll = 0;
  document.title = `${view.title} · Emulator`;
}

window.addEventListener("hashchange", ({ oldURL }) => {
  const { hash } = new URL(oldURL);
  const { page, subject } = read(hash);
  if (!subject) left.set(page, { hash, scroll: window.scrollY });
  if (machines) route();
});
document.addEventListener("visibilitychange", refreshNow);

for (;;) {
  if (!document.hidden) {
    try {
      await refresh();
      connected(true);
    } catch (error) {
      console.error(error);
      connected(false);
      current = false;
    }
  }
  await pause(view?.pause ?? PAUSE.steady);
}
