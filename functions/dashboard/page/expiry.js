// The field that says until when an order waits.

import { h } from "./dom.js";
import { placeFor } from "./problems.js";

/** How long an order can wait, by the seconds. */
export const CHOICES = { "": "Until cancelled", 3600: "1 hour", 86400: "1 day", 604800: "7 days", 2592000: "30 days", date: "Until a date" };

/** Returns a time as the text of a field for the local date and time. */
export function localTime(at) {
  const time = new Date(at);
  return new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Returns the time of such a text as RFC 3339 in UTC, or undefined if it is not one. */
export function instant(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

export class Expiry {
  /** `text` is one of the choices, or a local date and time. */
  constructor(id, text = "") {
    this.choice = h("select", { id }, Object.entries(CHOICES).map(([value, label]) => h("option", { value }, label)));
    this.date = h("input", { type: "datetime-local", name: "expiresAt", step: 1, "aria-label": "Date and time of its end" });
    this.place = placeFor(id, this.choice);
    this.element = h("div", { class: "field wide", input: () => this.#show() }, h("label", { for: id }, "Waits"), h("div", { class: "line" }, this.choice, this.date), this.place.error);
    this.text = text;
  }

  get text() {
    return this.choice.value === "date" ? this.date.value : this.choice.value;
  }

  set text(text) {
    this.choice.value = text in CHOICES ? text : "date";
    this.date.value = text in CHOICES ? "" : text;
    this.#show();
  }

  /** Returns the end as the API takes it: null for none, undefined for a date that is not complete. */
  at(now) {
    if (this.choice.value === "") return null;
    return this.choice.value === "date" ? instant(this.date.value) : new Date(now + Number(this.choice.value) * 1000).toISOString();
  }

  #show() {
    this.date.hidden = this.choice.value !== "date";
  }
}
