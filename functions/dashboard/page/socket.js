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

  /**
   * Connects. Events: `state`, `live` for each new connection, `message`, `malformed`. After a malformed message,
   * such as API Gateway's own "Internal server error", it reconnects.
   */
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

  /** Replaces the connection, because it has lost a message. */
  reconnect() {
    this.#lose(this.#socket);
  }

  #connectNow = () => {
    if (this.state === "waiting") this.#connect();
  };

  async #connect() {
    clearTimeout(this.#timer);
    this.#become("connecting");
    try {
      const { ticket, scope } = await this.#api.post("/api/ws-ticket", {});
      this.#api.scope = scope;
      if (!this.#stopped) this.#open(`${this.#url}?ticket=${encodeURIComponent(ticket)}`);
    } catch (error) {
      // A refused key would be refused again.
      if (!(error instanceof ApiError && error.status === 401)) this.#wait();
    }
  }

  #open(url) {
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onclose = () => this.#lose(socket);
    socket.onopen = () => {
      this.#become("live");
      this.dispatchEvent(new CustomEvent("live"));
      this.#ping(socket);
    };
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#receive(socket, data);
    };
    this.#timer = setTimeout(() => this.#lose(socket), TIMEOUT_MS);
  }

  #lose(socket) {
    if (socket === undefined || this.#socket !== socket) return;
    this.#socket = undefined;
    socket.close();
    this.#wait();
  }

  /** Sends a ping after a silence, because a connection may break without a close event. */
  #ping(socket) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.send({ action: "ping" });
      this.#timer = setTimeout(() => this.#lose(socket), TIMEOUT_MS);
    }, PING_MS);
  }

  #receive(socket, text) {
    const message = parsed(text);
    if (!isKnown(message)) {
      this.dispatchEvent(new CustomEvent("malformed"));
      this.#lose(socket);
      return;
    }
    // Only a known message resets the pause: otherwise a server that closes at once would be called ever faster.
    this.#failures = 0;
    this.#ping(socket);
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
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

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Returns whether a message is an event, an answer to an action, or an error of the engine's. */
const isKnown = (message) => message !== null && typeof message === "object" && ["orderId", "action", "error"].some((name) => name in message);
