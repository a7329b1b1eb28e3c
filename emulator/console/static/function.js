// One function: its configuration, its invocation with an event that one chooses, and its log.

import { confirm } from "./confirm.js";
import { badge, copy, fill, h } from "./dom.js";
import { errors, meanDuration } from "./functions.js";
import { membersOf, problem } from "./json.js";
import { at, card, crumbs, fact, get, missing, number, PAUSE, post, refreshNow, wordsOf } from "./page.js";
import { block } from "./panel.js";
import { Records } from "./records.js";

const LINES = 100;
const EMPTY = { name: "Empty event", body: "{}" };

export class FunctionPage {
  constructor({ subject }) {
    this.name = this.title = subject;
    this.pause = PAUSE.steady;
    this.head = h("div");
    this.choice = h("select", { change: () => this.take(this.events[this.choice.selectedIndex]) });
    this.event = h("textarea", { rows: 16, spellcheck: "false", input: () => this.check(), keydown: (pressed) => pressed.ctrlKey && pressed.key === "Enter" && this.invoke() });
    this.fault = h("p", { class: "error", role: "status" });
    this.button = h("button", { class: "button primary", title: "Ctrl + Enter", click: () => this.invoke() }, "Invoke function");
    this.result = h("section", { class: "card", "aria-label": "Result", "aria-live": "polite" }, h("h2", {}, "Result"), h("p", { class: "note" }, "What the function returns and logs appears here."));
    this.trial = h(
      "div",
      { class: "columns even" },
      card("Test event", h("label", { class: "field" }, "Begin with", this.choice), h("label", { class: "field" }, "Event as JSON", this.event), this.fault, h("div", { class: "buttons" }, this.button)),
      this.result,
    );
    this.trial.hidden = true;
    this.records = new Records();
    const log = h("div", { class: "bar-top" }, h("h2", {}, "Log"), h("div", { class: "buttons" }, this.records.button, h("a", { class: "button", href: at("logs", { function: subject }) }, "Find in the log")));
    this.element = h("div", {}, crumbs("functions", "Functions", subject), this.head, this.trial, h("section", { class: "card single", "aria-label": "Log" }, log, this.records.element));
  }

  async refresh({ functions, readOnly }) {
    const counters = functions[this.name];
    if (!counters) return fill(this.element, "missing", () => missing("Function", "functions"));
    this.configuration ??= (await get("functions"))[this.name];
    if (!this.events && !readOnly) this.offer(await get("events"));
    this.trial.hidden = readOnly;
    fill(this.head, [counters], () => facts(this.name, this.configuration, counters));
    const { records } = await get("logs", { function: this.name, limit: LINES });
    this.records.show(records);
  }

  /** Offers the events, those of the function first, and begins with the first of these. */
  offer(events) {
    const { folder } = this.configuration;
    const [own, other] = [events.filter(({ name }) => isOf(name, folder)), events.filter(({ name }) => !isOf(name, folder))];
    this.events = [...own, EMPTY, ...other];
    const options = (some) => some.map(({ name }) => h("option", {}, name));
    this.choice.append(
      h("optgroup", { label: "Events of this function" }, options([...own, EMPTY])),
      ...(other.length ? [h("optgroup", { label: "Events of other functions" }, options(other))] : []),
    );
    this.take(this.events[0]);
  }

  take({ body }) {
    this.event.value = body;
    this.check();
  }

  check() {
    this.fault.textContent = "";
    try {
      JSON.parse(this.event.value);
    } catch (error) {
      this.fault.textContent = `Expected JSON: ${error.message}`;
    }
    this.button.disabled = Boolean(this.fault.textContent) || Boolean(this.running);
  }

  async invoke() {
    if (this.button.disabled) return;
    const agreed = await confirm({ title: `Invoke ${this.name}?`, text: "It runs with this event, and does to the stack what it does.", action: "Invoke function" });
    if (!agreed) return;
    this.running = true;
    this.check();
    this.button.textContent = "Invoking…";
    try {
      const result = await post("functions/invoke", { function: this.name, event: this.event.value });
      this.result.replaceChildren(...outcome(result).filter(Boolean));
    } catch (error) {
      this.result.replaceChildren(h("h2", {}, "Result"), problem("Not invoked", wordsOf(error)));
    } finally {
      this.running = false;
      this.result.scrollIntoView({ block: "nearest" });
      this.button.textContent = "Invoke function";
      this.check();
    }
    refreshNow();
  }
}

const isOf = (name, folder) => name === folder || name.startsWith(`${folder}-`);

function facts(name, { runtime, handler, memory, timeout }, counters) {
  return [
    h("div", { class: "title" }, h("h1", { class: "mono" }, name)),
    h(
      "dl",
      { class: "facts" },
      fact("Invocations", number(counters.invocations)),
      fact("Running", number(counters.running)),
      fact("Errors", errors(counters)),
      fact("Throttles", number(counters.throttles)),
      fact("Cold starts", number(counters.cold_starts)),
      fact("Mean duration", meanDuration(counters)),
      fact("Handler", h("code", {}, handler)),
      fact("Runtime", runtime),
      fact("Memory", `${number(memory)} MB`),
      fact("Timeout", `${number(timeout)} s`),
    ),
  ];
}

function outcome({ error, payload, milliseconds, requestId, log }) {
  const records = new Records();
  records.show(log);
  // An answer to a request has a body, which is a text of its own.
  const { body: answer } = error ? {} : membersOf(payload);
  return [
    h("div", { class: "title" }, h("h2", {}, "Result"), badge(error ? "FAILED" : "SUCCEEDED")),
    h("dl", { class: "facts" }, fact("Duration", `${milliseconds.toFixed(1)} ms`), fact("Request id", h("a", { href: at("logs", { request: requestId }) }, h("code", {}, requestId)), " ", copy(requestId, "request id"))),
    error ? problem(membersOf(payload).errorType ?? "Error", payload) : block("Returned", payload),
    typeof answer === "string" && answer && block("Its body", answer),
    h("div", { class: "block single" }, h("h3", {}, "Logged"), records.element),
  ];
}
