// A panel of the insights: a chart with what it reads out, and its numbers as tables.

import { Chart } from "./charts.js";
import { empty, fill, h, table } from "./dom.js";
import { percent } from "./format.js";

export class Panel {
  #drawn = null;
  #describe = () => undefined;

  /** `controls` stand above the chart. Until there is something to draw, the heading `none` stands in its place. */
  constructor(name, explained, none, { controls = [], note = "This chart updates by itself.", open } = {}) {
    this.chart = new Chart(name, (index) => this.#describe(index), open);
    this.none = empty(none, note);
    this.numbers = h("div", { class: "scroll" });
    this.details = h("details", {}, h("summary", {}, "As a table"), this.numbers);
    this.controls = h("div", { class: "controls" }, controls);
    this.element = h("section", { class: "card panel", "aria-label": name }, h("h2", {}, name), h("p", { class: "note" }, explained), this.controls, this.none, this.chart.readout, this.chart.element, this.details);
  }

  /**
   * Draws `data` if it has changed, or nothing if it is undefined. `draw` gets the chart, `describe` returns what it reads
   * out of an index, and `tables` are `[{name, columns, rows}]`.
   */
  show(data, { draw, describe, tables }) {
    const shown = JSON.stringify(data);
    if (this.#drawn === shown) return;
    this.#drawn = shown;
    const has = data !== undefined;
    this.none.hidden = has;
    this.controls.hidden = this.chart.readout.hidden = this.chart.element.hidden = this.details.hidden = !has;
    if (!has) return;
    this.#describe = describe;
    this.numbers.replaceChildren(...tables.filter(({ rows }) => rows.length).map(({ name, columns, rows }) => table(name, columns, rows)));
    // The container has a width only once it is on the page.
    requestAnimationFrame(() => this.element.isConnected && draw(this.chart));
  }

  close() {
    this.chart.close();
  }
}

export const legend = (entries) =>
  h("ul", { class: "legend" }, entries.map(([name, mark]) => h("li", {}, h("span", { class: mark, "aria-hidden": "true" }), name)));

/** How often each of several things occurs, as bars: `[{name, count, share}]`, the share in hundredths of a per cent. */
export class Shares {
  #none;
  #write;

  /** `none` stands in place of no rows, and `write` returns how a name is shown. */
  constructor(name, explained, none, write) {
    this.#none = none;
    this.#write = write;
    this.bars = h("ul", { class: "bars" });
    this.element = h("section", { class: "card panel", "aria-label": name }, h("h2", {}, name), h("p", { class: "note" }, explained), this.bars);
  }

  show(rows) {
    fill(this.bars, rows, () => (rows.length ? rows.map((row) => this.#bar(row, rows[0].count)) : h("li", { class: "note" }, this.#none)));
  }

  #bar({ name, count, share }, most) {
    const bar = h("i", {});
    bar.style.width = `${(count * 100) / most}%`;
    return h("li", {}, h("span", { class: "name" }, this.#write(name)), h("span", { class: "track", "aria-hidden": "true" }, bar), h("span", { class: "number" }, String(count)), h("span", { class: "number" }, percent(share)));
  }
}
