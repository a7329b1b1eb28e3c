// Problems with fields, each shown at its field.

import { fill, h } from "./dom.js";
import { asked, details } from "./errors.js";
import { sentence } from "./format.js";

/** Shows each problem at its field: `places` is `{field: {input, error, message}}`. Returns the problems of other fields. */
export function showProblems(places, problems) {
  for (const [field, { input, error, message }] of Object.entries(places)) {
    const texts = problems.filter((problem) => problem.field === field).map((problem) => problem.message);
    fill(error, texts, () => {
      message.textContent = texts.map((text) => sentence(asked(text))).join("; ");
      return [message, texts.some((text) => asked(text) !== text) && details(texts.join("; "))];
    });
    if (texts.length) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
  }
  return problems.filter(({ field }) => !(field in places));
}

/** Returns where a field's problems are shown, and lets the field name it. */
export function placeFor(id, input, ...described) {
  const message = h("p", { id: `${id}-error` });
  input?.setAttribute("aria-describedby", [message.id, ...described].join(" "));
  return { input, error: h("div", { class: "field-error" }, message), message };
}
