// Creates elements. Text only becomes text nodes, since the data of executions is not trusted.

function create(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

export const h = (tag, properties = {}, ...children) => create(document.createElement(tag), properties, children);

export const svg = (tag, properties = {}, ...children) =>
  create(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);

/** Shows `items` as the children of `parent`. The element of an unchanged item stays; that of a changed one keeps its focus, or that it is open. */
export function list(parent, items, key, build) {
  const known = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  items.forEach((item, index) => {
    const shown = JSON.stringify(item);
    let element = known.get(key(item));
    if (element?.shown !== shown) {
      const fresh = Object.assign(build(item), { shown });
      fresh.dataset.key = key(item);
      if (element?.open) fresh.open = true;
      const place = focused(element);
      element?.replaceWith(fresh);
      focus(fresh, place);
      element = fresh;
    }
    known.delete(key(item));
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  for (const element of known.values()) element.remove();
}

/** The items with a `key` each for `list`: what `said` returns, and how many before say the same. */
export function numbered(items, said) {
  const seen = new Map();
  return items.map((item) => {
    const same = said(item);
    const before = seen.get(same) ?? 0;
    seen.set(same, before + 1);
    return { ...item, key: `${same} ${before}` };
  });
}

const FOCUSABLE = "a, button, select, summary";

/** Which of the controls in `element` has the focus. */
const focused = (element) => [...(element?.querySelectorAll(FOCUSABLE) ?? [])].indexOf(document.activeElement);
const focus = (element, place) => element.querySelectorAll(FOCUSABLE)[place]?.focus();

/** Fills `element` again if `data` has changed. The focus stays at its place. */
export function fill(element, data, build) {
  const shown = JSON.stringify(data);
  if (element.shown === shown) return;
  element.shown = shown;
  const place = focused(element);
  element.replaceChildren(...[build(data)].flat().filter(Boolean));
  focus(element, place);
}

export function duration(seconds) {
  if (seconds < 0.00005) return "< 0.1 ms";
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export function time(seconds) {
  const at = new Date(seconds * 1000);
  const today = at.toDateString() === new Date().toDateString();
  return h("time", { datetime: at.toISOString(), title: at.toISOString() }, `${today ? "" : `${DATE.format(at)}, `}${CLOCK.format(at)}`);
}

const STATUSES = {
  RUNNING: ["●", "Running"],
  SUCCEEDED: ["✓", "Succeeded"],
  FAILED: ["✕", "Failed"],
  TIMED_OUT: ["◷", "Timed out"],
  ABORTED: ["⊘", "Aborted"],
  CAUGHT: ["!", "Caught error"],
};

export const glyph = (status) => STATUSES[status]?.[0] ?? "";
export const label = (status) => STATUSES[status]?.[1] ?? "Not entered";

export const badge = (status) =>
  h("span", { class: `badge ${status}` }, h("span", { "aria-hidden": "true" }, glyph(status)), label(status));

/** A button that copies `text`, of which it says that it is the `name`. */
export function copy(text, name) {
  const say = (word) => {
    button.textContent = word;
    button.setAttribute("aria-label", `${word} ${name}`);
  };
  const button = h("button", {
    class: "copy",
    click: async () => {
      await navigator.clipboard.writeText(text);
      say("Copied");
      setTimeout(say, 1500, "Copy");
    },
  });
  say("Copy");
  return button;
}
