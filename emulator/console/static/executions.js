// The executions of a state machine.

import { badge, duration, fill, h, json, label, list, time } from "./dom.js";
import { Graph } from "./graph.js";
import { at, card, cell, empty, get, heading, number, PAUSE, refreshNow } from "./page.js";

const ROWS = 100;
const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

export class Executions {
  constructor({ machines }) {
    this.title = "Executions";
    this.pause = PAUSE.steady;
    this.machine = machines[0];
    this.status = "";
    if (!this.machine) {
      this.element = h("div", {}, h("h1", {}, "Executions"), empty("No state machine", "This stack has no state machine. Its queues and functions are on their own pages."));
      return;
    }
    this.filters = h("div", { class: "filters", role: "group", "aria-label": "Status" });
    this.name = h("input", { type: "search", placeholder: "Find by name or error", "aria-label": "Find executions by name or error", input: refreshNow });
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
    refreshNow();
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
    const { executions: found } = await get("executions", { machine: this.machine.name, status: this.status, find: name, limit: ROWS });
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
      if (!found.length) return empty("Nothing found", "No execution matches this status and text.");
      return found.length === ROWS && h("p", { class: "note" }, `The newest ${ROWS} are shown.`);
    });
  }

  filter(status) {
    this.status = status;
    refreshNow();
  }
}

/** A state's definition. A state's name is unique in its machine, nested states included. */
export function stateOf(definition, name) {
  if (definition.States[name]) return definition.States[name];
  for (const state of Object.values(definition.States)) {
    for (const inner of [...(state.Branches ?? []), state.ItemProcessor, state.Iterator].filter(Boolean)) {
      const found = stateOf(inner, name);
      if (found) return found;
    }
  }
  return undefined;
}
