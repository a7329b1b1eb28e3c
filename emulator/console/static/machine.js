// A state machine: its graph, or its source.

import { copy, h } from "./dom.js";
import { Graph } from "./graph.js";
import { choices } from "./page.js";
import { Source } from "./source.js";

const VIEWS = [
  ["graph", "Graph"],
  ["source", "Source"],
];

export class Machine {
  /** `select` is called with the name of the chosen state. */
  constructor(machine, select, ...below) {
    this.graph = new Graph(machine.definition, select);
    this.source = new Source(machine);
    this.canvas = h("div", { class: "canvas" });
    this.switch = h("div");
    this.copy = copy(this.source.text, "source");
    this.legend = h("div", {}, below);
    this.element = h("section", { class: "card machine", "aria-label": "State machine" }, h("div", { class: "bar-top" }, h("h2", {}, "State machine"), h("div", { class: "row" }, this.copy, this.switch)), this.canvas, this.source.element, this.legend);
    this.graph.drawIn(this.canvas);
    this.show("graph");
  }

  show(view) {
    this.canvas.hidden = this.legend.hidden = view !== "graph";
    this.source.element.hidden = view !== "source";
    this.source.reveal();
    this.copy.hidden = view !== "source";
    this.switch.replaceChildren(choices("View", VIEWS, view, (other) => this.turn(other)));
  }

  turn(view) {
    this.show(view);
    this.switch.querySelector('[aria-pressed="true"]').focus();
  }

  /** Colours the states by an execution's history, if there is one, and marks the state `name`. */
  mark(history, name) {
    this.graph.mark(history, name);
    if (name === this.marked) return;
    this.marked = name;
    this.source.mark(name);
  }

  /** Scrolls to the marked state. */
  reveal() {
    this.graph.reveal(this.marked);
  }
}
