// Starts an execution with an input.

import { buttons, dialog } from "./confirm.js";
import { h } from "./dom.js";
import { indented } from "./json.js";
import { at, post, wordsOf } from "./page.js";

/** Asks for the input of a new execution of the `machine`, starts it, and goes to its page. */
export function start(machine, input = "{}") {
  const name = h("input", { type: "text", maxlength: 80, autocomplete: "off", spellcheck: "false" });
  const text = h("textarea", { rows: 14, spellcheck: "false", autocomplete: "off", input: check });
  text.value = indented(input);
  const wrong = h("p", { class: "error", role: "alert" });
  const go = h("button", { class: "button primary", click: begin }, "Start execution");
  const asked = dialog(
    `Start an execution of ${machine}`,
    h("label", {}, "Input, as JSON", text),
    h("label", {}, "Name (made up if empty)", name),
    wrong,
    buttons(go),
  );
  asked.classList.add("wide");
  text.setSelectionRange(0, 0);
  text.focus();

  function check() {
    wrong.textContent = mistake(text.value);
    go.disabled = wrong.textContent !== "";
  }

  async function begin() {
    go.disabled = true;
    try {
      const { arn } = await post("executions/start", { machine, input: text.value, name: name.value.trim() || undefined });
      asked.close();
      location.hash = at("executions", arn);
    } catch (error) {
      wrong.textContent = wordsOf(error);
      go.disabled = false;
    }
  }
}

function mistake(text) {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `Expected JSON: ${error.message}`;
  }
}
