// Records of the functions' logs: one line each, which opens to the whole record.

import { copy, h, list, numbered } from "./dom.js";
import { readable } from "./json.js";
import { at, number } from "./page.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
const NEAR = 24; // px
const KEPT = 2000; // records

/** A list of records, the newest last. It follows the newest until one scrolls up, opens a record, or presses "Follow". */
export class Records {
  constructor() {
    this.items = [];
    this.following = true;
    this.element = h("div", { class: "records", role: "log", "aria-live": "off", "aria-label": "Records", tabindex: 0, scroll: () => this.follow(this.atEnd()) });
    this.fresh = h("span", { class: "count" });
    this.button = h("button", { class: "filter", "aria-pressed": "true", click: () => this.follow(!this.following) }, "Follow", this.fresh);
  }

  show(records) {
    const items = numbered(records, ({ function: name, at: when, text }) => `${name} ${when} ${text}`);
    const keys = new Set(items.map(({ key }) => key));
    // What one reads stays, though newer records have taken its place in the answer.
    const kept = this.following ? [] : this.items.filter(({ key }) => !keys.has(key));
    this.items = [...kept, ...items].slice(-KEPT);
    const [top] = this.element.children;
    const before = top?.getBoundingClientRect().top;
    list(this.element, this.items, ({ key }) => key, row(this));
    if (this.following) this.end();
    else if (top?.isConnected) this.element.scrollTop += top.getBoundingClientRect().top - before;
    this.count();
  }

  follow(following) {
    if (following === this.following) return;
    this.following = following;
    this.last = this.items.at(-1)?.key;
    this.button.setAttribute("aria-pressed", String(following));
    if (following) this.end();
    this.count();
  }

  count() {
    const after = this.following ? 0 : this.items.length - 1 - this.items.findLastIndex(({ key }) => key === this.last);
    this.fresh.textContent = after ? ` ${number(after)} new` : "";
  }

  end() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  atEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    return scrollTop + clientHeight > scrollHeight - NEAR;
  }
}

const row = (records) => (record) => {
  const element = h(
    "details",
    {
      class: `record ${record.level}`,
      toggle: () => {
        if (!element.open) return;
        records.follow(false);
        if (element.children.length === 1) element.append(whole(record));
      },
    },
    h(
      "summary",
      {},
      clock(record.at),
      h("span", { class: "level" }, record.level),
      h("span", { class: "from" }, record.function),
      h("span", { class: "of", title: record.requestId }, record.requestId.slice(0, 8)),
      h("span", { class: "message" }, said(record)),
    ),
  );
  return element;
};

/** What Lambda's own lines say besides the request's id, which stands beside them. */
const said = ({ message, text, requestId }) => (message || text).replace(`RequestId: ${requestId}`, "");

function whole({ requestId, orderId, text }) {
  return h(
    "div",
    { class: "whole" },
    h(
      "p",
      { class: "ways" },
      requestId && h("a", { href: at("logs", { request: requestId }) }, "Only this request"),
      orderId && h("a", { href: at("logs", { order: orderId }) }, "Only this order"),
      orderId && h("a", { href: at("executions", { find: orderId }) }, "Executions of this order"),
      copy(text, "record"),
    ),
    readable(text),
  );
}

function clock(seconds) {
  if (seconds === null) return h("span", {}, "–");
  const date = new Date(seconds * 1000);
  return h("time", { datetime: date.toISOString(), title: date.toISOString() }, CLOCK.format(date));
}
