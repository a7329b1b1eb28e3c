// The functions, their counters and logs.

import { duration, h, list } from "./dom.js";
import { at, cell, empty, get, heading, NotFound, number, PAUSE } from "./page.js";

export class Functions {
  constructor(place) {
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
    this.select(place);
  }

  select({ subject: name }) {
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
      const { records } = await get("logs", { function: this.chosen });
      log = records.map(({ text }) => text).join("\n");
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      log = "This stack has no function of this name.";
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
