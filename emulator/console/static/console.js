// Shows the page that the address names, and keeps it up to date.

import { Execution } from "./execution.js";
import { Executions } from "./executions.js";
import { Function } from "./function.js";
import { Functions } from "./functions.js";
import { Logs } from "./logs.js";
import { at, get, pause, PAUSE, refreshNow } from "./page.js";
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
  functions: [Functions, Function],
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

// A part that is not validly encoded, as in an address that was cut off, stays as it is.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function route() {
  const [path, query] = location.hash.slice(2).split("?");
  const [name, subject = "", detail = ""] = path.split("/").map(decoded);
  const page = name in PAGES ? name : "executions";
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === at(page)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const place = { subject, detail, query: new URLSearchParams(query), machines };
  const [List, One = List] = PAGES[page];
  const wanted = at(page, subject);
  if (view && shown === wanted) view.select?.(place);
  else show(new (subject ? One : List)(place));
  shown = wanted;
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
  document.title = `${refreshed.title} · Emulator`;
}

window.addEventListener("hashchange", () => machines && route());
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
