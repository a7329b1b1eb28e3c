// Draws the definition of a state machine as a graph.

import dagre from "./dagre.js";
import { glyph, label, svg } from "./dom.js";
import { transition } from "./history.js";

const START = "\nstart";
const END = "\nend";
const HEIGHT = 48;
const PADDING = 18;
const TITLE = 34;
const SYMBOLS = { Task: "λ", Choice: "?", Pass: "→", Wait: "◷", Parallel: "∥", Map: "≡", Succeed: "✓", Fail: "✕" };
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

function condition(rule) {
  if (rule.And) return rule.And.map(condition).join(" and ");
  if (rule.Or) return rule.Or.map(condition).join(" or ");
  if (rule.Not) return `not ${condition(rule.Not)}`;
  const operator = Object.keys(rule).find((name) => !["Variable", "Next", "Comment"].includes(name));
  const sign = OPERATORS.find(([pattern]) => pattern.test(operator))?.[1] ?? operator;
  return `${rule.Variable.replace(/^\$\.?/, "")} ${sign} ${JSON.stringify(rule[operator])}`;
}

/** The transitions of a definition. Several between the same states are one, with all their reasons. */
function transitions(definition, whole) {
  const edges = new Map();
  const add = (from, to, caught, text = "") => {
    const key = transition(from, to);
    const edge = edges.get(key) ?? { from, to, caught: true, reasons: [] };
    edge.caught &&= caught;
    if (text) edge.reasons.push(text);
    edges.set(key, edge);
  };
  if (whole) add(START, definition.StartAt, false);
  for (const [name, state] of Object.entries(definition.States)) {
    // The layout draws the first transitions downwards, so the usual path comes first.
    if (state.Next) add(name, state.Next, false);
    if (state.Default) add(name, state.Default, false, "otherwise");
    for (const rule of state.Choices ?? []) add(name, rule.Next, false, condition(rule));
    for (const catcher of state.Catch ?? []) add(name, catcher.Next, true, catcher.ErrorEquals.join(", "));
    if (whole && (state.End || state.Type === "Succeed" || state.Type === "Fail")) add(name, END, false);
  }
  return [...edges.values()];
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
  graph.setGraph({ rankdir: "TB", nodesep: 20, edgesep: 8, ranksep: 34, marginx: 2, marginy: 4 });
  if (whole) for (const end of [START, END]) graph.setNode(end, { name: end, width: 56, height: 26 });
  for (const [name, state] of Object.entries(definition.States)) graph.setNode(name, node(name, state));
  for (const edge of transitions(definition, whole)) {
    const text = edge.caught ? "" : shortened(edge.reasons.join(" or "), 30);
    // An edge with more weight is straighter, so that the path without errors runs down the middle.
    const size = text ? { width: textWidth(text, "11px") + 10, height: 16, labelpos: "c" } : {};
    graph.setEdge(edge.from, edge.to, { ...edge, ...size, text, weight: edge.caught || edge.to === END ? 1 : 6 });
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
  const texts = inner.length
    ? [svg("text", { class: "name", x: left + 40, y: middle + 5 }, `${shortened(name, 32)} · ${kind(state)}`)]
    : [
        svg("text", { class: "kind", x: left + 40, y: y - 5 }, kind(state)),
        svg("text", { class: "name", x: left + 40, y: y + 12 }, shortened(name, 32)),
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

  /** Colours the states by an execution's history. Without a history, no state has been entered. */
  mark(history, selected) {
    for (const state of this.element.querySelectorAll(".state")) {
      const visit = history?.current(state.dataset.name);
      const status = visit?.status ?? "";
      const attempts = visit?.attempts.length > 1 ? `×${visit.attempts.length}` : "";
      state.setAttribute("class", `state ${status} ${history && !visit ? "unvisited" : ""}`);
      const result = history ? `, ${label(status).toLowerCase()}${attempts && `, ${visit.attempts.length} attempts`}` : "";
      state.setAttribute("aria-label", `${state.dataset.name}${result}`);
      state.setAttribute("aria-pressed", state.dataset.name === selected);
      state.querySelector(".glyph").textContent = glyph(status) || state.dataset.symbol;
      state.querySelector(".attempts").textContent = attempts;
    }
    for (const edge of this.element.querySelectorAll(".edge")) {
      edge.classList.toggle("taken", history?.taken.has(edge.dataset.transition) ?? false);
    }
  }
}
