// The executions of a state machine.

import { badge, duration, fill, h, label, list, time } from "./dom.js";
import { Machine } from "./machine.js";
import { at, cell, empty, get, heading, more, number, PAUSE, refreshNow } from "./page.js";
import { definitionOf, Panel, stateOf } from "./panel.js";
import { start } from "./start.js";

const ROWS = 100;
const MOST = 1000;
const NARROW = matchMedia("(max-width: 960px)");
const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];
const BETWEEN = "between";
const TIMES = [
  ["", "Any time"],
  ["300", "Last 5 minutes"],
  ["3600", "Last hour"],
  ["86400", "Last 24 hours"],
  [BETWEEN, "Between…"],
];

export class Executions {
  constructor(place) {
    this.title = "Executions";
    this.pause = PAUSE.steady;
    this.machines = place.machines;
    if (!this.machines.length) {
      this.element = h("div", {}, h("h1", {}, "Executions"), empty("No state machine", "This stack has no state machine. Its queues and functions are on their own pages."));
      return;
    }
    this.filters = h("div", { class: "filters", role: "group", "aria-label": "Status" });
    this.find = h("input", { type: "search", placeholder: "Order id or any text", "aria-label": "Find executions by any text of their name, error, input or output", input: () => this.ask({ find: this.find.value.trim() }) });
    this.time = h("select", { "aria-label": "Started", change: () => this.ask({ time: this.time.value }) }, TIMES.map(([value, name]) => h("option", { value }, name)));
    this.from = h("input", { type: "datetime-local", step: 1, "aria-label": "Started from", change: () => this.ask({ from: this.from.value }) });
    this.to = h("input", { type: "datetime-local", step: 1, "aria-label": "Started until", change: () => this.ask({ to: this.to.value }) });
    this.between = h("span", { class: "between" }, this.from, "to", this.to);
    this.rows = h("tbody");
    this.table = h("table", { class: "executions" }, heading("Status", "Name", "Started", "Duration"), this.rows);
    this.note = h("div", { "aria-live": "polite" });
    this.more = h("div");
    // On a narrow screen the graph is opened when it is wanted.
    this.drawing = h("div");
    this.side = h("details", { class: "side" }, h("summary", {}, "State machine"), this.drawing);
    NARROW.onchange = () => (this.side.open = !NARROW.matches);
    NARROW.onchange();
    this.panel = new Panel(() => this.leave());
    this.side.append(this.panel.element);
    this.type = h("span", { class: "tag" });
    this.choose = h("select", { "aria-label": "State machine", change: () => this.ask({ machine: this.choose.value }) }, this.machines.map(({ name }) => h("option", {}, name)));
    this.start = h("button", { class: "button", click: () => start(this.machine.name) }, "Start execution");
    this.start.hidden = true;
    const title = this.machines.length > 1 ? this.choose : h("span", { class: "machine-name" }, this.machines[0].name);
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Executions"), title, this.type, h("div", { class: "actions" }, this.start)),
      h(
        "div",
        { class: "columns list" },
        h(
          "section",
          { class: "card", "aria-label": "Executions" },
          h("div", { class: "toolbar" }, this.filters, this.find, this.time, this.between),
          this.table,
          this.note,
          this.more,
        ),
        this.side,
      ),
    );
    this.select(place);
  }

  /** Shows what the address asks for: `machine`, `status`, `find`, `time` in seconds or "between" with `from` and `to`, `rows`. */
  select({ query }) {
    if (!this.machines.length) return;
    const asked = Object.fromEntries(query);
    this.asked = asked;
    this.limit = Math.min(Math.max(Math.trunc(asked.rows) || ROWS, 1), MOST);
    if (this.find.value.trim() !== (asked.find ?? "")) this.find.value = asked.find ?? "";
    this.time.value = asked.time ?? "";
    this.from.value = asked.from ?? "";
    this.to.value = asked.to ?? "";
    this.between.hidden = asked.time !== BETWEEN;
    const machine = this.machines.find(({ name }) => name === asked.machine) ?? this.machines[0];
    if (machine === this.machine) return;
    this.machine = machine;
    this.choose.value = machine.name;
    this.type.textContent = machine.type === "EXPRESS" ? "Express" : "Standard";
    this.drawn = new Machine(machine, (name) => this.describe(name === this.described ? "" : name));
    this.drawing.replaceChildren(this.drawn.element);
    this.describe("");
  }

  /** Changes what is asked for, and the address with it. */
  ask(changes) {
    const asked = { ...this.asked, rows: "", ...changes };
    history.replaceState(null, "", at("executions", asked));
    this.select({ query: new URLSearchParams(asked) });
    refreshNow();
  }

  describe(name) {
    this.described = name;
    this.panel.element.hidden = !name;
    this.drawn.mark(null, name);
    if (!name) return;
    const { Comment, Type } = stateOf(this.machine.definition, name);
    this.panel.show(name, true, () => ({
      title: name,
      tag: h("span", { class: "tag" }, Type),
      above: [Comment && h("p", { class: "comment" }, Comment)],
      parts: [definitionOf(this.machine, name)],
    }));
    this.drawn.reveal();
  }

  leave() {
    const left = this.described;
    this.describe("");
    this.drawn.graph.focus(left);
  }

  /** When the executions to show have started, in seconds since the epoch; empty means any time. */
  bounds() {
    const { time: within, from, to } = this.asked;
    if (within !== BETWEEN) return { from: within && Date.now() / 1000 - within };
    return { from: from && Date.parse(from) / 1000, to: to && Date.parse(to) / 1000 };
  }

  async refresh({ executions, readOnly }) {
    if (!this.machines.length) return;
    this.start.hidden = readOnly;
    const counts = executions[this.machine.name] ?? {};
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    this.showCounts(counts, all);
    const { status, find } = this.asked;
    const found = await get("executions", { machine: this.machine.name, status, find, ...this.bounds(), limit: this.limit });
    list(this.rows, found.executions, ({ arn }) => arn, row);
    const { length } = found.executions;
    this.table.hidden = !length;
    fill(this.note, [length > 0, all > 0], () => {
      if (!all) return empty("No executions yet", "They appear here as soon as the state machine is started.");
      return !length && empty("Nothing found", "No execution matches this status, text and time. ", h("a", { href: at("executions", { machine: this.asked.machine }) }, "Show all"));
    });
    more(this.more, length, Math.min(found.total, MOST), ROWS, () => this.ask({ rows: length + ROWS }));
  }

  showCounts(counts, all) {
    const choices = ["", ...STATUSES].filter((status) => !["TIMED_OUT", "ABORTED"].includes(status) || counts[status]);
    const chosen = this.asked.status ?? "";
    const shown = choices.map((status) => [status, status ? (counts[status] ?? 0) : all, status === chosen]);
    list(this.filters, shown, ([status]) => status, ([status, count, pressed]) =>
      h(
        "div",
        {},
        h("button", { class: `filter ${status}`, "aria-pressed": String(pressed), click: () => this.ask({ status }) },
          status ? label(status) : "All", " ", h("span", { class: "count" }, number(count))),
      ),
    );
  }
}

const row = ({ arn, name, status, started, seconds, error, cause }) =>
  h(
    "tr",
    {},
    cell("Status", badge(status)),
    cell("Name", h("a", { href: at("executions", arn) }, name), error && h("span", { class: "under error", title: cause }, error)),
    cell("Started", time(started)),
    cell("Duration", duration(seconds)),
  );
