// The events of an execution, each of which opens to the whole event.

import { copy, duration, h } from "./dom.js";
import { detailsOf } from "./history.js";
import { json } from "./json.js";
import { more, number } from "./page.js";

const ROWS = 500;

export class Events {
  constructor() {
    this.limit = ROWS;
    this.count = h("span", { class: "count" });
    this.rows = h("ol", { class: "event-list" });
    this.more = h("div");
    this.element = h("details", { class: "card events" }, h("summary", {}, "Event history ", this.count), this.rows, this.more);
  }

  /** Shows the events of an execution that started at `started`. Those that are shown already stay. */
  show(events, started) {
    this.count.textContent = number(events.length);
    const shown = Math.min(this.limit, events.length);
    this.rows.append(...events.slice(this.rows.children.length, shown).map((event) => row(event, started)));
    more(this.more, shown, events.length, ROWS, () => {
      this.limit += ROWS;
      this.show(events, started);
    });
  }
}

function row(event, started) {
  const details = detailsOf(event);
  const brief = details && h("code", { class: "brief" }, details.name ?? details.error ?? details.resource ?? "");
  const summary = h("summary", {}, h("span", { class: "id" }, String(event.id)), h("span", { class: "event-type" }, event.type), brief, h("span", { class: "after" }, duration(event.timestamp - started)));
  const element = h("details", { toggle: () => element.children.length === 1 && element.append(whole(event)) }, summary);
  return h("li", {}, element);
}

function whole(event) {
  const text = written(event);
  return h("div", { class: "whole" }, copy(text, `event ${event.id}`), json(text));
}

/** A value as JSON in which a text that is JSON stands as such, with its numbers as they are. */
function written(value) {
  if (typeof value === "string") return isDocument(value) ? value : JSON.stringify(value);
  if (!(value instanceof Object)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${written(one)}`).join(",")}}`;
}

function isDocument(text) {
  try {
    return JSON.parse(text) instanceof Object;
  } catch {
    return false;
  }
}
