// The slices of a recurring order: market orders of their own.

import { ApiError, Unreachable } from "./api.js";
import { card, fill, h } from "./dom.js";
import { Rows } from "./rows.js";

const SHOWN = 20;

export class Slices {
  #context;
  #parentId;
  #asked = 0;

  constructor(context, parentId) {
    this.#context = context;
    this.#parentId = parentId;
    this.rows = new Rows("Slices", context.market);
    this.notice = h("p", { class: "note" });
    this.element = card("Slices", h("div", { class: "scroll" }, this.rows.element), this.notice);
  }

  /** Shows the newest slices, and reads them when the parent says that there are others. */
  changed() {
    const { store } = this.#context;
    const parent = store.get(this.#parentId);
    if (parent?.type !== "recurring") return;
    const { slicesDone } = parent.terms;
    const known = store.orders.filter(({ parentId }) => parentId === this.#parentId);
    this.rows.show(known.slice(0, SHOWN));
    const more = slicesDone > SHOWN;
    fill(this.notice, [slicesDone, more], () => (!slicesDone ? "None yet." : more && h("a", { href: `#/orders?parentId=${this.#parentId}` }, `All ${slicesDone} slices`)));
    if (known.length < Math.min(slicesDone, SHOWN) && this.#asked < slicesDone) this.#read(slicesDone);
  }

  async #read(slicesDone) {
    this.#asked = slicesDone;
    const { api, store } = this.#context;
    try {
      const { orders } = await api.get("/api/orders", { parentId: this.#parentId, limit: SHOWN });
      for (const order of orders) store.merge(order);
    } catch (error) {
      // The API has already dispatched these errors.
      if (!(error instanceof ApiError || error instanceof Unreachable)) throw error;
      this.#asked = 0;
    }
  }
}
