// The order form. The engine validates the input, and the form shows each of its messages at its field.

import { ApiError, transient } from "./api.js";
import { fill, h, problem } from "./dom.js";
import { engine } from "./engine.js";
import { brief, percent, sentence } from "./format.js";

const PRESETS = [10, 50, 100];
const ATTEMPTS = 3;
const ANY_BPS = 10_000;
// How far the price impact may pass the one that the user has accepted: prices move.
const IMPACT_MARGIN_BPS = 100;
const SAVED_FIELDS = ["tokenIn", "tokenOut", "amountIn", "slippage"];
const STORAGE_KEY = "order-form";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class OrderForm extends EventTarget {
  #api;
  #live;
  #market;
  #intent;
  #sending = false;
  #blocked = 0;
  #acceptedBps = 0;

  /** Events: `accepted` with the order. */
  constructor(api, live, market) {
    super();
    this.#api = api;
    this.#live = live;
    this.#market = market;
    const saved = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "{}");
    const values = { tokenIn: "SOL", tokenOut: "USDC", amountIn: "1.5", slippage: "0.5", ...saved };
    this.fields = {
      amountIn: h("input", { id: "amountIn", name: "amountIn", inputmode: "decimal", autocomplete: "off", spellcheck: "false", placeholder: "0", maxlength: 60, value: values.amountIn }),
      tokenIn: tokens("tokenIn", values.tokenIn),
      tokenOut: tokens("tokenOut", values.tokenOut),
      slippage: h("input", { id: "slippageBps", name: "slippageBps", inputmode: "decimal", autocomplete: "off", maxlength: 12, value: values.slippage }),
    };
    this.receive = h("output", { class: "receive", for: "amountIn tokenIn tokenOut" });
    this.fixed = h("input", { type: "checkbox", id: "fixed" });
    this.accept = h("input", { type: "checkbox", id: "accept" });
    this.risk = h("span", {});
    this.where = h("p", { class: "where" });
    this.submit = h("button", { type: "submit", class: "primary" });
    this.message = h("div", { class: "outcome", "aria-live": "polite" });
    this.errors = {};
    this.presets = PRESETS.map((bps) => h("button", { type: "button", class: "preset", "data-bps": bps, click: () => this.#set("slippage", String(bps / 100)) }, `${bps / 100} %`));
    this.element = this.#build();
    live.addEventListener("changed", () => this.#priced());
    this.#edited();
    this.changed();
  }

  /** Shows where the order is executed, and offers the tokens that can be swapped there. */
  changed() {
    const { name, realMoney, tokens } = this.#market;
    for (const option of [...this.fields.tokenIn.options, ...this.fields.tokenOut.options]) {
      option.disabled = tokens !== undefined && !tokens.includes(option.value);
    }
    this.where.classList.toggle("warning", realMoney);
    fill(this.where, name, () => (realMoney ? [h("strong", {}, "Real money. "), `The order is executed on ${name}.`] : name && `The order is executed on the market ${name}.`));
  }

  tick() {
    if (this.#blocked && this.#blocked <= Date.now()) {
      this.#blocked = 0;
      this.message.replaceChildren();
    } else if (this.#blocked) {
      this.message.replaceChildren(note(`Too many orders in a minute. You can submit the next one in ${Math.ceil((this.#blocked - Date.now()) / 1000)} s.`));
    }
    this.#enable();
  }

  #build() {
    const { amountIn, tokenIn, tokenOut, slippage } = this.fields;
    const swap = h("button", { type: "button", class: "swap", "aria-label": "Swap the two tokens", title: "Swap the two tokens", click: () => this.#swap() }, "⇅");
    this.acceptance = h("label", { class: "check warning", hidden: true }, this.accept, this.risk);
    const form = h(
      "form",
      { class: "card order-form", "aria-label": "New order", novalidate: true, submit: (event) => this.#submitted(event), input: () => this.#edited(), change: () => this.#edited() },
      h("h2", {}, "New order"),
      h("div", { class: "side" }, h("label", { for: "amountIn" }, "You pay"), h("div", { class: "line" }, amountIn, labelled("Token to pay with", tokenIn)), this.#error("amountIn"), this.#error("tokenIn")),
      swap,
      h("div", { class: "side" }, h("span", { class: "label" }, "You receive"), h("div", { class: "line" }, this.receive, labelled("Token to receive", tokenOut)), this.#error("tokenOut")),
      h(
        "fieldset",
        { class: "slippage" },
        h("legend", {}, "Slippage tolerance"),
        h("div", { class: "line" }, this.presets, h("label", { class: "unit" }, h("span", { class: "visually-hidden" }, "Slippage tolerance in per cent"), slippage, h("span", { "aria-hidden": "true" }, "%"))),
        this.#error("slippageBps"),
      ),
      h("label", { class: "check" }, this.fixed, h("span", {}, "Execute only at this quote")),
      this.#error("quoteId"),
      this.acceptance,
      this.where,
      this.submit,
      this.message,
    );
    return form;
  }

  #error(field) {
    this.errors[field] = h("p", { class: "field-error", id: `${field}-error` });
    return this.errors[field];
  }

  /** Returns the order in the form. */
  #order() {
    const { amountIn, tokenIn, tokenOut } = this.fields;
    return { tokenIn: tokenIn.value, tokenOut: tokenOut.value, amountIn: amountIn.value.trim(), slippageBps: this.#slippage() };
  }

  /** Returns the slippage in basis points, or undefined if the text is not one. */
  #slippage() {
    const match = /^(\d{1,3})(?:\.(\d{1,2}))?$/.exec(this.fields.slippage.value.trim());
    const bps = match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : NaN;
    return bps <= 10_000 ? bps : undefined;
  }

  #set(field, value) {
    this.fields[field].value = value;
    this.#edited();
  }

  #swap() {
    const { tokenIn, tokenOut, amountIn } = this.fields;
    const { quote } = this.#live;
    [tokenIn.value, tokenOut.value] = [tokenOut.value, tokenIn.value];
    if (quote) amountIn.value = quote.amountOut;
    this.#edited();
  }

  #edited() {
    const order = this.#order();
    const typed = Object.fromEntries(SAVED_FIELDS.map((name) => [name, this.fields[name].value]));
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(typed));
    for (const button of this.presets) button.setAttribute("aria-pressed", String(Number(button.dataset.bps) === order.slippageBps));
    const problems = this.#localProblems(order);
    if (!this.#sending && this.#intent?.text !== this.#text(order)) this.#intent = undefined;
    this.#showProblems(problems);
    // Without a limit: the form shows the impact and asks the user to accept it.
    this.#live.want(order.amountIn && !problems.length ? { ...order, maxPriceImpactBps: ANY_BPS } : undefined);
    this.#priced();
  }

  /** Returns problems that the engine cannot report, because it takes whole basis points. */
  #localProblems({ slippageBps }) {
    const slippage = this.fields.slippage.value.trim();
    return slippageBps === undefined ? [{ field: "slippageBps", message: `expected 0 to 100 per cent in steps of 0.01, was ${JSON.stringify(slippage)}` }] : [];
  }

  #priced() {
    const { quote, error } = this.#live;
    this.receive.textContent = quote ? `≈ ${brief(quote.amountOut)}` : "–";
    if (error instanceof ApiError && error.status < 500) this.#showProblems(error.details.length ? error.details : [{ field: "amountIn", message: error.message }]);
    else if (quote) this.#showProblems([]);
    const { amountIn, tokenIn, tokenOut } = this.#order();
    this.#showRisk();
    const shown = /^[\d.]{1,14}$/.test(amountIn) ? `${amountIn} ` : "";
    this.submit.textContent = this.#sending ? "Submitting…" : this.#intent?.uncertain ? "Try again" : this.#quoteless ? "Waiting for a quote…" : `Swap ${shown}${tokenIn} for ${tokenOut}`;
    this.#enable();
  }

  /** Returns whether the order needs a quote that has not come yet. A repeated order keeps its quote. */
  get #quoteless() {
    return this.fixed.checked && !this.#live.quote && !this.#intent;
  }

  /** Returns the price impact in basis points if the order has to allow it, else 0. */
  get #impact() {
    const impact = this.#live.quote?.priceImpactBps ?? 0;
    return impact > engine.maxPriceImpactBps ? impact : 0;
  }

  /** Shows what the user has to accept before the order can be submitted. */
  #showRisk() {
    const risks = [
      this.#impact && `moves the price by ${percent(this.#impact)}`,
      this.#slippage() === ANY_BPS && "may receive any amount, however small",
    ].filter(Boolean);
    this.acceptance.hidden = !risks.length;
    this.risk.textContent = risks.length ? `I accept that this order ${risks.join(" and ")}` : "";
    // Prices move a little while the user decides.
    if (!risks.length || this.#impact > (this.#acceptedBps || this.#impact) + IMPACT_MARGIN_BPS) this.accept.checked = false;
    this.#acceptedBps = this.accept.checked ? this.#acceptedBps || this.#impact : 0;
  }

  #enable() {
    const accepted = this.acceptance.hidden || this.accept.checked;
    this.submit.disabled = this.#sending || this.#blocked > 0 || this.#quoteless || !accepted;
    this.fixed.disabled = !this.#live.quote && !this.fixed.checked;
  }

  /** Shows each message at its field. Returns the problems of other fields. */
  #showProblems(problems) {
    for (const [field, place] of Object.entries(this.errors)) {
      const message = problems.filter((problem) => problem.field === field).map((problem) => problem.message).join("; ");
      if (place.textContent !== sentence(message)) place.textContent = sentence(message);
      const input = this.element?.elements?.[field] ?? null;
      if (message) input?.setAttribute("aria-invalid", "true");
      else input?.removeAttribute("aria-invalid");
      input?.setAttribute("aria-describedby", place.id);
    }
    return problems.filter(({ field }) => !(field in this.errors));
  }

  async #submitted(event) {
    event.preventDefault();
    if (this.submit.disabled) return;
    const order = this.#order();
    const problems = [...this.#localProblems(order), ...(order.amountIn ? [] : [{ field: "amountIn", message: "expected an amount, was nothing" }])];
    if (problems.length) return this.#refused(problems);
    await this.#send(this.#intentFor(order));
  }

  /** Returns what to send. A repeat of an order with an unknown result keeps its key and quote. */
  #intentFor(order) {
    const text = this.#text(order);
    if (this.#intent?.text === text) return this.#intent;
    const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const quote = this.fixed.checked && this.#live.quote ? { quoteId: this.#live.quote.quoteId } : {};
    return { text, key, body: { type: "market", ...order, ...quote, ...this.#accepted(order) }, uncertain: false };
  }

  /** Returns the fields by which an order says what the user has accepted. */
  #accepted({ slippageBps }) {
    return {
      ...(this.#acceptedBps && { maxPriceImpactBps: Math.min(this.#acceptedBps + IMPACT_MARGIN_BPS, ANY_BPS) }),
      ...(slippageBps === ANY_BPS && { allowAnySlippage: true }),
    };
  }

  #text = (order) => JSON.stringify([order, this.fixed.checked]);

  async #send(intent) {
    this.#intent = intent;
    this.#sending = true;
    this.message.replaceChildren();
    this.#priced();
    try {
      const order = await this.#post(intent);
      this.#intent = undefined;
      this.message.replaceChildren(note("Accepted. ", h("a", { href: `#/orders/${order.orderId}` }, "Follow the order")));
      this.dispatchEvent(new CustomEvent("accepted", { detail: order }));
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#sending = false;
      this.#priced();
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

  #failed(error) {
    if (transient(error)) {
      this.#intent.uncertain = true;
      this.message.replaceChildren(
        problem("The order may or may not have been accepted", `${error.message}. Try again: it will not be executed twice.`),
      );
      return;
    }
    this.#intent = undefined;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 429) {
      this.#blocked = Date.now() + error.retryAfter * 1000;
      this.tick();
    } else if (error.code === "InvalidOrder" || error.code === "InvalidRequest") this.#refused(error.details);
    else if (error.status !== 401) this.message.replaceChildren(problem(error.code, sentence(error.message)));
  }

  #refused(problems) {
    const others = this.#showProblems(problems);
    if (others.length) this.message.replaceChildren(problem("The order was refused", others.map(({ field, message }) => `${field}: ${message}`).join("; ")));
    this.element.querySelector('[aria-invalid="true"]')?.focus();
  }
}

const tokens = (name, chosen) =>
  h("select", { id: name, name }, engine.tokens.map((token) => h("option", { value: token, selected: token === chosen }, token)));

const labelled = (label, field) => h("label", { class: "token" }, h("span", { class: "visually-hidden" }, label), field);

const note = (...content) => h("p", { class: "note" }, content);
