// What is known of the chosen state. On a narrow screen it is a sheet over the lower half, so that the graph stays in sight.

import { copy, fill, h } from "./dom.js";
import { readable } from "./json.js";
import { choices } from "./page.js";

export class Panel {
  /** `close` is called when the chosen state is to be left. */
  constructor(close) {
    this.close = close;
    this.element = h("section", { class: "card panel", "aria-label": "Details", tabindex: -1, keydown: (event) => event.key === "Escape" && this.chosen && close() });
  }

  /**
   * Shows what `describe` returns if `data` has changed: `{ title, tag, above, parts }` with `[name, build]` for each part, of which
   * one is shown at a time. `chosen` is whether it is about a state that can be left again.
   */
  show(data, chosen, describe) {
    this.chosen = chosen;
    this.redraw = () => this.show(data, chosen, describe);
    const focused = this.element.contains(document.activeElement) && document.activeElement.textContent;
    this.element.classList.toggle("chosen", chosen);
    fill(this.element, [data, this.part], () => {
      const { title, tag, above = [], parts } = describe();
      const part = parts.find(([name]) => name === this.part) ?? parts[0];
      const leave = chosen && h("button", { class: "close", "aria-label": "Close", click: this.close }, "✕");
      return [
        h("div", { class: "bar-top" }, h("div", { class: "title" }, h("h2", {}, title), tag), leave),
        ...above,
        parts.length > 1 && choices("Part", parts.map(([name]) => [name, name]), part[0], (name) => this.turn(name)),
        part[1](),
      ].flat();
    });
    // What had the focus may have been built again.
    if (focused === false || this.element.contains(document.activeElement)) return;
    ([...this.element.querySelectorAll("button")].find((button) => button.textContent === focused) ?? this.element).focus();
  }

  turn(part) {
    this.part = part;
    this.redraw();
  }
}

/** A text, mostly JSON, with its title and a button that copies it. */
export const block = (title, text) =>
  h("div", { class: "block" }, h("div", { class: "row" }, h("h3", {}, title), copy(text, title.toLowerCase())), readable(text));

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

/** The part of a panel with a state's definition. */
export const definitionOf = (machine, name) => ["Definition", () => block("Definition", JSON.stringify(stateOf(machine.definition, name)))];
