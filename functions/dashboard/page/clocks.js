// Times, and clocks: elements with the times `data-since`, which count up, or `data-until`, which count down. In milliseconds.

import { h } from "./dom.js";
import { duration, when } from "./format.js";

export const since = (at, name) => h("span", { class: name, "data-since": Date.parse(at) });

export const until = (at) => h("span", { "data-until": Date.parse(at) });

/** Returns a time as the user's clock has it; its title is in UTC. */
export const time = (at) => h("time", { class: "note", datetime: at, title: at }, when(at));

/** Updates the clocks in `element`. */
export function tick(element, now) {
  for (const clock of element.querySelectorAll("[data-since]")) clock.textContent = duration(now - Number(clock.dataset.since));
  for (const clock of element.querySelectorAll("[data-until]")) {
    const left = Number(clock.dataset.until) - now;
    clock.textContent = left > 0 ? `in ${duration(left)}` : "now";
  }
}
