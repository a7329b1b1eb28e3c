// Charts by uPlot, in the page's colours and as wide as their container. A table below each shows the same numbers.

import { h } from "./dom.js";
import { clock } from "./format.js";
import uPlot from "./uplot.js";

const HEIGHT = 220;
const SCHEME = matchMedia("(prefers-color-scheme: dark)");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export class Chart {
  #plot;
  #drawn;
  #watcher;

  constructor(label) {
    this.element = h("div", { class: "chart", role: "img", "aria-label": label });
    this.#watcher = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
    this.#watcher.observe(this.element);
    SCHEME.addEventListener("change", this.#redraw);
  }

  close() {
    this.#watcher.disconnect();
    SCHEME.removeEventListener("change", this.#redraw);
    this.#plot?.destroy();
  }

  /** Draws bars by category. `series` is `[{label, colour, values}]`, side by side; `write` formats a value. */
  bars(categories, series, write) {
    const width = 0.7 / series.length;
    this.#draw(() => ({
      options: {
        scales: { x: { time: false, range: [-0.6, categories.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(high, 1e-9) * 1.12] } },
        axes: [
          { ...axis(), size: 30, grid: { show: false }, ticks: { show: false }, splits: () => categories.map((_, index) => index), values: (plot) => fitting(categories, plot.width) },
          { ...axis(), size: 64, values: (_, ticks) => ticks.map(write) },
        ],
        series: [
          {},
          ...series.map(({ label, colour: name }, index) => ({
            label,
            fill: colour(name),
            width: 0,
            points: { show: false },
            paths: uPlot.paths.bars({ size: [width, 56], align: series.length === 1 ? 0 : index === 0 ? -1 : 1, gap: 2, radius: [0.12, 0] }),
          })),
        ],
      },
      data: [categories.map((_, index) => index), ...series.map(({ values }) => values)],
    }));
  }

  /** Draws lines over time in seconds. `series` is `[{label, colour, values}]`. */
  lines(times, series, write) {
    this.#draw(() => ({
      options: {
        scales: { x: { time: true } },
        axes: [{ ...axis(), size: 30, space: 90, values: (_, ticks) => ticks.map((seconds) => clock(seconds * 1000)) }, { ...axis(), size: 96, values: (_, ticks) => ticks.map(write) }],
        series: [{}, ...series.map(({ label, colour: name }) => ({ label, stroke: colour(name), width: 2, spanGaps: true, points: { size: 6, fill: colour(name) } }))],
      },
      data: [times, ...series.map(({ values }) => values)],
    }));
  }

  #redraw = () => this.#drawn && this.#draw(this.#drawn);

  #draw(build) {
    this.#drawn = build;
    const { options, data } = build();
    this.#plot?.destroy();
    this.element.replaceChildren();
    this.#plot = new uPlot({ ...options, ...this.#size(), legend: { show: false }, cursor: { show: false } }, data, this.element);
  }

  #size() {
    return { width: Math.max(this.element.clientWidth, 200), height: HEIGHT };
  }
}

const FONT = "12px system-ui, -apple-system, sans-serif";

const axis = () => ({ stroke: colour("muted"), font: FONT, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, border: { show: false } });

/** Returns the names that fit: all, or every second, third … with the others empty. */
function fitting(names, width) {
  const needed = Math.max(...names.map(({ length }) => length)) * 7 + 14;
  const every = Math.ceil((needed * names.length) / Math.max(width - 70, 1));
  return names.map((name, index) => (index % every === 0 ? name : ""));
}
