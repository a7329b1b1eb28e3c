// Signing in with an API key.

import { h, problem } from "./dom.js";
import { isKey } from "./session.js";

const PROBLEMS = {
  refused: ["This key is not accepted", "It does not exist, was revoked, or has expired. Sign in with another key."],
  broken: ["This sign-in link is not complete", "A part of its key is missing or was changed, as when a line is cut while copying. Open the whole link again, or enter the key here."],
};

/** Returns the sign-in form. It calls `enter` with a key; `why` is what was wrong with the last one: `refused` or `broken`. */
export function signIn(enter, why) {
  const error = h("p", { class: "field-error", id: "key-error", role: "alert" });
  const field = h("input", { id: "api-key", name: "key", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "oee_…", "aria-describedby": "key-error key-help" });
  const show = h("button", { type: "button", class: "quiet", "aria-pressed": "false", click: () => reveal(field.type === "password") }, "Show");
  function reveal(yes) {
    field.type = yes ? "text" : "password";
    show.textContent = yes ? "Hide" : "Show";
    show.setAttribute("aria-pressed", String(yes));
  }
  function submit(event) {
    event.preventDefault();
    const key = field.value.trim();
    if (isKey(key)) return enter(key);
    field.setAttribute("aria-invalid", "true");
    error.textContent = key ? "Expected oee_ and 43 letters, digits, - or _" : "Enter an API key";
    return field.focus();
  }
  return h(
    "div",
    { class: "sign-in" },
    h("h1", {}, "Sign in"),
    h("p", { class: "note" }, "Your API key shows your orders and, unless it only reads, lets you submit new ones."),
    why && problem(...PROBLEMS[why]),
    h(
      "form",
      { class: "card", novalidate: true, "aria-label": "Sign in", submit },
      h("label", { for: "api-key" }, "API key"),
      h("div", { class: "line" }, field, show),
      error,
      h("button", { type: "submit", class: "primary" }, "Sign in"),
      h("p", { class: "note", id: "key-help" }, "The key stays in this tab until you close it or sign out. On your own machine ", h("code", {}, "make run"), " prints a link that signs you in. Elsewhere, ask the engine's operator for a key."),
    ),
  );
}
