// The stack: its outputs, parameters and schedules.

import { copy, fill, h, list, time } from "./dom.js";
import { at, card, cell, fact, get, heading, PAUSE } from "./page.js";

const MASK = "****";
// An address with a variable, such as $ORDERS_KEY, is for the shell.
const LINK = /^https?:\/\/[^\s$]+$/;

export class StackPage {
  constructor() {
    this.title = "Stack";
    this.pause = PAUSE.steady;
    this.head = h("div");
    this.outputs = h("div");
    this.parameters = h("div");
    this.rows = h("tbody");
    this.table = h("table", { class: "schedules" }, heading("Schedule", "Expression", "Function", "Next run"), this.rows);
    this.none = h("p", { class: "note" }, "This template has no schedules.");
    this.element = h("div", {}, this.head, card("Outputs", this.outputs), card("Schedules", this.table, this.none), card("Parameters", this.parameters));
  }

  async refresh() {
    const [stack, schedules] = await Promise.all([get("stack"), get("schedules")]);
    fill(this.head, [stack.name, stack.template], () => [
      h("div", { class: "title" }, h("h1", {}, "Stack"), h("span", { class: "machine-name" }, stack.name)),
      h("dl", { class: "facts" }, fact("Template", h("code", {}, stack.template))),
    ]);
    fill(this.outputs, stack.outputs, () => values(stack.outputs, "This template has no outputs."));
    fill(this.parameters, stack.parameters, () => values(stack.parameters, "This template has no parameters."));
    list(this.rows, schedules, ({ name }) => name, planned);
    this.table.hidden = !schedules.length;
    this.none.hidden = schedules.length > 0;
  }
}

function values(entries, none) {
  if (!entries.length) return h("p", { class: "note" }, none);
  return h("dl", { class: "values" }, entries.map(({ name, value }) => h("div", {}, h("dt", {}, name), h("dd", {}, shown(value), " ", value && value !== MASK && copy(value, name)))));
}

function shown(value) {
  if (value === "") return h("span", { class: "note" }, "empty");
  return LINK.test(value) ? h("a", { href: value }, value) : h("code", {}, value);
}

function planned({ name, expression, enabled, function: target, next }) {
  return h(
    "tr",
    {},
    cell("Schedule", name),
    cell("Expression", h("code", {}, expression)),
    cell("Function", h("a", { href: at("functions", target) }, target)),
    cell("Next run", enabled ? next && time(next) : h("span", { class: "badge ABORTED" }, "Disabled")),
  );
}
