// The functions' logs, found by function, level, request, order and text. All of these stand in the address.

import { fill, h } from "./dom.js";
import { at, empty, get, PAUSE, refreshNow } from "./page.js";
import { Records } from "./records.js";

const STEP = 200;
const MOST = 1000;
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

const options = (values) => values.map((value) => h("option", { value }, value));
const least = (level) => h("option", { value: level }, level === LEVELS.at(-1) ? level : `${level} and above`);
const choice = (name, every, values) => h("select", { "aria-label": name }, h("option", { value: "" }, every), values);
const search = (name) => h("input", { type: "search", placeholder: name, "aria-label": name, spellcheck: "false" });

export class Logs {
  constructor({ query }) {
    this.title = "Logs";
    this.pause = PAUSE.steady;
    this.fields = {
      function: choice("Function", "All functions", []),
      level: choice("Level", "All levels", LEVELS.map(least)),
      find: search("Find text"),
      request: search("Request id"),
      order: search("Order id"),
    };
    this.records = new Records();
    this.older = h("button", { class: "button", click: () => this.showOlder() }, `Show ${STEP} older`);
    this.clear = h("a", { class: "button", href: at("logs") }, "Clear filters");
    this.none = h("div", { "aria-live": "polite" });
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Logs")),
      h(
        "section",
        { class: "card", "aria-label": "Logs" },
        h("div", { class: "toolbar finders", role: "search", input: () => this.change() }, Object.values(this.fields)),
        h("div", { class: "toolbar" }, this.records.button, this.older, this.clear),
        this.records.element,
        this.none,
      ),
    );
    this.select({ query });
  }

  select({ query }) {
    for (const [name, field] of Object.entries(this.fields)) {
      const value = query.get(name) ?? "";
      if (name === "function") offer(field, [value]);
      field.value = value;
      // An address may name another level than these.
      if (field.selectedIndex === -1) field.value = "";
    }
    this.restart();
  }

  change() {
    history.replaceState(null, "", at("logs", this.sought()));
    this.restart();
    refreshNow();
  }

  restart() {
    this.limit = STEP;
    this.clear.hidden = !Object.values(this.sought()).some(Boolean);
    this.records.follow(true);
  }

  showOlder() {
    this.limit = Math.min(this.limit + STEP, MOST);
    this.records.follow(false);
    refreshNow();
  }

  /** What is looked for, by its name in the address. */
  sought() {
    return Object.fromEntries(Object.entries(this.fields).map(([name, field]) => [name, field.value.trim()]));
  }

  async refresh({ functions }) {
    offer(this.fields.function, Object.keys(functions));
    const { limit } = this;
    const sought = this.sought();
    const known = !sought.function || sought.function in functions;
    const { records } = known ? await get("logs", { ...sought, limit }) : { records: [] };
    this.records.show(records);
    this.older.hidden = records.length < limit || limit === MOST;
    this.records.element.hidden = !records.length;
    fill(this.none, [records.length > 0, this.clear.hidden], () => {
      if (records.length) return null;
      if (this.clear.hidden) return empty("Nothing logged yet", "A function's records appear here when it runs.");
      return empty("Nothing found", "No record matches these filters. ", h("a", { href: at("logs") }, "Clear filters"));
    });
  }
}

/** Adds those of the `values` that `field` does not offer yet. */
function offer(field, values) {
  const known = new Set([...field.options].map(({ value }) => value));
  field.append(...options(values.filter((value) => !known.has(value))));
}
