// The functions and their counters.

import { duration, h, list } from "./dom.js";
import { at, cell, empty, heading, number, PAUSE } from "./page.js";

export class Functions {
  constructor() {
    this.title = "Functions";
    this.pause = PAUSE.steady;
    this.rows = h("tbody");
    this.table = h("table", { class: "services" }, heading("Function", "Invocations", "Running", "Errors", "Throttles", "Cold starts", "Mean duration"), this.rows);
    this.none = empty("No functions", "This stack has no functions. An AWS::Serverless::Function in its template appears here.");
    this.table.hidden = this.none.hidden = true;
    this.element = h("div", {}, h("div", { class: "title" }, h("h1", {}, "Functions")), h("section", { class: "card", "aria-label": "Functions" }, this.table, this.none));
  }

  refresh({ functions }) {
    const rows = Object.entries(functions).map(([name, counters]) => ({ name, ...counters }));
    this.table.hidden = !rows.length;
    this.none.hidden = rows.length > 0;
    list(this.rows, rows, ({ name }) => name, (one) =>
      h(
        "tr",
        {},
        cell("Function", h("a", { href: at("functions", one.name) }, one.name)),
        cell("Invocations", number(one.invocations)),
        cell("Running", number(one.running)),
        cell("Errors", errors(one)),
        cell("Throttles", number(one.throttles)),
        cell("Cold starts", number(one.cold_starts)),
        cell("Mean duration", meanDuration(one)),
      ),
    );
  }
}

export const errors = (counters) => (counters.errors ? h("span", { class: "badge FAILED" }, number(counters.errors)) : "0");

export function meanDuration({ invocations, running, duration: seconds }) {
  return invocations > running ? duration(seconds / (invocations - running)) : "–";
}
