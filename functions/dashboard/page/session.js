// The API key, which is stored in this tab's sessionStorage only.

const STORAGE_KEY = "order-engine-key";
const KEY = /^oee_[\w-]{43}$/;

export const isKey = (text) => KEY.test(text);

/**
 * Returns the key of this session, and whether there is none because the link has only a part of one: `{key, broken}`. A
 * key in the address, after `#key=`, starts a session and is removed from there. A page may follow it: `#key=…/orders`.
 */
export function current() {
  const link = /^#key\b=?([^/]*)(.*)$/.exec(location.hash);
  if (link) {
    history.replaceState(null, "", `${location.pathname}${location.search}${link[2] && `#${link[2]}`}`);
    // A link must not replace the key of a signed-in user.
    if (isKey(link[1]) && !sessionStorage.getItem(STORAGE_KEY)) begin(link[1]);
  }
  const key = sessionStorage.getItem(STORAGE_KEY);
  return { key, broken: Boolean(link) && !key };
}

export const begin = (key) => sessionStorage.setItem(STORAGE_KEY, key);

export const end = () => sessionStorage.removeItem(STORAGE_KEY);
