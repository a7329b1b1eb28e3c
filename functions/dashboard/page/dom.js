// Elements and their contents. Text becomes text nodes only, because the engine's data is not trusted.

/** Returns an element. A function among the properties listens to the event of that name; false and null are skipped. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== undefined && child !== null && child !== false && child !== ""));
  return element;
}

/** Shows `items` as the children of `parent`. The element of an unchanged item stays, with its focus. */
export function list(parent, items, key, build) {
  const known = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  items.forEach((item, index) => {
    const shown = JSON.stringify(item);
    let element = known.get(key(item));
    if (element?.shown !== shown) {
      const fresh = Object.assign(build(item), { shown });
      fresh.dataset.key = key(item);
      const focused = element?.contains(document.activeElement) && document.activeElement.className;
      element?.replaceWith(fresh);
      if (typeof focused === "string") (fresh.querySelector(focused ? `.${focused.split(" ").join(".")}` : "a") ?? fresh.querySelector("a"))?.focus();
      element = fresh;
    }
    known.delete(key(item));
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  for (const element of known.values()) element.remove();
}

const FOCUSABLE = "a[href], button, summary";

/** Fills `element` again if `data` has changed. The focus stays at its place. */
export function fill(element, data, build) {
  const shown = JSON.stringify(data);
  if (element.shown === shown) return;
  element.shown = shown;
  const focused = [...element.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  element.replaceChildren(...[build(data)].flat(9).filter(Boolean));
  element.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
}

const STATUSES = {
  open: "◷",
  pending: "◌",
  routing: "⇄",
  building: "◧",
  submitted: "↗",
  confirmed: "✓",
  failed: "✕",
  cancelled: "⊘",
  expired: "◕",
};

export const glyph = (status) => h("span", { class: "glyph", "aria-hidden": "true" }, STATUSES[status] ?? "?");

export const badge = (status) => h("span", { class: `badge ${status}` }, glyph(status), title(status));

export const title = (word) => word[0].toUpperCase() + word.slice(1);

export const card = (name, ...content) => h("section", { class: "card", "aria-label": name }, h("h2", {}, name), ...content);

export const empty = (heading, ...text) => h("div", { class: "empty" }, h("h2", {}, heading), text.length > 0 && h("p", {}, ...text));

export const problem = (heading, ...text) =>
  h("div", { class: "problem", role: "alert" }, h("strong", {}, heading), text.length > 0 && h("p", {}, ...text));

/** Shows a dialog on the page, and removes it once it is closed. */
export function modal(heading, ...content) {
  const element = h("dialog", { class: "card modal", "aria-label": heading, close: () => element.remove() }, h("h2", {}, heading), ...content);
  document.getElementById("main").append(element);
  element.showModal();
  return element;
}

/** Asks before what cannot be undone. Returns whether the user has chosen `action`, which says what is done. */
export function confirm(heading, action, keep, ...content) {
  const agree = h("button", { type: "button", class: "danger", click: () => dialog.close(action) }, action);
  const leave = h("button", { type: "button", autofocus: true, click: () => dialog.close() }, keep);
  const dialog = modal(heading, ...content, h("div", { class: "buttons" }, agree, leave));
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === action)));
}

export const facts = (pairs) =>
  h("dl", { class: "facts" }, Object.entries(pairs).filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

/** Returns a table whose cells carry their column's name, so that a narrow screen can show each row as a card. */
export function table(name, columns, rows) {
  return h(
    "table",
    { "aria-label": name },
    h("thead", {}, h("tr", {}, columns.map(({ label, number }) => h("th", { scope: "col", class: number && "number" }, label)))),
    h("tbody", {}, rows.map((row) => h("tr", { class: row.class }, columns.map((column) => cell(column, row))))),
  );
}

/** Returns a cell. It says nothing new if it shows what is `usual` in its column. */
export function cell({ label, number, usual = "–", show }, row) {
  const content = show(row);
  return h("td", { "data-label": label, class: [number && "number", content === usual && "usual"].filter(Boolean).join(" ") || null }, content);
}

/** Returns a link to a page of others, which opens in a new tab, or the content alone if there is no address. */
export const outside = (href, ...content) =>
  href ? h("a", { href, target: "_blank", rel: "noopener" }, content, h("span", { class: "out", "aria-hidden": "true" }, "↗"), h("span", { class: "visually-hidden" }, " (opens in a new tab)")) : content;

/** Returns a text, or `shown` in its place, with a button that copies it, and a link if there is an address for it. */
export function copyable(text, href, shown = text) {
  const button = h("button", { class: "copy quiet", type: "button", "aria-label": `Copy ${text}`, click: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
  return h("span", { class: "copyable" }, outside(href, h("code", { title: shown === text ? null : text }, shown)), button);
}
