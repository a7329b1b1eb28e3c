// Submits orders so that each is taken once: a repeat of an order with an unknown result keeps its key and its body.

import { transient } from "./api.js";

const ATTEMPTS = 3;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Submission {
  #api;
  #intent;

  constructor(api) {
    this.#api = api;
    this.sending = false;
  }

  /** Returns whether the order with this text would be a repeat. */
  repeats = (text) => this.#intent?.text === text;

  /** Returns whether the last order may or may not have been accepted. */
  get uncertain() {
    return this.#intent?.uncertain ?? false;
  }

  /** Forgets the last order once the user has changed the form. `text` is what the form contains. */
  edited(text) {
    if (!this.sending && !this.repeats(text)) this.#intent = undefined;
  }

  /** Submits the order with this text and returns it as accepted; `build` returns its body, also later. Throws its and the API's errors. */
  async send(text, build) {
    this.sending = true;
    try {
      if (!this.repeats(text)) this.#intent = { text, key: newKey(), body: await build(), uncertain: false };
      const order = await this.#post(this.#intent);
      this.#intent = undefined;
      return order;
    } catch (error) {
      if (transient(error)) this.#intent.uncertain = true;
      else this.#intent = undefined;
      throw error;
    } finally {
      this.sending = false;
    }
  }

  async #post({ body, key }) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#api.post("/api/orders/execute", body, { "Idempotency-Key": key });
      } catch (error) {
        if (attempt === ATTEMPTS || !transient(error)) throw error;
        await pause(Math.random() * 500 * 2 ** attempt);
      }
    }
  }
}

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
