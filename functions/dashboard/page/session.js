// The API key: in this tab's sessionStorage, and nowhere else.

const STORED = "order-engine-key";
const KEY = /^oee_[\w-]{43}$/;

export const isKey = (text) => KEY.test(text);

/** The key of this session. One in the address, behind `#key=`, begins a session, and is removed from the address. */
export function current() {
  const match = /^#key=(.*)$/.exec(location.hash);
  if (match) {
    history.replaceState(null, "", `${location.pathname}${location.search}`);
    // Nobody is signed out, and signed in as somebody else, by a link.
    if (isKey(match[1]) && !sessionStorage.getItem(STORED)) begin(match[1]);
  }
  return sessionStorage.getItem(STORED);
}

export const begin = (key) => sessionStorage.setItem(STORED, key);

export const end = () => sessionStorage.removeItem(STORED);
