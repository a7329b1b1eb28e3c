// The queues and their messages.

import { h, list } from "./dom.js";
import { cell, empty, heading, number, PAUSE } from "./page.js";

export class Queues {
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
