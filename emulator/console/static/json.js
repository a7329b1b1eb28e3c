// JSON as a tree that opens and closes. Numbers are not parsed, so that long ones keep their digits.

import { h } from "./dom.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+|[{}[\],:]/g;
const CLOSING = { "{": "}", "[": "]" };
const SHOWN = 300; // lines

/** Reads a valid JSON text as `{ token }` of a single value, or `{ token, entries: [{ key, value }] }`. */
function read(text) {
  const tokens = text.match(TOKEN);
  let index = 0;
  const value = () => {
    const token = tokens[index++];
    const closing = CLOSING[token];
    if (!closing) return { token };
    const entries = [];
    while (tokens[index] !== closing) {
      const key = token === "{" && tokens[index];
      if (key) index += 2;
      entries.push({ key, value: value() });
      if (tokens[index] === ",") index += 1;
    }
    index += 1;
    return { token, entries };
  };
  return value();
}

/** An element with the JSON of `text`. Of a long one, what does not fit stays closed until it is opened. */
export function json(text) {
  const tree = h("div", { class: "json", role: "group", "aria-label": "JSON", tabindex: 0 });
  tree.append(entry({ value: read(text) }, "", { lines: SHOWN }));
  return tree;
}

function entry({ key, value: { token, entries } }, comma, room) {
  const start = key ? [h("span", { class: "key" }, key), ": "] : [];
  if (!entries) return h("div", {}, start, h("span", { class: token[0] !== '"' ? "value" : token.includes(" ") ? "string" : "string solid" }, token), comma);
  const end = CLOSING[token] + comma;
  if (!entries.length) return h("div", {}, start, token + end);
  const inside = h("div", { class: "inside" });
  const open = entries.length <= room.lines;
  const show = (left) => {
    if (inside.children.length) return;
    inside.append(...entries.map((one, index) => entry(one, index < entries.length - 1 ? "," : "", left)));
  };
  if (open) {
    room.lines -= entries.length + 1;
    show(room);
  }
  const summary = h("summary", { "data-rest": ` ${entries.length} … ${end}` }, start, token);
  return h("details", { open, toggle: () => show({ lines: SHOWN }) }, summary, inside, h("div", {}, end));
}

/** An element with a text: as JSON if it is, and otherwise as it stands. */
export function readable(text) {
  try {
    JSON.parse(text);
  } catch {
    return h("pre", { tabindex: 0 }, text);
  }
  return json(text);
}

/** The JSON of `text` with a line for each value. */
export function indented(text) {
  const written = ({ token, entries }, before) => {
    if (!entries?.length) return token + (CLOSING[token] ?? "");
    const deeper = `${before}  `;
    const lines = entries.map(({ key, value }) => `${deeper}${key ? `${key}: ` : ""}${written(value, deeper)}`);
    return `${token}\n${lines.join(",\n")}\n${before}${CLOSING[token]}`;
  };
  return written(read(text), "");
}

/** The members of the JSON object that `text` is; none for anything else. */
export function membersOf(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** An element with an error and its cause: a function's message, and its stack trace in a disclosure. */
export function problem(error, cause) {
  return h("div", { class: "problem" }, h("strong", {}, error), cause && explained(cause));
}

function explained(cause) {
  try {
    const { errorMessage: message } = JSON.parse(cause);
    return [message && h("p", {}, String(message)), h("details", {}, h("summary", {}, "Cause"), json(cause))];
  } catch {
    return h("p", {}, cause);
  }
}
