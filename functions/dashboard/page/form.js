// The order form. The engine validates the input, and the form shows each of its messages at its field.

import { Acceptance, ANY_BPS } from "./acceptance.js";
import { ApiError } from "./api.js";
import { Conditions } from "./conditions.js";
import { h } from "./dom.js";
import { load, save } from "./draft.js";
import { engine } from "./engine.js";
import { placeFor, showProblems, Terms } from "./fields.js";
import { paidPrice } from "./format.js";
import { Outcome } from "./outcome.js";
import { submitSigned } from "./signed.js";
import { Submission } from "./submission.js";
import { quotedAmount, receives, TYPES } from "./types.js";

const PRESETS = [10, 50, 100];
const SAVED_FIELDS = ["tokenIn", "tokenOut", "mint", "amountIn", "slippage"];
// The codes of errors that name fields.
const PROBLEMS = ["InvalidOrder", "InvalidRequest"];

export class OrderForm extends EventTarget {
  #api;
  #live;
  #market;
  #payer;
  #paying;
  #submission;
  #problems = [];
  #texts;
  #type;
  #terms;

  /** Events: `accepted` with the order. */
  constructor(api, live, market, payer) {
    super();
    this.#api = api;
    this.#live = live;
    this.#market = market;
    this.#payer = payer;
    this.#submission = new Submission(api);
    const { texts, type, ...values } = load();
    this.#texts = texts;
    this.fields = {
      amountIn: h("input", { id: "amountIn", name: "amountIn", inputmode: "decimal", autocomplete: "off", spellcheck: "false", placeholder: "0", maxlength: 60, value: values.amountIn }),
      tokenIn: tokens("tokenIn", values.tokenIn),
      tokenOut: tokens("tokenOut", values.tokenOut),
      mint: h("input", { id: "mint", autocomplete: "off", spellcheck: "false", placeholder: "Address of its mint", maxlength: 60, value: values.mint }),
      slippage: h("input", { id: "slippageBps", name: "slippageBps", inputmode: "decimal", autocomplete: "off", maxlength: 12, value: values.slippage }),
    };
    this.places = {
      amountIn: placeFor("amountIn", this.fields.amountIn),
      tokenIn: placeFor("tokenIn", this.fields.tokenIn),
      tokenOut: placeFor("tokenOut", this.fields.tokenOut),
      slippageBps: placeFor("slippageBps", this.fields.slippage),
      quoteId: placeFor("quoteId"),
    };
    this.fields.mint.setAttribute("aria-describedby", this.places.tokenOut.error.id);
    this.types = Object.entries(TYPES).map(([value, { name }]) => h("label", { class: "type" }, h("input", { type: "radio", name: "type", value, checked: value === type, "aria-describedby": "means" }), h("span", {}, name)));
    this.means = h("p", { class: "note", id: "means" });
    this.body = h("div", {});
    this.out = h("span", { class: "token" });
    this.receive = h("output", { class: "receive", for: "amountIn tokenIn tokenOut" });
    this.fixed = h("input", { type: "checkbox", id: "fixed" });
    this.acceptance = new Acceptance();
    this.conditions = new Conditions(market, payer);
    this.submit = h("button", { type: "submit", class: "primary" });
    this.outcome = new Outcome();
    this.presets = PRESETS.map((bps) => h("button", { type: "button", class: "preset", "data-bps": bps, click: () => this.#set("slippage", String(bps / 100)) }, `${bps / 100} %`));
    this.element = this.#build();
    live.addEventListener("changed", () => this.#priced());
    this.#choose();
    this.changed();
  }

  /** Offers the tokens that can be swapped in the market, and shows who pays. */
  changed() {
    const { tokens } = this.#market;
    for (const option of [...this.fields.tokenIn.options, ...this.fields.tokenOut.options]) {
      option.disabled = tokens !== undefined && !tokens.includes(option.value);
    }
    if (this.#payer.address !== this.#paying) this.#edited();
    else this.#priced();
  }

  tick() {
    this.outcome.tick();
    this.#enable();
  }

  #build() {
    const { amountIn, tokenIn, slippage } = this.fields;
    const { places } = this;
    this.swap = h("button", { type: "button", class: "swap", "aria-label": "Swap the two tokens", title: "Swap the two tokens", click: () => this.#swap() }, "⇅");
    this.at = h("label", { class: "check" }, this.fixed, h("span", {}, "Execute only at this quote"));
    return h(
      "form",
      { class: "card order-form", "aria-label": "New order", novalidate: true, submit: (event) => this.#submitted(event), input: () => this.#edited(), change: () => this.#edited() },
      h("h2", {}, "New order"),
      h("fieldset", { class: "types", change: () => this.#choose() }, h("legend", { class: "visually-hidden" }, "Type"), h("div", { class: "choices" }, this.types), this.means),
      h("div", { class: "side" }, h("label", { for: "amountIn" }, "You pay"), h("div", { class: "line" }, amountIn, labelled("Token to pay with", tokenIn)), places.amountIn.error, places.tokenIn.error),
      this.swap,
      h("div", { class: "side" }, h("span", { class: "label" }, "You receive"), h("div", { class: "line" }, this.receive, this.out), places.tokenOut.error),
      this.body,
      h(
        "fieldset",
        { class: "slippage" },
        h("legend", {}, "Slippage tolerance"),
        h("div", { class: "line" }, this.presets, h("label", { class: "unit" }, h("span", { class: "visually-hidden" }, "Slippage tolerance in per cent"), slippage, h("span", { "aria-hidden": "true" }, "%"))),
        places.slippageBps.error,
      ),
      this.at,
      places.quoteId.error,
      this.acceptance.element,
      this.conditions.elements,
      this.submit,
      h("p", { class: "note reader" }, "Your key only reads: it shows quotes and orders, and submits and cancels none."),
      this.outcome.element,
    );
  }

  /** Shows the fields of the chosen type. */
  #choose() {
    const type = this.types.map(({ control }) => control).find(({ checked }) => checked)?.value ?? "market";
    const { means, fields, mint, expires } = TYPES[type];
    const { tokenOut, mint: address } = this.fields;
    this.#type = type;
    this.#terms = type === "market" ? undefined : new Terms(fields, this.#texts[type] ?? {}, { expires });
    this.means.textContent = means;
    this.out.replaceChildren(mint ? labelled("Mint of the token to receive", address) : labelled("Token to receive", tokenOut));
    this.places.tokenOut.input = mint ? address : tokenOut;
    this.swap.disabled = Boolean(mint);
    this.body.replaceChildren(...(this.#terms ? [this.#terms.element] : []));
    this.#edited();
  }

  get #places() {
    return { ...this.places, ...this.#terms?.places };
  }

  /** Returns the order in the form; its terms are the texts of the fields. */
  #order() {
    const { amountIn, tokenIn } = this.fields;
    return { type: this.#type, tokenIn: tokenIn.value, tokenOut: this.places.tokenOut.input.value.trim(), amountIn: amountIn.value.trim(), slippageBps: this.#slippage(), terms: this.#terms?.texts ?? {} };
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
    if (quote?.amountIn === amountIn.value.trim()) amountIn.value = quote.amountOut;
    this.#edited();
  }

  #edited() {
    const order = this.#order();
    this.#paying = this.#payer.address;
    this.#payer.stop("the order was changed");
    if (this.#terms) this.#texts[this.#type] = order.terms;
    const typed = Object.fromEntries(SAVED_FIELDS.map((name) => [name, this.fields[name].value]));
    save({ ...typed, type: this.#type, texts: this.#texts });
    for (const button of this.presets) button.setAttribute("aria-pressed", String(Number(button.dataset.bps) === order.slippageBps));
    this.#problems = this.#localProblems(order);
    this.#submission.edited(this.#text(order));
    this.#showProblems();
    const { tokenIn, tokenOut, amountIn, slippageBps } = order;
    const { mint } = TYPES[this.#type];
    const quoted = amountIn && !this.#problems.length && !mint;
    const none = mint ? "A new token has no price until its pool exists." : "Enter an amount to see what each venue would pay for it.";
    // Without a limit: the form shows the impact and asks the user to accept it.
    this.#live.want(quoted ? { tokenIn, tokenOut, amountIn: quotedAmount(order), slippageBps, maxPriceImpactBps: ANY_BPS, wallet: this.#signed ? this.#paying : undefined } : undefined, none);
    this.#priced();
  }

  /** Returns problems that the engine cannot report, because it takes whole basis points. */
  #localProblems({ slippageBps }) {
    const slippage = this.fields.slippage.value.trim();
    return slippageBps === undefined ? [{ field: "slippageBps", message: `expected 0 to 100 per cent in steps of 0.01, was ${JSON.stringify(slippage)}` }] : [];
  }

  #priced() {
    const { quote } = this.#live;
    const { type, tokenIn, tokenOut } = this.#order();
    this.#terms?.priced({ tokenIn, tokenOut }, quote && paidPrice(quote));
    const order = this.#order();
    this.receive.textContent = receives(order, quote);
    this.#showProblems();
    this.acceptance.show(quote?.priceImpactBps ?? 0, order.slippageBps);
    const shown = /^[\d.]{1,14}$/.test(order.amountIn) ? `${order.amountIn} ` : "";
    const action = type === "market" ? `Swap ${shown}${tokenIn} for ${tokenOut}` : `Place ${TYPES[type].name.toLowerCase()} order`;
    this.conditions.show(type, this.#signed);
    this.at.hidden = type !== "market" || this.#signed;
    this.submit.textContent = this.#payer.signing ? `Waiting for ${this.#payer.name}…` : this.#submission.sending ? "Submitting…" : this.#submission.uncertain ? "Try again" : this.#quoteless ? "Waiting for a quote…" : action;
    this.#enable();
  }

  /** Returns whether the user's wallet signs the order. */
  get #signed() {
    return this.#type === "market" && Boolean(this.#paying);
  }

  get #fixed() {
    return this.#signed || (this.#type === "market" && this.fixed.checked);
  }

  /** Returns whether the order needs a quote that has not come yet. A repeated order keeps its quote. */
  get #quoteless() {
    return this.#fixed && !this.#live.quote && !this.#submission.repeats(this.#text(this.#order()));
  }

  #enable() {
    this.submit.disabled = this.#api.readOnly || this.#submission.sending || this.outcome.blocked || this.#quoteless || !this.acceptance.given || !this.conditions.met;
    this.fixed.disabled = !this.#live.quote && !this.fixed.checked;
  }

  /** Shows the problems of the order and of its quote. Returns those of fields that the form does not have. */
  #showProblems() {
    const { error } = this.#live;
    const refused = error instanceof ApiError && error.status < 500;
    const quoted = refused ? (error.details.length ? error.details : [{ field: "amountIn", message: error.message }]) : [];
    return showProblems(this.#places, [...quoted, ...this.#problems.filter(({ field }) => !quoted.some((one) => one.field === field))]);
  }

  async #submitted(event) {
    event.preventDefault();
    if (this.submit.disabled) return;
    this.#terms?.settle();
    const order = this.#order();
    const problems = [...this.#localProblems(order), ...(order.amountIn ? [] : [{ field: "amountIn", message: "expected an amount, was nothing" }]), ...(this.#terms?.problems(this.#api.now()) ?? [])];
    if (problems.length) return this.#refused(problems);
    await this.#send(order);
  }

  /** Returns the order as the API takes it, with what the user has accepted. */
  #body({ terms, ...order }) {
    return {
      ...order,
      ...this.#terms?.body(this.#api.now()),
      ...(this.#fixed && this.#live.quote && { quoteId: this.#live.quote.quoteId }),
      ...this.acceptance.body,
    };
  }

  #text = (order) => JSON.stringify([order, this.#fixed, this.#paying]);

  #submit(order) {
    const text = this.#text(order);
    if (!this.#signed) return this.#submission.send(text, () => this.#body(order));
    return submitSigned({ submission: this.#submission, payer: this.#payer, live: this.#live }, text, {
      wanted: () => text === this.#text(this.#order()) && this.acceptance.given,
      asking: (fresh) => this.outcome.asks(this.#payer.name, fresh, () => this.#payer.stop("you have stopped waiting")),
      asked: () => this.outcome.clear(),
    });
  }

  async #send(order) {
    this.outcome.clear();
    const sent = this.#submit(order);
    this.#priced();
    try {
      const taken = await sent;
      this.outcome.accepted(taken);
      this.dispatchEvent(new CustomEvent("accepted", { detail: taken }));
    } catch (error) {
      if (error instanceof ApiError && PROBLEMS.includes(error.code)) this.#refused(error.details);
      else this.outcome.failed(error);
    } finally {
      this.#priced();
    }
  }

  #refused(problems) {
    this.#problems = problems;
    this.outcome.refused(this.#showProblems());
    this.element.querySelector('[aria-invalid="true"]')?.focus();
  }
}

const tokens = (name, chosen) =>
  h("select", { id: name, name }, Object.keys(engine.tokens).map((token) => h("option", { value: token, selected: token === chosen }, token)));

const labelled = (label, field) => h("label", { class: "token" }, h("span", { class: "visually-hidden" }, label), field);
