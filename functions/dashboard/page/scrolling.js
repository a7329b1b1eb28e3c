// Where each entry of the browser's history was scrolled to, in this tab's sessionStorage: it is shown there again.

const place = () => history.state?.entry && `scrolled-${history.state.entry}`;

/** Returns the state of a new entry. */
export const entry = (more) => ({ ...more, entry: performance.timeOrigin + performance.now() });

/** Begins to store the places. */
export function keepPlaces() {
  history.scrollRestoration = "manual";
  // An entry has no place before it is shown.
  addEventListener("scroll", () => place() && sessionStorage.setItem(place(), scrollY));
}

/** Scrolls to where this entry was left, also once its content is `ready`. */
export async function scrolled(ready) {
  if (!place()) history.replaceState(entry(history.state), "");
  const here = place();
  const top = Number(sessionStorage.getItem(here));
  scrollTo(0, top);
  await ready;
  if (top && place() === here) scrollTo(0, top);
}
