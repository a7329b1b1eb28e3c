// The fields of an order's terms, in the order form and where an open order is edited.

import { fill, h } from "./dom.js";
import { Expiry, instant } from "./expiry.js";
import { distance, token } from "./format.js";
import { placeFor } from "./problems.js";

const SECONDS = { 1: "seconds", 60: "minutes", 3600: "hours", 86400: "days" };

export class Terms {
  #parts;

  /** `texts` are the fields' first texts by name, also `expiresAt`. Ids start with `prefix`. */
  constructor(specs, texts, { prefix = "", expires = "" } = {}) {
    this.#parts = Object.fromEntries(specs.map((spec) => [spec.name, new Part(spec, texts[spec.name], prefix)]));
    this.expiry = new Expiry(`${prefix}expiry`, texts.expiresAt ?? String(expires));
    this.places = { ...this.#parts, expiresAt: this.expiry.place };
    this.element = h("div", { class: "terms" }, Object.values(this.#parts).map(({ element }) => element), this.expiry.element);
  }

  /** Returns what the fields contain, by name. */
  get texts() {
    return { ...Object.fromEntries(Object.entries(this.#parts).map(([name, { text }]) => [name, text])), expiresAt: this.expiry.text };
  }

  /** Returns the terms as the API takes them, without those that are empty. */
  body(now) {
    const values = Object.entries(this.#parts).map(([name, { value }]) => [name, value]);
    return { ...Object.fromEntries(values.filter(([, value]) => value !== "")), expiresAt: this.expiry.at(now) };
  }

  /** Returns what is missing in words, such as `limit price`, or undefined. */
  get missing() {
    const spec = Object.values(this.#parts).find(({ spec, value }) => !spec.optional && spec.kind !== "check" && value === "")?.spec;
    return spec && (spec.noun ?? spec.label.toLowerCase());
  }

  /** Returns the problem that the engine cannot report: a date without its time. */
  problems(now) {
    return this.expiry.at(now) === undefined ? [{ field: "expiresAt", message: "enter a date and a time" }] : [];
  }

  /** Keeps the prices as they are: an order that is submitted again must be the same. */
  settle() {
    for (const part of Object.values(this.#parts)) part.typed = true;
  }

  /** Shows the units of an order for these tokens, and how far its prices are from the market's, if that is known. */
  priced(tokens, market) {
    for (const part of Object.values(this.#parts)) part.priced(tokens, market);
  }
}

/** One field. A price that the user has not typed starts at its distance from the market's. */
class Part {
  constructor(spec, text, prefix) {
    this.spec = spec;
    const id = prefix + spec.name;
    const { label, kind, optional, help, value = "" } = spec;
    const [number, scale] = (text ?? value).split(" ");
    if (kind === "check") this.input = h("input", { type: "checkbox", id, checked: text === "yes" });
    else if (kind === "date") this.input = h("input", { type: "datetime-local", id, step: 1, value: text });
    else this.input = h("input", { id, inputmode: kind === "price" || kind === "amount" ? "decimal" : "numeric", autocomplete: "off", maxlength: 60, value: number });
    this.scale = kind === "interval" && h("select", { "aria-label": "Unit of the interval" }, Object.entries(SECONDS).map(([one, name]) => h("option", { value: one, selected: one === scale }, name)));
    this.typed = Boolean(text);
    this.input.addEventListener("input", () => (this.typed = true));
    this.unit = h("span", { class: "suffix" });
    this.note = h("p", { class: "note", id: `${id}-note` }, help);
    Object.assign(this, placeFor(id, this.input, this.note.id));
    const name = h("label", { for: id }, label, optional && h("span", { class: "note" }, " optional"));
    this.element =
      kind === "check"
        ? h("div", { class: "field wide" }, h("label", { class: "check" }, this.input, label), this.error)
        : h("div", { class: "field" }, name, h("div", { class: "line" }, this.input, this.scale, this.unit), this.note, this.error);
  }

  get text() {
    if (this.spec.kind === "check") return this.input.checked ? "yes" : "";
    const text = this.input.value.trim();
    return this.scale && text ? `${text} ${this.scale.value}` : text;
  }

  /** Returns the text as the API takes it. */
  get value() {
    const text = this.input.value.trim();
    switch (this.spec.kind) {
      case "check":
        return this.input.checked || "";
      case "date":
        return instant(text) ?? text;
      case "interval":
        return number(text, Number(this.scale.value));
      case "whole":
        return number(text, 1);
      default:
        return text;
    }
  }

  priced({ tokenIn, tokenOut }, market) {
    const { kind, times, side, wrong, inverse, out, help } = this.spec;
    if (kind === "amount") this.unit.textContent = token(out ? tokenOut : tokenIn);
    if (kind !== "price") return;
    this.#begin(`${tokenIn} ${tokenOut}`);
    this.unit.textContent = token(inverse ? tokenIn : tokenOut);
    const begins = !this.input.value && !this.typed && document.activeElement !== this.input;
    if (times && market && begins) this.input.value = Number((Number(market) * times).toPrecision(4));
    const wanted = Number(this.input.value);
    const known = market && wanted > 0 && !inverse;
    const warned = known && side && (wanted - Number(market)) * side <= 0;
    fill(this.note, known && [this.input.value, market], () => (known ? `${distance(this.input.value, market)}${warned ? `: ${wrong}` : ""}` : help));
    this.note.classList.toggle("warned", Boolean(warned));
  }

  /** Empties a price when it was for other tokens. */
  #begin(tokens) {
    if (this.tokens && this.tokens !== tokens) {
      this.input.value = "";
      this.typed = false;
    }
    this.tokens = tokens;
  }
}

/** Returns a whole number times `scale`. Another text stays, for the engine to refuse. */
const number = (text, scale) => (/^\d{1,9}$/.test(text) ? Number(text) * scale : text);
