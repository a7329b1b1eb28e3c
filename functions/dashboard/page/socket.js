// A WebSocket connection that comes back by itself, each time with a fresh ticket.

import { ApiError } from "./api.js";

const PING = 20_000;
const PATIENCE = 8_000;
const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 15_000;

export class Socket extends EventTarget {
  #api;
  #url;
  #socket;
  #timer;
  #failures = 0;
  #stopped = false;

  constructor(api, url) {
    super();
    this.#api = api;
    this.#url = url;
    this.state = "connecting";
  }

  /** Events: `state`, `live` for each new connection, `message` with what came, `malformed` with what is no message. */
  start() {
    addEventListener("online", this.#hurry);
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    removeEventListener("online", this.#hurry);
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #hurry = () => {
    if (this.state === "waiting") this.#connect();
  };

  async #connect() {
    clearTimeout(this.#timer);
    this.#become("connecting");
    try {
      const { ticket } = await this.#api.post("/api/ws-ticket", {});
      if (!this.#stopped) this.#open(`${this.#url}?ticket=${encodeURIComponent(ticket)}`);
    } catch (error) {
      // A key that is refused is refused again.
      if (!(error instanceof ApiError && error.status === 401)) this.#wait();
    }
  }

  #open(url) {
    const socket = new WebSocket(url);
    this.#socket = socket;
    const lost = () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      socket.close();
      this.#wait();
    };
    socket.onclose = lost;
    socket.onopen = () => {
      this.#become("live");
      this.dispatchEvent(new CustomEvent("live"));
      this.#ping(lost);
    };
    socket.onmessage = ({ data }) => {
      // Only what works for a while counts as recovered: a server that hangs up at once is not asked ever faster.
      this.#failures = 0;
      this.#ping(lost);
      this.#receive(data);
    };
    this.#timer = setTimeout(lost, PATIENCE);
  }

  /** A connection may die without a word. */
  #ping(lost) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.send({ action: "ping" });
      this.#timer = setTimeout(lost, PATIENCE);
    }, PING);
  }

  #receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      message = null;
    }
    const known = message !== null && typeof message === "object";
    this.dispatchEvent(new CustomEvent(known ? "message" : "malformed", { detail: known ? message : text }));
  }

  #wait() {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    // Full jitter: many pages that lost one server do not all come back at once.
    const pause = 100 + Math.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures);
    this.#failures += 1;
    this.#become("waiting");
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state"));
  }
}
