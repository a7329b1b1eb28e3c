// The REST API. Every error is an ApiError with a code, or Unreachable.

const TIMEOUT = 15_000;

export class ApiError extends Error {
  /** `retryAfter` in seconds. */
  constructor(status, { code, message, details = [] }, retryAfter = 1) {
    super(message);
    Object.assign(this, { status, code, details, retryAfter });
  }
}

/** The API did not answer, or not in its own format. The request may have been carried out. */
export class Unreachable extends Error {
  code = "Unreachable";
}

/** Returns whether the same request may succeed a moment later. */
export const transient = (error) => error instanceof Unreachable || (error instanceof ApiError && error.status >= 500);

/** Returns parameters as the end of an address, without the empty ones. */
export function query(parameters) {
  const given = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== undefined && value !== null));
  return given.size ? `?${given}` : "";
}

const json = (body, headers = {}) => ({ body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } });

export class Api extends EventTarget {
  #key;

  constructor(root, key) {
    super();
    this.root = root;
    this.#key = key;
    this.scope = undefined; // of the key, once the feed has a ticket: read, trade or admin
    this.ahead = 0; // milliseconds by which the server's clock is ahead of this one
  }

  get = (path, parameters = {}, signal = undefined) => this.#ask("GET", path + query(parameters), {}, signal);

  post = (path, body, headers = {}) => this.#ask("POST", path, json(body, headers));

  patch = (path, body) => this.#ask("PATCH", path, json(body));

  delete = (path, parameters = {}) => this.#ask("DELETE", path + query(parameters));

  now = () => Date.now() + this.ahead;

  /** Whether the key can only read. A key that is not known yet may do everything: the API refuses what it may not. */
  get readOnly() {
    return this.scope === "read";
  }

  /** Returns the answer. Dispatches `up`, `down` with the error, or `refused` when the key is refused. */
  async #ask(method, path, { headers, body } = {}, signal = undefined) {
    let response, answer;
    try {
      const timeout = AbortSignal.timeout(TIMEOUT);
      response = await fetch(this.root + path, {
        method,
        body,
        headers: { Authorization: `Bearer ${this.#key}`, ...headers },
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        cache: "no-store",
      });
      answer = await response.json();
    } catch (error) {
      if (signal?.aborted) throw error;
      const unreachable = new Unreachable(response ? `The API answered ${response.status} without JSON` : "The API does not answer");
      this.dispatchEvent(new CustomEvent("down", { detail: unreachable }));
      throw unreachable;
    }
    const skew = Date.parse(response.headers.get("Date")) - Date.now();
    this.ahead = Math.abs(skew) > 2000 ? skew : 0;
    if (response.ok) {
      this.dispatchEvent(new CustomEvent("up"));
      return answer;
    }
    const named = answer?.error?.code ? answer.error : { code: `HTTP ${response.status}`, message: answer?.message ?? response.statusText };
    const error = new ApiError(response.status, named, Number(response.headers.get("Retry-After")) || 1);
    if (response.status === 401) this.dispatchEvent(new CustomEvent("refused"));
    this.dispatchEvent(new CustomEvent(response.status >= 500 ? "down" : "up", { detail: error }));
    throw error;
  }
}
