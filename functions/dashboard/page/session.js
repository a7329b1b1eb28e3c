// The API key, which is stored in this tab's sessionStorage only.

const STORAGE_KEY = "order-engine-key";
const KEY = /^oee_[\w-]{43}$/;

export const isKey = (text) => KEY.test(text);

/** Returns the key of this session. A key in the address, after `#key=`, starts a session and is removed from there. */
export function current() {
  const match = /^#key=(.*)$/.exec(location.hash);
  if (match) {
    history.replaceState(null, "", `${location.pathname}${location.search}`);
    // A link must not replace the key of a signed-in user.
    if (isKey(match[1]) && !sessionStorage.getItem(STORAGE_KEY)) begin(match[1]);
  }
  return sessionStorage.getItem(STORAGE_KEY);
}

export const begin = (key) => sessionStorage.setItem(STORAGE_KEY, key);

export const end = () => sessionStorage.removeItem(STORAGE_KEY);
