// The queues and how many messages they hold.

import { h, list } from "./dom.js";
import { at, cell, empty, heading, number, PAUSE } from "./page.js";

export class Queues {
  constructor() {
    this.title = "Queues";
    this.pause = PAUSE.steady;
    this.rows = h("tbody");
    this.table = h("table", { class: "services" }, heading("Queue", "Waiting", "In flight", "Delayed", "Dead letters"), this.rows);
    this.none = empty("No queues", "This stack has no queues. An AWS::SQS::Queue in its template appears here.");
    this.table.hidden = this.none.hidden = true;
    this.element = h("div", {}, h("div", { class: "title" }, h("h1", {}, "Queues")), h("section", { class: "card", "aria-label": "Queues" }, this.table, this.none));
  }

  refresh({ queues }) {
    this.table.hidden = !queues.length;
    this.none.hidden = queues.length > 0;
    const rows = queues.map((queue) => ({ ...queue, dead: queues.find(({ name }) => name === queue.deadLetters), sources: sourcesOf(queue, queues) }));
    list(this.rows, rows, (queue) => queue.name, (queue) =>
      h(
        "tr",
        {},
        cell("Queue", h("a", { href: at("queues", queue.name) }, queue.name), queue.sources.length > 0 && h("span", { class: "under" }, `takes the dead letters of ${queue.sources.join(", ")}`)),
        cell("Waiting", number(queue.waiting)),
        cell("In flight", number(queue.inFlight)),
        cell("Delayed", number(queue.delayed)),
        cell("Dead letters", queue.dead ? letters(queue.dead) : queue.deadLetters ?? "–"),
      ),
    );
  }
}

/** The names of the queues whose dead letters `queue` takes. */
export const sourcesOf = (queue, queues) => queues.filter(({ deadLetters }) => deadLetters === queue.name).map(({ name }) => name);

/** The number of messages that `queue` holds in any state. */
export const held = ({ waiting, inFlight, delayed }) => waiting + inFlight + delayed;

/** The number of messages in a queue of dead letters, and the way to them. */
export function letters(queue) {
  const count = held(queue);
  return [h("span", { class: `badge ${count ? "FAILED" : "ABORTED"}` }, number(count)), h("span", { class: "in" }, " in ", h("a", { href: at("queues", queue.name) }, queue.name))];
}
