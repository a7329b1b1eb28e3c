// Asks before something is changed that cannot be changed back.

import { h } from "./dom.js";

/**
 * Shows `title` and `text`, and whatever else explains what is lost, with a button named after the `action`, such as "Purge queue".
 * Returns whether it was chosen; Escape and "Go back" do not choose it.
 */
export function confirm({ title, text, action }) {
  const dialog = h(
    "dialog",
    { class: "confirm", "aria-labelledby": "confirm-title" },
    h("h2", { id: "confirm-title" }, title),
    h("p", {}, text),
    h(
      "div",
      { class: "buttons" },
      h("button", { class: "button", autofocus: true, click: () => dialog.close() }, "Go back"),
      h("button", { class: "button primary", click: () => dialog.close("chosen") }, action),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "chosen");
    });
  });
}
