// Shows the page that the address names, and keeps it up to date.

import { Execution } from "./execution.js";
import { Executions } from "./executions.js";
import { Functions } from "./functions.js";
import { at, get, pause, PAUSE, refreshNow } from "./page.js";
import { Queues } from "./queues.js";

const main = document.querySelector("main");
const connection = document.querySelector("#connection");

let machines;
let current = false;
let view;

// A part that is not validly encoded, as in an address that was cut off, stays as it is.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function route() {
  const [page, subject, detail] = location.hash.slice(2).split("/").map(decoded);
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === at(page || "executions")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (page === "executions" && subject && view instanceof Execution && view.arn === subject) return view.select(detail);
  if (page === "functions" && view instanceof Functions) view.select(subject);
  else if (page === "queues") show(new Queues());
  else if (page === "functions") show(new Functions(subject));
  else if (subject) show(new Execution(machines, subject, detail));
  else show(new Executions(machines));
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
  const shown = view;
  const overview = await get("overview");
  await shown.refresh(overview);
  document.title = `${shown.title} · Emulator`;
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
