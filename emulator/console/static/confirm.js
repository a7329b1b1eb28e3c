// Dialogs: one that asks before something is changed that cannot be changed back, and those that ask for more.

import { h } from "./dom.js";

/**
 * Shows `title` and `text` with a button named after the `action`, such as "Purge queue". Returns whether it was chosen;
 * Escape and "Go back" do not choose it.
 */
export async function confirm({ title, text, action }) {
  const choose = h("button", { class: "button primary", click: () => asked.close("chosen") }, action);
  const asked = dialog(title, h("p", {}, text), buttons(choose));
  return (await asked.closed) === "chosen";
}

/** Shows a dialog; `closed` is a promise of the text with which it is closed, which is empty if one leaves it. */
export function dialog(title, ...content) {
  const element = h("dialog", { "aria-label": title }, h("h2", {}, title), content);
  document.body.append(element);
  element.showModal();
  element.closed = new Promise((resolve) => {
    element.addEventListener("close", () => {
      element.remove();
      resolve(element.returnValue);
    });
  });
  return element;
}

/** The buttons of a dialog: one that leaves it, which has the focus first, and another one. */
export function buttons(action) {
  const leave = h("button", { class: "button", autofocus: true, click: () => leave.closest("dialog").close() }, "Go back");
  return h("div", { class: "buttons" }, leave, action);
}
