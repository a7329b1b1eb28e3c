// One execution: its graph, steps and events.

import { confirm } from "./confirm.js";
import { badge, copy, duration, fill, h, label, list, time } from "./dom.js";
import { Events } from "./events.js";
import { History } from "./history.js";
import { problem } from "./json.js";
import { Machine } from "./machine.js";
import { at, card, cell, crumbs, empty, fact, get, heading, more, NotFound, number, PAUSE, post, refreshNow } from "./page.js";
import { block, definitionOf, Panel, stateOf } from "./panel.js";
import { start } from "./start.js";

const ROWS = 500;
const ORDER = /"order_?id"\s*:\s*"([^"\\]+)"/i;

export class Execution {
  constructor({ machines, subject: arn, detail: selected }) {
    this.machines = machines;
    this.arn = arn;
    this.title = "Execution";
    this.pause = PAUSE.live;
    this.history = new History();
    this.selected = selected;
    this.visit = null;
    this.limit = ROWS;
    this.head = h("div", { class: "title" });
    this.actions = h("div", { class: "actions" });
    this.facts = h("dl", { class: "facts" });
    this.ids = h("dl", { class: "facts" });
    this.failure = h("div");
    this.graph = h("div", { class: "graph-part" });
    this.panel = new Panel(() => this.leave());
    this.steps = h("tbody");
    this.more = h("div");
    this.events = new Events();
    this.element = h(
      "div",
      {},
      crumbs("executions", "Executions", arn.split(":")[7] ?? arn),
      h("div", { class: "title-row" }, this.head, this.actions),
      h("div", { class: "facts-row" }, this.facts, this.ids),
      this.failure,
      h(
        "div",
        { class: "columns one" },
        this.graph,
        this.panel.element,
        h("div", { class: "steps-part" }, card("Steps", h("table", { class: "steps" }, heading("State", "Result", "Duration", "When"), this.steps), this.more), this.events.element),
      ),
    );
  }

  async refresh({ readOnly }) {
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
    for (const event of execution.events) this.history.add(event);
    if (first) {
      this.machine = this.machines.find((machine) => machine.name === execution.stateMachine);
      this.drawn = new Machine(this.machine, (name) => this.choose(name === this.selected ? "" : name), legend());
      this.graph.append(this.drawn.element);
      await this.identify();
    }
    fill(this.actions, [readOnly, this.ended], () => !readOnly && this.buttons());
    this.show();
  }

  /** Shows the execution's ARN, and the order in its input with a link to it. */
  async identify() {
    const order = (this.order = ORDER.exec(this.execution.input)?.[1]);
    const { outputs } = await get("stack");
    const [dashboard, key = ""] = (order && outputs.find(({ name }) => name === "Dashboard")?.value.split("#")) || [];
    // Where the link of the outputs signs in, this one does too.
    const page = `${dashboard}#${/^key=\w/.test(key) ? key : ""}/orders/${order}`;
    this.ids.replaceChildren(
      ...[
        order && fact("Order", h("code", {}, order), copy(order, "order id"), dashboard && h("a", { href: page }, "Dashboard"), h("a", { href: at("logs", { order }) }, "Logs"), h("a", { href: at("executions", { find: order }) }, "All executions")),
        fact("ARN", copy(this.arn, "ARN")),
      ].filter(Boolean),
    );
  }

  buttons() {
    const again = h("button", { class: "button", click: () => start(this.machine.name, this.execution.input) }, "Run again");
    return [again, !this.ended && h("button", { class: "button", click: () => this.stop() }, "Stop execution")];
  }

  async stop() {
    const running = this.history.visits.filter(({ status }) => status === "RUNNING").map(({ name }) => name);
    const text = `${this.execution.name} is aborted${running.length ? ` in ${running.join(", ")}` : ""}. What its states have done stays done.`;
    if (!(await confirm({ title: "Stop this execution?", text, action: "Stop execution" }))) return;
    await post("executions/stop", { arn: this.arn });
    refreshNow();
  }

  /** Shows the state `detail` at `visit` or its current one, or the execution itself if it is empty. */
  select({ detail: name }, visit = null) {
    this.selected = name;
    this.visit = visit;
    if (!this.execution) return;
    this.show();
    this.drawn.reveal();
  }

  choose(name, visit = null) {
    history.replaceState(null, "", name ? at("executions", this.arn, name) : at("executions", this.arn));
    this.select({ detail: name }, visit);
  }

  /** Leaves the chosen state, and gives the focus back to it in the graph. */
  leave() {
    const left = this.selected;
    this.choose("");
    this.drawn.graph.focus(left);
  }

  show() {
    const { name, status, started, seconds, stateMachine, error, cause } = this.execution;
    const events = this.history.events.length;
    fill(this.head, [name, status], () => [h("h1", { class: "mono" }, name), badge(status)]);
    fill(this.facts, [started, seconds, events], () => [
      fact("State machine", h("a", { href: at("executions", { machine: stateMachine }) }, stateMachine)),
      fact("Started", time(started)),
      fact("Duration", duration(seconds)),
      fact("Events", number(events)),
    ]);
    fill(this.failure, [error, cause], () => error && problem(error, cause));
    this.drawn.mark(this.history, this.selected);
    this.showSteps();
    this.showPanel();
    this.events.show(this.history.events, started);
  }

  showSteps() {
    const { started, seconds } = this.execution;
    const { visits } = this.history;
    const end = started + seconds;
    const share = (part) => `${Math.min(100, (100 * part) / (seconds || 1))}%`;
    const steps = visits.slice(0, this.limit).map((visit, index) => ({
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
      const open = h("button", { class: "link", click: () => this.choose(step.name, visits[step.index]) }, step.name);
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
    more(this.more, steps.length, visits.length, ROWS, () => {
      this.limit += ROWS;
      this.showSteps();
    });
  }

  showPanel() {
    const name = this.selected;
    const { input, output, status } = this.execution;
    const state = stateOf(this.machine.definition, name);
    if (!state) {
      this.panel.show(["", output, status], false, () => ({
        title: "Execution",
        above: [h("p", { class: "note" }, "Choose a state to see what it did.")],
        parts: [["Input and output", () => [block("Input", input), output != null && block("Output", output)]]],
      }));
      return;
    }
    const visits = this.history.visits.filter((visit) => visit.name === name);
    const visit = this.visit ?? this.history.current(name);
    const { container, ...shown } = visit ?? {};
    this.panel.show([name, shown, visits.length, visits.indexOf(visit)], true, () => ({
      title: name,
      tag: visit ? badge(visit.status) : h("span", { class: "tag" }, "Not entered"),
      above: [
        ...described(state, this.order),
        visits.length > 1 && this.picker(visits, visit),
        !visit && h("p", { class: "note" }, "This execution has not entered this state."),
      ],
      parts: [...(visit ? resultsOf(visit) : []), definitionOf(this.machine, name)],
    }));
  }

  picker(visits, chosen) {
    const select = h(
      "select",
      { change: () => this.choose(chosen.name, visits[select.selectedIndex]) },
      visits.map((visit, index) => h("option", { selected: visit === chosen }, `${index + 1} of ${visits.length}: ${label(visit.status)}`)),
    );
    return h("label", { class: "picker" }, "Visit", select);
  }
}

function depth(visit) {
  return visit.container ? depth(visit.container) + 1 : 0;
}

/** A state's comment, and where its function is. */
function described({ Comment: text, Resource: resource, Parameters: parameters }, order) {
  const name = /:function:([^:]+)/.exec(`${resource} ${parameters?.FunctionName}`)?.[1];
  return [
    text && h("p", { class: "comment" }, text),
    name && h("p", { class: "ways" }, h("a", { href: at("functions", name) }, name), h("a", { href: at("logs", { function: name, order }) }, "Logs")),
  ];
}

const titled = (title, content) => h("div", { class: "block" }, h("h3", {}, title), content);

/** The parts of the panel about a visit of a state. */
function resultsOf({ attempts, status, input, output, error, cause }) {
  const tries = attempts.length > 1 || attempts.some((attempt) => attempt.error);
  const failed = !tries && ["FAILED", "ABORTED"].includes(status) && error;
  return [
    tries && ["Attempts", () => h("ol", { class: "attempts-list" }, attempts.map(tried))],
    ["Input and output", () => [failed && titled("Error", problem(error, cause)), block("Input", input), output !== undefined && block("Output", output)]],
  ].filter(Boolean);
}

function tried(attempt, index) {
  return h(
    "li",
    { class: attempt.status },
    h("div", { class: "row" }, h("strong", {}, `Attempt ${index + 1}`), badge(attempt.status), h("span", { class: "note" }, attempt.left ? duration(attempt.left - attempt.at) : "")),
    attempt.error && problem(attempt.error, attempt.cause),
  );
}

const legend = () =>
  h("p", { class: "legend", "aria-label": "Legend" }, ["RUNNING", "SUCCEEDED", "CAUGHT", "FAILED", "ABORTED"].map((status) => badge(status)));
