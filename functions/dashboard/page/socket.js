// A WebSocket connection that reconnects by itself, each time with a new ticket.

import { ApiError } from "./api.js";

const PING_MS = 20_000;
const TIMEOUT_MS = 8_000;
const FIRST_PAUSE_MS = 400;
const MAX_PAUSE_MS = 15_000;

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

  /** Connects. Events: `state`, `live` for each new connection, `message`, `malformed` with the text. */
  start() {
    addEventListener("online", this.#connectNow);
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    removeEventListener("online", this.#connectNow);
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connectNow = () => {
    if (this.state === "waiting") this.#connect();
  };

  async #connect() {
    clearTimeout(this.#timer);
    this.#become("connecting");
    try {
      const { ticket } = await this.#api.post("/api/ws-ticket", {});
      if (!this.#stopped) this.#open(`${this.#url}?ticket=${encodeURIComponent(ticket)}`);
    } catch (error) {
      // A refused key would be refused again.
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
      // Only a message resets the pause: otherwise a server that closes at once would be called ever faster.
      this.#failures = 0;
      this.#ping(lost);
      this.#receive(data);
    };
    this.#timer = setTimeout(lost, TIMEOUT_MS);
  }

  /** Sends a ping after a silence, because a connection may break without a close event. */
  #ping(lost) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.send({ action: "ping" });
      this.#timer = setTimeout(lost, TIMEOUT_MS);
    }, PING_MS);
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
    // Full jitter, so that pages that lost the same server do not all reconnect at once.
    const pause = 100 + Math.random() * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#become("waiting");
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state"));
  }
}
