// Draws the definition of a state machine as a graph.

import dagre from "./dagre.js";
import { glyph, label, svg } from "./dom.js";
import { transition } from "./history.js";

const START = "\nstart";
const END = "\nend";
const HEIGHT = 48;
const PADDING = 18;
const TITLE = 34;
const SYMBOLS = { Task: "▸", Choice: "?", Pass: "→", Wait: "◷", Parallel: "∥", Map: "≡", Succeed: "✓", Fail: "✕" };
const OPERATORS = [
  [/LessThanEquals/, "≤"],
  [/GreaterThanEquals/, "≥"],
  [/LessThan/, "<"],
  [/GreaterThan/, ">"],
  [/Equals/, "="],
];

const pen = document.createElement("canvas").getContext("2d");

function textWidth(text, font) {
  pen.font = `${font} system-ui, sans-serif`;
  return pen.measureText(text).width;
}

const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** A rule of a Choice in words, with the whole path of each variable or only the end of it. */
function condition(rule, whole) {
  if (rule.And) return rule.And.map((one) => condition(one, whole)).join(" and ");
  if (rule.Or) return rule.Or.map((one) => condition(one, whole)).join(" or ");
  if (rule.Not) return `not ${condition(rule.Not, whole)}`;
  const operator = Object.keys(rule).find((name) => !["Variable", "Next", "Comment"].includes(name));
  const sign = OPERATORS.find(([pattern]) => pattern.test(operator))?.[1] ?? operator;
  return `${rule.Variable.replace(whole ? /^\$\.?/ : /^.*\./, "")} ${sign} ${JSON.stringify(rule[operator])}`;
}

// An edge with more weight is shorter and straighter, so that the usual path runs down the middle.
const USUAL = 20;
const CHOSEN = 6;
const CAUGHT = 3;
const LAST = 0;

/** The transitions of a definition. Several between the same states are one, with all their texts and reasons. */
function transitions(definition, whole) {
  const edges = new Map();
  const add = (from, to, weight, text = "", reason = text) => {
    const key = transition(from, to);
    const edge = edges.get(key) ?? { from, to, weight, texts: [], reasons: [] };
    edge.weight = Math.max(edge.weight, weight);
    if (text) edge.texts.push(text);
    if (text) edge.reasons.push(reason);
    edges.set(key, edge);
  };
  if (whole) add(START, definition.StartAt, USUAL);
  for (const [name, state] of Object.entries(definition.States)) {
    // The layout draws the first transitions downwards, so the usual path comes first.
    if (state.Next) add(name, state.Next, USUAL);
    if (state.Default) add(name, state.Default, USUAL, "otherwise");
    for (const rule of state.Choices ?? []) add(name, rule.Next, CHOSEN, condition(rule, false), condition(rule, true));
    for (const catcher of state.Catch ?? []) add(name, catcher.Next, CAUGHT, catcher.ErrorEquals.join(", "));
    if (whole && (state.End || state.Type === "Succeed" || state.Type === "Fail")) add(name, END, LAST);
  }
  return [...edges.values()].map((edge) => ({ ...edge, caught: edge.weight === CAUGHT }));
}

function kind(state) {
  const service = state.Resource?.match(/:lambda:/) ? "Lambda" : state.Resource?.match(/:states:::(\w+):/)?.[1];
  return service ? `${state.Type}: ${service === "lambda" ? "Lambda" : service === "sqs" ? "SQS" : service}` : state.Type;
}

function node(name, state) {
  const inner = (state.Branches ?? [state.ItemProcessor ?? state.Iterator].filter(Boolean)).map((one) => layout(one, false));
  const width = Math.max(textWidth(shortened(name, 32), "600 13px"), textWidth(kind(state), "11px") + 20) + 56;
  if (!inner.length) return { name, state, inner, width, height: HEIGHT };
  const content = inner.reduce((sum, one) => sum + one.width + PADDING, PADDING);
  return {
    name,
    state,
    inner,
    width: Math.max(width, content),
    height: TITLE + Math.max(...inner.map((one) => one.height)) + PADDING,
  };
}

function layout(definition, whole) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 12, edgesep: 5, ranksep: 34, marginx: 2, marginy: 4 });
  if (whole) for (const end of [START, END]) graph.setNode(end, { name: end, width: 56, height: 26 });
  for (const [name, state] of Object.entries(definition.States)) graph.setNode(name, node(name, state));
  for (const edge of transitions(definition, whole)) {
    const text = edge.caught ? "" : shortened(edge.texts.join(" or "), 22);
    const size = text ? { width: textWidth(text, "11px") + 10, height: 16, labelpos: "c" } : {};
    graph.setEdge(edge.from, edge.to, { ...edge, ...size, text });
  }
  dagre.layout(graph);
  const { width, height } = graph.graph();
  return { width, height, nodes: graph.nodes().map((id) => graph.node(id)), edges: graph.edges().map((id) => graph.edge(id)) };
}

function curve([first, ...rest]) {
  const last = rest.pop();
  const parts = [`M${first.x},${first.y}`];
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    const to = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : last;
    parts.push(`Q${point.x},${point.y} ${to.x},${to.y}`);
  });
  if (!rest.length) parts.push(`L${last.x},${last.y}`);
  return parts.join(" ");
}

const ended = (name) => (name === START || name === END ? "" : name);

function drawEdge({ points, from, to, caught, reasons, text, x, y }) {
  const path = svg("path", { d: curve(points), "marker-end": "url(#arrow)" });
  const title = svg("title", {}, `${caught ? "Caught: " : ""}${reasons.join(" or ")}`);
  const chip = text && [
    svg("rect", { class: "chip", x: x - textWidth(text, "11px") / 2 - 4, y: y - 8, width: textWidth(text, "11px") + 8, height: 16, rx: 4 }),
    svg("text", { x, y: y + 4, "text-anchor": "middle" }, text),
  ];
  const group = svg("g", { class: caught ? "edge caught" : "edge" }, reasons.length > 0 && title, path, chip || []);
  group.dataset.transition = transition(ended(from), ended(to));
  return group;
}

function drawNode({ name, state, inner, x, y, width, height }, select) {
  const left = x - width / 2;
  const top = y - height / 2;
  if (!state) {
    return svg(
      "g",
      { class: "terminal" },
      svg("rect", { x: left, y: top, width, height, rx: height / 2 }),
      svg("text", { x, y: y + 4, "text-anchor": "middle" }, name === START ? "Start" : "End"),
    );
  }
  const middle = inner.length ? top + TITLE / 2 : y;
  // The order in which a name is read: that of the state first.
  const texts = inner.length
    ? [svg("text", { class: "name", x: left + 40, y: middle + 5 }, `${shortened(name, 32)} · ${kind(state)}`)]
    : [
        svg("text", { class: "name", x: left + 40, y: y + 12 }, shortened(name, 32)),
        svg("text", { class: "kind", x: left + 40, y: y - 5 }, ` ${kind(state)}`),
      ];
  const button = svg(
    "g",
    {
      class: "state",
      tabindex: 0,
      role: "button",
      click: () => select(name),
      keydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        select(name);
      },
    },
    svg("rect", { x: left, y: top, width, height, rx: 9 }),
    svg("circle", { cx: left + 22, cy: middle, r: 10 }),
    svg("text", { class: "glyph", x: left + 22, y: middle + 4.5, "text-anchor": "middle" }),
    texts,
    svg("text", { class: "attempts", x: left + width - 8, y: middle - 6, "text-anchor": "end" }),
  );
  button.dataset.name = name;
  // The visible text, and the whole name if that is shortened.
  button.dataset.label = `${shortened(name, 32)} ${kind(state)}${name.length > 32 ? `, ${name}` : ""}`;
  button.dataset.symbol = kind(state) === "Task: SQS" ? "✉" : SYMBOLS[state.Type];
  if (state.Comment) button.append(svg("title", {}, state.Comment));
  let offset = left + (width - inner.reduce((sum, one) => sum + one.width + PADDING, -PADDING)) / 2;
  const parts = inner.map((one) => {
    const group = svg("g", { transform: `translate(${offset},${top + TITLE})` }, drawLayout(one, select));
    offset += one.width + PADDING;
    return group;
  });
  return svg("g", {}, button, parts);
}

const drawLayout = ({ nodes, edges }, select) => [edges.map(drawEdge), nodes.map((one) => drawNode(one, select))].flat();

export class Graph {
  /** `select` is called with the name of the chosen state. */
  constructor(definition, select) {
    const drawn = layout(definition, true);
    const arrow = svg("path", { d: "M0,0 L8,4 L0,8 Z" });
    const marker = svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" }, arrow);
    this.element = svg(
      "svg",
      { class: "graph", viewBox: `0 0 ${drawn.width} ${drawn.height}`, role: "group", "aria-label": "State machine" },
      svg("defs", {}, marker),
      drawLayout(drawn, select),
    );
    this.element.style.setProperty("--width", `${Math.ceil(drawn.width)}px`);
    this.mark(null, "");
  }

  /** Puts the graph into an element that scrolls, with its start in the middle. */
  drawIn(canvas) {
    canvas.replaceChildren(this.element);
    requestAnimationFrame(() => {
      const start = this.element.querySelector(".terminal").getBoundingClientRect();
      const visible = canvas.getBoundingClientRect();
      canvas.scrollLeft += start.x + start.width / 2 - (visible.x + visible.width / 2);
    });
  }

  /** Scrolls the state `name` into sight, if it is one. */
  reveal(name) {
    this.find(name)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Gives the focus to the state `name`, if it is one. */
  focus(name) {
    this.find(name)?.focus({ preventScroll: true });
  }

  find(name) {
    return this.element.querySelector(`.state[data-name="${CSS.escape(name)}"]`);
  }

  /** Colours the states by an execution's history. Without a history, no state has been entered. */
  mark(history, selected) {
    for (const state of this.element.querySelectorAll(".state")) {
      const visit = history?.current(state.dataset.name);
      const status = visit?.status ?? "";
      const attempts = visit?.attempts.length > 1 ? `×${visit.attempts.length}` : "";
      state.setAttribute("class", `state ${status} ${history && !visit ? "unvisited" : ""}`);
      const result = history ? `, ${label(status).toLowerCase()}${attempts && `, ${visit.attempts.length} attempts`}` : "";
      state.setAttribute("aria-label", `${state.dataset.label}${attempts && ` ${attempts}`}${result}`);
      state.setAttribute("aria-pressed", state.dataset.name === selected);
      state.querySelector(".glyph").textContent = glyph(status) || state.dataset.symbol;
      state.querySelector(".attempts").textContent = attempts;
    }
    for (const edge of this.element.querySelectorAll(".edge")) {
      edge.classList.toggle("taken", history?.taken.has(edge.dataset.transition) ?? false);
    }
  }
}
