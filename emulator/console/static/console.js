import { badge, duration, fill, h, json, label, list, problem, time } from "./dom.js";
import { Graph } from "./graph.js";
import { History } from "./history.js";

const ROWS = 100;
const EVENTS = 500;
const PAUSE = { live: 300, steady: 1000 };
const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

const main = document.querySelector("main");
const connection = document.querySelector("#connection");

class Gone extends Error {}

async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  const response = await fetch(`${path}?${query}`);
  if (response.status === 404) throw new Gone();
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}

// An address that someone shortened in the middle of a character stays as it is.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const at = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;
const number = (value) => value.toLocaleString();
const empty = (title, ...text) => h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, ...text));
const cell = (name, ...content) => h("td", { "data-label": name }, ...content);
const card = (title, ...content) => h("section", { class: "card", "aria-label": title }, h("h2", {}, title), ...content);
const heading = (...names) => h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name))));

let machines;
let current = false;

// Executions

class Executions {
  constructor() {
    this.title = "Executions";
    this.pause = PAUSE.steady;
    this.machine = machines[0];
    this.status = "";
    if (!this.machine) {
      this.element = h("div", {}, h("h1", {}, "Executions"), empty("No state machine", "This stack has no state machine. Its queues and functions are on their own pages."));
      return;
    }
    this.filters = h("div", { class: "filters", role: "group", "aria-label": "Status" });
    this.name = h("input", { type: "search", placeholder: "Find by name or error", "aria-label": "Find executions by name or error", input: again });
    this.rows = h("tbody");
    this.table = h("table", { class: "executions" }, heading("Status", "Name", "Started", "Duration"), this.rows);
    this.note = h("div", { "aria-live": "polite" });
    this.graph = h("div", { class: "canvas" });
    this.details = h("div");
    this.type = h("span", { class: "tag" });
    const choose = h(
      "select",
      { "aria-label": "State machine", change: () => this.choose(machines[choose.selectedIndex]) },
      machines.map((machine) => h("option", {}, machine.name)),
    );
    const title = machines.length > 1 ? choose : h("span", { class: "machine" }, this.machine.name);
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Executions"), title, this.type),
      h(
        "div",
        { class: "columns" },
        h("section", { class: "card", "aria-label": "Executions" }, h("div", { class: "toolbar" }, this.filters, this.name), h("div", { class: "rows" }, this.table), this.note),
        card("State machine", this.graph, this.details),
      ),
    );
    this.choose(this.machine);
  }

  choose(machine) {
    this.machine = machine;
    this.type.textContent = machine.type === "EXPRESS" ? "Express" : "Standard";
    const graph = new Graph(machine.definition, (name) => this.describe(name, graph));
    graph.drawIn(this.graph);
    this.details.replaceChildren();
    again();
  }

  describe(name, graph) {
    graph.mark(null, name);
    fill(this.details, name, () => [h("h3", {}, name), json(JSON.stringify(stateOf(this.machine.definition, name)))]);
  }

  async refresh(overview) {
    if (!this.machine) return;
    const counts = overview.executions[this.machine.name] ?? {};
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const choices = ["", ...STATUSES].filter((status) => !["TIMED_OUT", "ABORTED"].includes(status) || counts[status]);
    const shown = choices.map((status) => [status, status ? (counts[status] ?? 0) : all, status === this.status]);
    list(this.filters, shown, ([status]) => status, ([status, count, pressed]) =>
      h(
        "div",
        {},
        h("button", { class: `filter ${status}`, "aria-pressed": String(pressed), click: () => this.filter(status) },
          status ? label(status) : "All", " ", h("span", { class: "count" }, number(count))),
      ),
    );
    const name = this.name.value.trim();
    const found = await get("executions", { machine: this.machine.name, status: this.status, find: name, limit: ROWS });
    list(this.rows, found, (execution) => execution.arn, (execution) =>
      h(
        "tr",
        {},
        cell("Status", badge(execution.status)),
        cell(
          "Name",
          h("a", { href: at("executions", execution.arn) }, execution.name),
          execution.error && h("span", { class: "under error", title: execution.cause }, execution.error),
        ),
        cell("Started", time(execution.started)),
        cell("Duration", duration(execution.seconds)),
      ),
    );
    this.table.hidden = !found.length;
    fill(this.note, [found.length, all], () => {
      if (!all) return empty("No executions yet", "They appear here as soon as the state machine is started.");
      if (!found.length) return empty("Nothing found", "No execution has this status and name.");
      return found.length === ROWS && h("p", { class: "note" }, `The newest ${ROWS} are shown.`);
    });
  }

  filter(status) {
    this.status = status;
    again();
  }
}

/** A state's definition, wherever in the machine it is: names are unique. */
function stateOf(definition, name) {
  if (definition.States[name]) return definition.States[name];
  for (const state of Object.values(definition.States)) {
    for (const inner of [...(state.Branches ?? []), state.ItemProcessor, state.Iterator].filter(Boolean)) {
      const found = stateOf(inner, name);
      if (found) return found;
    }
  }
  return undefined;
}

// One execution

class Execution {
  constructor(arn, selected) {
    this.arn = arn;
    this.title = "Execution";
    this.pause = PAUSE.live;
    this.history = new History();
    this.selected = selected ?? "";
    this.visit = null;
    this.head = h("div");
    this.failure = h("div");
    this.canvas = h("div", { class: "canvas" });
    this.panel = h("section", { class: "card panel", "aria-label": "Details", tabindex: -1 });
    this.steps = h("tbody");
    this.events = h("tbody");
    this.more = h("p", { class: "note" });
    this.element = h(
      "div",
      {},
      h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("a", { href: at("executions") }, "Executions"), h("span", { "aria-hidden": "true" }, "›"), h("span", {}, arn.split(":")[7] ?? arn)),
      this.head,
      this.failure,
      h("div", { class: "columns" }, card("Graph", this.canvas, legend()), this.panel),
      card("Steps", h("table", { class: "steps" }, heading("State", "Result", "Duration", "When"), this.steps)),
      h("details", { class: "card events" }, h("summary", {}, "Event history"), h("table", {}, heading("Id", "Event", "After", "Details"), this.events), this.more),
    );
  }

  async refresh() {
    if (this.ended) return;
    let execution;
    try {
      execution = await get("executions", { arn: this.arn, after: this.history.events.length });
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      this.ended = true;
      this.element.replaceChildren(h("h1", {}, "Execution"), empty("Not found", "This execution is not kept any more: the last 1,000 that have ended are. ", h("a", { href: at("executions") }, "See the executions")));
      return;
    }
    const first = !this.execution;
    this.execution = execution;
    this.ended = execution.status !== "RUNNING";
    this.pause = this.ended ? PAUSE.steady : PAUSE.live;
    this.title = execution.name;
    if (first) {
      this.machine = machines.find((machine) => machine.name === execution.stateMachine);
      this.graph = new Graph(this.machine.definition, (name) => this.choose(name));
      this.graph.drawIn(this.canvas);
    }
    for (const event of execution.events) this.history.add(event);
    this.show();
  }

  /** Follows the address: `name` is a state's, or empty for the execution itself. */
  select(name) {
    this.selected = name ?? "";
    this.visit = null;
    if (!this.execution) return;
    this.show();
    // As it is on a narrow screen.
    const below = this.panel.getBoundingClientRect().top > this.canvas.getBoundingClientRect().bottom;
    if (this.selected && below) this.panel.scrollIntoView();
  }

  choose(name, visit = null) {
    const address = name === this.selected && !visit ? at("executions", this.arn) : at("executions", this.arn, name);
    history.replaceState(null, "", address);
    this.select(name === this.selected && !visit ? "" : name);
    this.visit = visit;
    this.show();
  }

  show() {
    const { name, status, started, seconds, stateMachine, error, cause } = this.execution;
    fill(this.head, [name, status, started, seconds], () => [
      h("div", { class: "title" }, h("h1", { class: "mono" }, name), badge(status)),
      h(
        "dl",
        { class: "facts" },
        h("div", {}, h("dt", {}, "State machine"), h("dd", {}, stateMachine)),
        h("div", {}, h("dt", {}, "Started"), h("dd", {}, time(started))),
        h("div", {}, h("dt", {}, "Duration"), h("dd", {}, duration(seconds))),
        h("div", {}, h("dt", {}, "Events"), h("dd", {}, number(this.history.events.length))),
      ),
    ]);
    fill(this.failure, [error, cause], () => error && problem(error, cause));
    this.graph.mark(this.history, this.selected);
    this.showSteps();
    this.showPanel();
    this.showEvents();
  }

  showSteps() {
    const { started, seconds } = this.execution;
    const end = started + seconds;
    const share = (part) => `${Math.min(100, (100 * part) / (seconds || 1))}%`;
    const steps = this.history.visits.slice(0, EVENTS).map((visit, index) => ({
      index,
      name: visit.name,
      status: visit.status,
      attempts: visit.attempts.length,
      from: visit.at - started,
      seconds: (visit.left ?? end) - visit.at,
      whole: seconds,
      depth: depth(visit),
    }));
    list(this.steps, steps, (step) => String(step.index), (step) => {
      const bar = h("div", { class: `bar ${step.status}` });
      bar.style.marginLeft = share(step.from);
      bar.style.width = share(step.seconds);
      const open = h("button", { class: "link", click: () => this.choose(step.name, this.history.visits[step.index]) }, step.name);
      open.style.marginLeft = `${step.depth * 16}px`;
      return h(
        "tr",
        {},
        cell("State", open),
        cell("Result", badge(step.status), step.attempts > 1 && h("span", { class: "note" }, ` ${step.attempts} attempts`)),
        cell("Duration", duration(step.seconds)),
        cell("When", h("div", { class: "track" }, bar)),
      );
    });
  }

  showPanel() {
    const name = this.selected;
    const visits = this.history.visits.filter((visit) => visit.name === name);
    const visit = this.visit ?? this.history.current(name);
    const { container, ...shown } = visit ?? {};
    fill(this.panel, [name, shown, visits.length, visits.indexOf(visit), name ? null : [this.execution.output, this.execution.status]], () => {
      if (!name) return this.whole();
      const definition = stateOf(this.machine.definition, name);
      const top = h("div", { class: "title" }, h("h2", {}, name), visit ? badge(visit.status) : h("span", { class: "tag" }, "Not entered"));
      const close = h("button", { class: "close", "aria-label": "Close", click: () => this.choose(name) }, "✕");
      return [
        h("div", { class: "bar-top" }, top, close),
        definition?.Comment && h("p", { class: "comment" }, definition.Comment),
        visits.length > 1 && this.picker(visits, visit),
        visit ? results(visit) : h("p", { class: "note" }, "This execution has not come here."),
        definition && h("details", {}, h("summary", {}, "Definition"), json(JSON.stringify(definition))),
      ].flat();
    });
  }

  picker(visits, chosen) {
    const select = h(
      "select",
      { change: () => this.choose(chosen.name, visits[select.selectedIndex]) },
      visits.map((visit, index) => h("option", { selected: visit === chosen }, `${index + 1} of ${visits.length}: ${label(visit.status)}`)),
    );
    return h("label", { class: "picker" }, "Visit", select);
  }

  whole() {
    const { input, output, error, cause } = this.execution;
    return [
      h("div", { class: "bar-top" }, h("h2", {}, "Execution")),
      h("p", { class: "note" }, "Choose a state to see what it did."),
      text("Input", json(input)),
      output != null && text("Output", json(output)),
      error && text("Error", problem(error, cause)),
    ];
  }

  showEvents() {
    const shown = this.events.children.length;
    const { started } = this.execution;
    for (const event of this.history.events.slice(shown, EVENTS)) {
      const details = Object.entries(event).find(([name]) => name.endsWith("EventDetails"))?.[1];
      this.events.append(
        h(
          "tr",
          {},
          cell("Id", String(event.id)),
          cell("Event", event.type),
          cell("After", duration(event.timestamp - started)),
          cell("Details", details && h("code", { class: "brief" }, JSON.stringify(details))),
        ),
      );
    }
    this.more.textContent = this.history.events.length > EVENTS ? `The first ${EVENTS} are shown.` : "";
  }
}

function depth(visit) {
  return visit.container ? depth(visit.container) + 1 : 0;
}

function results({ attempts, status, input, output, error, cause }) {
  const failed = ["FAILED", "ABORTED"].includes(status);
  return [
    attempts.length > 1 || attempts.some((attempt) => attempt.error)
      ? text("Attempts", h("ol", { class: "attempts-list" }, attempts.map(tried)))
      : failed && error && text("Error", problem(error, cause)),
    text("Input", json(input)),
    output !== undefined && text("Output", json(output)),
  ];
}

function tried(attempt, index) {
  return h(
    "li",
    { class: attempt.status },
    h("div", { class: "row" }, h("strong", {}, `Attempt ${index + 1}`), badge(attempt.status), h("span", { class: "note" }, attempt.left ? duration(attempt.left - attempt.at) : "")),
    attempt.error && problem(attempt.error, attempt.cause),
  );
}

const text = (title, content) => h("div", { class: "block" }, h("h3", {}, title), content);
const legend = () =>
  h("p", { class: "legend", "aria-label": "Legend" }, ["RUNNING", "SUCCEEDED", "CAUGHT", "FAILED", "ABORTED"].map((status) => badge(status)));

// Queues

class Queues {
  constructor() {
    this.title = "Queues";
    this.pause = PAUSE.steady;
    this.rows = h("tbody");
    this.table = h("table", { class: "services" }, heading("Queue", "Waiting", "In flight", "Delayed", "Dead letters"), this.rows);
    this.none = empty("No queues", "This stack has no queues.");
    this.table.hidden = this.none.hidden = true;
    this.element = h("div", {}, h("div", { class: "title" }, h("h1", {}, "Queues")), h("section", { class: "card", "aria-label": "Queues" }, this.table, this.none));
  }

  refresh({ queues }) {
    this.table.hidden = !queues.length;
    this.none.hidden = queues.length > 0;
    const rows = queues.map((queue) => ({ ...queue, dead: queues.find((other) => other.name === queue.deadLetters) }));
    list(this.rows, rows, (queue) => queue.name, (queue) => {
      const sources = queues.filter((other) => other.deadLetters === queue.name).map((other) => other.name);
      return h(
        "tr",
        {},
        cell("Queue", h("strong", {}, queue.name), sources.length > 0 && h("span", { class: "under" }, `takes the dead letters of ${sources.join(", ")}`)),
        cell("Waiting", number(queue.waiting)),
        cell("In flight", number(queue.inFlight)),
        cell("Delayed", number(queue.delayed)),
        cell("Dead letters", queue.dead ? letters(queue.dead) : queue.deadLetters ?? "–"),
      );
    });
  }
}

function letters({ name, waiting, inFlight, delayed }) {
  const count = waiting + inFlight + delayed;
  return [h("span", { class: `badge ${count ? "FAILED" : "ABORTED"}` }, number(count)), h("span", { class: "under" }, `in ${name}`)];
}

// Functions

class Functions {
  constructor(chosen) {
    this.title = "Functions";
    this.pause = PAUSE.steady;
    this.rows = h("tbody");
    this.table = h("table", { class: "services" }, heading("Function", "Invocations", "Running", "Errors", "Throttles", "Cold starts", "Mean duration"), this.rows);
    this.none = empty("No functions", "This stack has no functions.");
    this.table.hidden = this.none.hidden = true;
    this.log = h("pre", { class: "log", tabindex: 0, role: "log", "aria-live": "off" });
    this.name = h("h2");
    const close = h("a", { class: "close", href: at("functions"), "aria-label": "Close the log" }, "✕");
    this.logs = h("section", { class: "card", "aria-label": "Log", tabindex: -1 }, h("div", { class: "bar-top" }, this.name, close), this.log);
    this.element = h("div", {}, h("div", { class: "title" }, h("h1", {}, "Functions")), h("section", { class: "card", "aria-label": "Functions" }, this.table, this.none), this.logs);
    this.select(chosen);
  }

  select(name) {
    this.chosen = name;
    this.logs.hidden = !name;
    this.name.textContent = `Log of ${name}`;
    this.log.textContent = "";
    this.fresh = Boolean(name);
  }

  async refresh({ functions }) {
    const rows = Object.entries(functions).map(([name, counters]) => ({ name, ...counters, open: name === this.chosen }));
    this.table.hidden = !rows.length;
    this.none.hidden = rows.length > 0;
    list(this.rows, rows, ({ name }) => name, (one) =>
      h(
        "tr",
        { class: one.open && "open" },
        cell("Function", h("a", { href: at("functions", one.name), "aria-current": one.open && "true" }, one.name)),
        cell("Invocations", number(one.invocations)),
        cell("Running", number(one.running)),
        cell("Errors", one.errors ? h("span", { class: "badge FAILED" }, number(one.errors)) : "0"),
        cell("Throttles", number(one.throttles)),
        cell("Cold starts", number(one.cold_starts)),
        cell("Mean duration", one.invocations > one.running ? duration(one.duration / (one.invocations - one.running)) : "–"),
      ),
    );
    if (!this.chosen) return;
    let log;
    try {
      ({ log } = await get("logs", { function: this.chosen }));
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      log = "This stack has no such function.";
    }
    const shown = log || "Nothing logged yet.";
    if (shown === this.log.textContent) return;
    const atEnd = this.log.scrollTop + this.log.clientHeight > this.log.scrollHeight - 40;
    this.log.textContent = shown;
    if (atEnd || this.fresh) this.log.scrollTop = this.log.scrollHeight;
    if (this.fresh) this.logs.scrollIntoView({ block: "nearest" });
    this.fresh = false;
  }
}

// Which page is shown, and keeping it up to date

let view;
let wake = () => {};

function again() {
  wake();
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
  else if (subject) show(new Execution(subject, detail));
  else show(new Executions());
  return again();
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

const pause = (milliseconds) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });

async function refresh() {
  if (!current) {
    const found = await get("machines");
    // What answers after a while may be another stack. If not, the page stays as it was.
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
document.addEventListener("visibilitychange", again);

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
