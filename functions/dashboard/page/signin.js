// Signing in with an API key.

import { h } from "./dom.js";
import { isKey } from "./session.js";

/** Returns the sign-in form. It calls `enter` with a key; `refused` shows that the last key was not accepted. */
export function signIn(enter, refused) {
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
    refused && h("div", { class: "problem", role: "alert" }, h("strong", {}, "This key is not accepted"), h("p", {}, "It does not exist, was revoked, or has expired. Sign in with another key.")),
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
