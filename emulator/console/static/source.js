// The text of a state machine's definition, with the lines of one state marked.

import { h } from "./dom.js";
import { indented } from "./json.js";

const KEY = /^\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'{][^:]*?)\s*:(?=\s|$)/;

const depthOf = (line) => line.search(/\S/);

function keyOf(line) {
  const key = KEY.exec(line)?.[1];
  return key?.[0] === '"' ? JSON.parse(key) : key?.replace(/^'|'$/g, "");
}

/** The first line of the state `name` and the line after its last one, in JSON or YAML with a line for each key. */
function stateIn(lines, name) {
  for (const [start, line] of lines.entries()) {
    if (keyOf(line) !== name) continue;
    const rest = lines.slice(start + 1).findIndex((next) => next.trim() && depthOf(next) <= depthOf(line));
    let end = rest < 0 ? lines.length : start + 1 + rest;
    if (/^\s*}/.test(lines[end] ?? "") && /{\s*$/.test(line)) end += 1;
    // Another key may have the name of a state, but not a type.
    if (lines.slice(start, end).some((one) => /\bType["']?\s*:/.test(one))) return [start, end];
  }
  return [0, 0];
}

export class Source {
  constructor({ source, definition }) {
    // What no person has written stands on one line.
    this.text = source.includes("\n") ? source : indented(JSON.stringify(definition));
    this.lines = this.text.trimEnd().split("\n");
    this.element = h("pre", { class: "source", tabindex: 0, role: "region", "aria-label": "Source" }, this.lines.map((line) => h("span", { class: "line" }, line, "\n")));
  }

  mark(name) {
    const [start, end] = stateIn(this.lines, name);
    [...this.element.children].forEach((line, index) => line.classList.toggle("chosen", index >= start && index < end));
    this.reveal();
  }

  /** Scrolls to the marked lines, unless they are hidden. */
  reveal() {
    const line = this.element.querySelector(".chosen");
    if (line) this.element.scrollTop = line.offsetTop - 40;
  }
}
