// One execution: its graph, steps and events.

import { badge, duration, fill, h, json, label, list, problem, time } from "./dom.js";
import { stateOf } from "./executions.js";
import { Graph } from "./graph.js";
import { detailsOf, History } from "./history.js";
import { at, card, cell, crumbs, empty, fact, get, heading, NotFound, number, PAUSE } from "./page.js";

const EVENTS = 500;

export class Execution {
  constructor({ machines, subject: arn, detail: selected }) {
    this.machines = machines;
    this.arn = arn;
    this.title = "Execution";
    this.pause = PAUSE.live;
    this.history = new History();
    this.selected = selected;
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
      crumbs("executions", "Executions", arn.split(":")[7] ?? arn),
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
      if (!(error instanceof NotFound)) throw error;
      this.ended = true;
      this.element.replaceChildren(h("h1", {}, "Execution"), empty("Not found", "Only the last 1,000 ended executions are kept. ", h("a", { href: at("executions") }, "See the executions")));
      return;
    }
    const first = !this.execution;
    this.execution = execution;
    this.ended = execution.status !== "RUNNING";
    this.pause = this.ended ? PAUSE.steady : PAUSE.live;
    this.title = execution.name;
    if (first) {
      this.machine = this.machines.find((machine) => machine.name === execution.stateMachine);
      this.graph = new Graph(this.machine.definition, (name) => this.choose(name));
      this.graph.drawIn(this.canvas);
    }
    for (const event of execution.events) this.history.add(event);
    this.show();
  }

  /** Shows the state `name` at `visit` or its current one, or the execution itself if it is empty. */
  select({ detail: name }, visit = null) {
    this.selected = name;
    this.visit = visit;
    if (!this.execution) return;
    this.show();
    // On a narrow screen the panel is below the graph.
    const below = this.panel.getBoundingClientRect().top > this.canvas.getBoundingClientRect().bottom;
    if (this.selected && below) this.panel.scrollIntoView();
  }

  choose(name, visit = null) {
    const chosen = name === this.selected && !visit ? "" : name;
    history.replaceState(null, "", chosen ? at("executions", this.arn, chosen) : at("executions", this.arn));
    this.select({ detail: chosen }, visit);
  }

  show() {
    const { name, status, started, seconds, stateMachine, error, cause } = this.execution;
    fill(this.head, [name, status, started, seconds], () => [
      h("div", { class: "title" }, h("h1", { class: "mono" }, name), badge(status)),
      h(
        "dl",
        { class: "facts" },
        fact("State machine", stateMachine),
        fact("Started", time(started)),
        fact("Duration", duration(seconds)),
        fact("Events", number(this.history.events.length)),
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
        visit ? results(visit) : h("p", { class: "note" }, "This execution has not entered this state."),
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
      const details = detailsOf(event);
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
