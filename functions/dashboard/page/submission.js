// Submits orders so that each is taken once: a repeat of an order with an unknown result keeps its key and its body.

import { transient } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

/** The user has stopped waiting for the engine, which may have accepted the order. */
export class Unanswered extends Error {}

/** Outlives the page with the form. Events: `changed` when it begins to wait, and `accepted` with an order or `refused` with an error. */
export class Submission extends EventTarget {
  #api;
  #intent;

  constructor(api) {
    super();
    this.#api = api;
    /** The order that is being sent: a promise of it as accepted. */
    this.sent = undefined;
    /** Ends the wait for an engine that has not answered, and is asked until it does. */
    this.stop = undefined;
    addEventListener("beforeunload", (event) => this.stop && event.preventDefault());
  }

  /** Returns whether the order with this text would be a repeat. */
  repeats = (text) => this.#intent?.text === text;

  /** Forgets the last order once the user has changed the form. `text` is what the form contains. */
  edited(text) {
    if (!this.sent && !this.repeats(text)) this.#intent = undefined;
  }

  /**
   * Submits the order with this text and returns it as accepted; `build` returns its body, also later. Repeats it until the
   * engine answers. Throws Unanswered, and the errors of `build` and of the API.
   */
  send(text, build) {
    this.sent = this.#send(text, build);
    return this.sent;
  }

  async #send(text, build) {
    try {
      if (!this.repeats(text)) this.#intent = { text, key: newKey(), body: await build() };
      const order = await this.#post(this.#intent);
      this.#settled(undefined, "accepted", order);
      return order;
    } catch (error) {
      this.#settled(error instanceof Unanswered ? this.#intent : undefined, "refused", error);
      throw error;
    }
  }

  #settled(intent, name, detail) {
    this.#intent = intent;
    this.sent = this.stop = undefined;
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  async #post({ body, key }) {
    const { promise: stopped, reject } = Promise.withResolvers();
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await Promise.race([stopped, this.#api.post("/api/orders/execute", body, { "Idempotency-Key": key })]);
      } catch (error) {
        if (!transient(error)) throw error;
        if (!this.stop) {
          this.stop = () => reject(new Unanswered(error.message));
          this.dispatchEvent(new CustomEvent("changed"));
        }
        await Promise.race([stopped, passed(pause * (1 - Math.random() / 2))]);
      }
    }
  }
}

const passed = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
