// One queue: its messages, which stay where they are, and what changes them: send, purge, redrive.

import { confirm } from "./confirm.js";
import { fill, h, list, time } from "./dom.js";
import { membersOf } from "./json.js";
import { at, card, crumbs, empty, fact, get, missing, number, PAUSE, post, refreshNow, wordsOf } from "./page.js";
import { block } from "./panel.js";
import { held, letters, sourcesOf } from "./queues.js";

const STATES = { visible: ["RUNNING", "Waiting"], inFlight: ["CAUGHT", "In flight"], delayed: ["ABORTED", "Delayed"] };
const FAILED_REQUEST = /\(request (\S+)\)$/;
const MOST = 100;
const LONGEST_DELAY = 900; // seconds

const counted = (count, thing) => `${number(count)} ${thing}${count === 1 ? "" : "s"}`;

export class Queue {
  constructor({ subject }) {
    this.name = this.title = subject;
    this.pause = PAUSE.steady;
    this.head = h("div");
    this.answer = h("p", { class: "answer", role: "status" });
    this.redriving = h("button", { class: "button", click: () => this.redrive() }, "Redrive to the source");
    this.purging = h("button", { class: "button", click: () => this.purge() }, "Purge queue");
    this.buttons = h("div", { class: "buttons" }, this.redriving, this.purging);
    this.messages = h("div", { class: "messages" });
    this.none = h("div");
    this.note = h("p", { class: "note" });
    this.choice = h("select", { change: () => this.take() }, h("option", {}, "Empty message"));
    this.begin = h("label", { class: "field", hidden: true }, "Begin with", this.choice);
    this.body = h("textarea", { rows: 6, spellcheck: "false", input: () => this.check() });
    this.delay = h("input", { type: "number", min: 0, max: LONGEST_DELAY, step: 1, value: 0, input: () => this.check() });
    this.button = h("button", { class: "button primary", click: () => this.send() }, "Send message");
    this.sending = card(
      "Send a message",
      this.begin,
      h("label", { class: "field" }, "Body", this.body),
      h("label", { class: "field" }, "Delay in seconds", this.delay),
      h("div", { class: "buttons" }, this.button),
    );
    this.element = h(
      "div",
      {},
      crumbs("queues", "Queues", subject),
      this.head,
      this.answer,
      h(
        "div",
        { class: "columns wide" },
        h("section", { class: "card", "aria-label": "Messages" }, h("div", { class: "bar-top" }, h("h2", {}, "Messages"), this.buttons), this.messages, this.none, this.note),
        this.sending,
      ),
    );
    this.check();
  }

  check() {
    this.button.disabled = !this.body.value || !this.delay.checkValidity();
  }

  async refresh({ queues, readOnly }) {
    const queue = queues.find(({ name }) => name === this.name);
    if (!queue) return fill(this.element, "missing", () => missing("Queue", "queues"));
    const dead = queues.find(({ name }) => name === queue.deadLetters);
    const sources = sourcesOf(queue, queues);
    const messages = await get("messages", { queue: this.name });
    fill(this.head, [queue, dead], () => facts(queue, dead, sources));
    this.sending.hidden = readOnly;
    if (!this.examples && !readOnly) this.offer(examplesOf(await get("events"), this.name));
    this.sources = sources;
    this.count = held(queue);
    this.buttons.hidden = readOnly;
    this.redriving.hidden = !sources.length;
    this.redriving.disabled = this.purging.disabled = !this.count;
    list(this.messages, messages, ({ id }) => id, shown);
    fill(this.none, [messages.length > 0, sources], () => !messages.length && none(sources));
    this.note.textContent = messages.length === MOST ? `The oldest ${MOST} of ${number(this.count)} are shown.` : "";
  }

  /** Offers the bodies of examples, of `[name, body]` each. */
  offer(examples) {
    this.examples = [["", ""], ...examples];
    this.choice.append(...examples.map(([name]) => h("option", {}, name)));
    this.begin.hidden = !examples.length;
  }

  take() {
    [, this.body.value] = this.examples[this.choice.selectedIndex];
    this.check();
  }

  send() {
    const body = this.body.value;
    const delay = this.delay.valueAsNumber;
    const when = delay ? ` in ${counted(delay, "second")}` : "";
    return this.change({
      title: `Send a message to ${this.name}?`,
      text: `Its consumer receives it${when}, as it does any other message.`,
      action: "Send message",
      path: "queues/send",
      request: { queue: this.name, body, ...(delay && { delay }) },
      done: ({ id }) => `Sent as ${id}.`,
    });
  }

  purge() {
    return this.change({
      title: `Purge ${this.name}?`,
      text: `${counted(this.count, "message")} will be deleted, those in flight included. They cannot be had back.`,
      action: "Purge queue",
      path: "queues/purge",
      request: { queue: this.name },
      done: ({ purged }) => `Deleted ${counted(purged, "message")}.`,
    });
  }

  redrive() {
    const target = this.sources.join(", ");
    return this.change({
      title: `Redrive the dead letters to ${target}?`,
      text: `${counted(this.count, "message")} of ${this.name} will move back to ${target}, whose consumer receives them again.`,
      action: `Redrive ${counted(this.count, "message")}`,
      path: "queues/redrive",
      request: { queue: this.name },
      done: ({ moved }) => `Moved ${counted(moved, "message")} to ${target}.`,
    });
  }

  async change({ path, request, done, ...question }) {
    if (!(await confirm(question))) return;
    try {
      this.say(done(await post(path, request)));
    } catch (error) {
      this.say(wordsOf(error), "error");
    }
    refreshNow();
  }

  say(words, kind = "") {
    this.answer.className = `answer ${kind}`;
    this.answer.textContent = words;
  }
}

/** The bodies of messages in those example events that `queue` sends to a function. */
function examplesOf(events, queue) {
  return events.flatMap(({ name, body }) => {
    const records = membersOf(body).Records ?? [];
    return records.filter(({ eventSourceARN }) => eventSourceARN?.endsWith(`:${queue}`)).map((record) => [name, record.body]);
  });
}

function facts(queue, dead, sources) {
  return [
    h("div", { class: "title" }, h("h1", { class: "mono" }, queue.name)),
    h(
      "dl",
      { class: "facts" },
      fact("Waiting", number(queue.waiting)),
      fact("In flight", number(queue.inFlight)),
      fact("Delayed", number(queue.delayed)),
      dead && fact("Dead letters", letters(dead)),
      sources.length > 0 && fact("Takes the dead letters of", ...sources.flatMap((name, index) => [index ? ", " : "", h("a", { href: at("queues", name) }, name)])),
    ),
  ];
}

function none(sources) {
  if (sources.length) return empty("No dead letters", `A message of ${sources.join(", ")} that its consumer fails to process comes here, with the reason.`);
  return empty("No messages", "A message stays here until its consumer has taken and deleted it, mostly for some milliseconds.");
}

function shown({ id, body, sentAt, state, receives, attributes, reason }) {
  const [status, word] = STATES[state];
  const request = reason?.match(FAILED_REQUEST)?.[1];
  return h(
    "details",
    { class: "message" },
    h(
      "summary",
      {},
      h("span", { class: `badge ${status}` }, word),
      time(sentAt),
      h("span", { class: "note" }, receives ? `received ${receives}×` : "not received"),
      h("code", { class: "preview" }, body),
      reason && h("span", { class: "error" }, reason),
    ),
    h(
      "div",
      { class: "whole" },
      request && h("p", { class: "ways" }, h("a", { href: at("logs", { request }) }, "What the failed delivery logged")),
      block("Body", body),
      block("Message id", id),
      block("Attributes", JSON.stringify(attributes)),
    ),
  );
}
