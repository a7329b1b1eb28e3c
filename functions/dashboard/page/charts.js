// Charts by uPlot, in the page's colours and as wide as their container. A line above each reads out what is pointed at, and
// a table below shows the same numbers.

import { fill, h } from "./dom.js";
import { clock, when } from "./format.js";
import uPlot from "./uplot.js";

// How near to a mark the pointer must be, in pixels.
const REACH = 14;
const MARK = 6;
// Of more marks than this, each is smaller.
const MANY = 100;
const DAY_SECONDS = 86_400;
// Between two times of an axis, in seconds.
const INTERVALS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, DAY_SECONDS, 2 * DAY_SECONDS, 7 * DAY_SECONDS, 30 * DAY_SECONDS];
const SCHEME = matchMedia("(prefers-color-scheme: dark)");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * Has an `element`, and the `readout` of what is pointed at with the pointer or the arrow keys. `describe` returns that for
 * the index of a category or a time, and for undefined when nothing is pointed at. `open` is called with the index of a mark
 * that is clicked.
 */
export class Chart {
  #plot;
  #drawn;
  #watcher;
  #index;
  #describe;
  #open;

  constructor(label, describe, open = () => {}) {
    this.#describe = describe;
    this.#open = open;
    this.readout = h("p", { class: "readout", role: "status" });
    this.element = h("div", { class: "chart", role: "img", tabindex: "0", "aria-label": `${label}. Arrow keys read it out; the numbers are in the table below.`, keydown: this.#moved, blur: () => this.#plot && this.#select(undefined) });
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
        scales: { x: { time: false, range: [-0.6, categories.length - 0.4] }, y: { range: (_, low, high) => [0, Math.max(high, 1e-9) * 1.08] } },
        axes: [
          { ...axis(), size: 30, grid: { show: false }, ticks: { show: false }, splits: () => categories.map((_, index) => index), values: (plot) => fitting(categories, plot.width) },
          { ...axis(), size: wide, values: (_, ticks) => ticks.map(write) },
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
      marks: [],
    }));
  }

  /**
   * Draws lines over time in seconds, with a scale from `low` to `high`. `series` is `[{label, colour, values, dashed}]`.
   * `marks` are triangles on them, `[{index, value, up, colour}]`; one outside the scale is at its edge.
   */
  lines(times, series, write, [low, high], marks = []) {
    const [from, to] = wider(times[0], times.at(-1), 0.02, 1);
    const [named, space] = to - from > DAY_SECONDS ? [when, 130] : [clock, 80];
    this.#draw(() => ({
      options: {
        scales: { x: { time: true, auto: false, min: from, max: to }, y: { range: [low, high] } },
        axes: [
          { ...axis(), size: 30, space, incrs: INTERVALS, values: (_, ticks) => ticks.map((seconds) => (seconds > to ? "" : named(seconds * 1000))) },
          { ...axis(), size: wide, values: (_, ticks) => ticks.map(write) },
        ],
        series: [{}, ...series.map(({ label, colour: name, dashed }) => ({ label, stroke: colour(name), width: 2, dash: dashed ? [6, 4] : [], spanGaps: true, points: { size: 5, fill: colour(name) } }))],
        hooks: { draw: [(plot) => marks.forEach((mark) => triangle(plot, mark, marks.length > MANY ? MARK / 1.5 : MARK))] },
      },
      data: [times, ...series.map(({ values }) => values)],
      marks,
    }));
  }

  #redraw = () => this.#drawn && this.#draw(this.#drawn);

  #draw(build) {
    this.#drawn = build;
    const { options, data, marks } = build();
    this.#plot?.destroy();
    this.element.replaceChildren();
    const hooks = { ...options.hooks, setCursor: [(plot) => plot.cursor.event && this.#point(plot.cursor.left < 0 ? undefined : nearest(plot, marks) ?? plot.cursor.idx)] };
    const cursor = { y: false, points: { show: false }, drag: { x: false, y: false } };
    this.#plot = new uPlot({ ...options, ...this.#size(), hooks, padding: [10, 34, 0, 0], legend: { show: false }, cursor }, data, this.element);
    this.#plot.over.addEventListener("click", () => {
      const index = nearest(this.#plot, marks);
      if (index !== undefined) this.#open(index);
    });
    this.#select(this.#index < data[0].length ? this.#index : undefined);
  }

  #moved = (event) => {
    const last = (this.#plot?.data[0].length ?? 0) - 1;
    const from = this.#index;
    const to = { ArrowRight: (from ?? -1) + 1, ArrowLeft: (from ?? last + 1) - 1, Home: 0, End: last }[event.key];
    if (event.key === "Enter" && from !== undefined) this.#open(from);
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.#select(Math.min(Math.max(to, 0), last));
  };

  #select(index) {
    this.#plot.setCursor({ left: index === undefined ? -10 : this.#plot.valToPos(this.#plot.data[0][index], "x"), top: 0 }, false);
    this.#point(index);
  }

  #point(index) {
    this.#index = index ?? undefined;
    this.#read();
  }

  #read() {
    fill(this.readout, this.#describe(this.#index), (text) => text);
  }

  #size() {
    return { width: Math.max(this.element.clientWidth, 200), height: this.element.clientHeight };
  }
}

const FONT = "12px system-ui, -apple-system, sans-serif";

const axis = () => ({ stroke: colour("muted"), font: FONT, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, border: { show: false } });

/** Returns the width that the names of an axis take. */
const wide = (_, names) => Math.max(0, ...(names ?? []).map(({ length }) => length)) * 7 + 16;

/** Returns a range with a share of its length more at both ends, and at least `least`. */
export function wider(low, high, share, least) {
  const more = Math.max((high - low) * share, least);
  return [low - more, high + more];
}

/** Returns where a mark is, in pixels of the screen or of the canvas. */
function place(plot, { index, value }, onCanvas) {
  const { min, max } = plot.scales.y;
  return [plot.valToPos(plot.data[0][index], "x", onCanvas), plot.valToPos(Math.min(Math.max(value, min), max), "y", onCanvas)];
}

function nearest(plot, marks) {
  const { left, top } = plot.cursor;
  const away = (mark) => Math.hypot(...place(plot, mark, false).map((at, axis) => at - [left, top][axis]));
  const [first] = marks.map((mark) => ({ mark, distance: away(mark) })).filter(({ distance }) => distance < REACH).sort((one, other) => one.distance - other.distance);
  return first?.mark.index;
}

/** Draws a mark as a triangle with its tip at the value: one that points up is below it. */
function triangle(plot, mark, half) {
  const { ctx } = plot;
  const [x, y] = place(plot, mark, true);
  const size = half * devicePixelRatio;
  const base = y + (mark.up ? 1.7 : -1.7) * size;
  ctx.save();
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x - size, base);
  ctx.lineTo(x + size, base);
  ctx.closePath();
  ctx.fillStyle = colour(mark.colour);
  ctx.strokeStyle = colour("surface");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.fill();
  ctx.stroke();
  ctx.restore();
}

/** Returns the names that fit: all, or every second, third … with the others empty. */
function fitting(names, width) {
  const needed = Math.max(...names.map(({ length }) => length)) * 7 + 14;
  const every = Math.ceil((needed * names.length) / Math.max(width - 70, 1));
  return names.map((name, index) => (index % every === 0 ? name : ""));
}
