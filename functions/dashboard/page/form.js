// The order form. The engine validates the input, and the form shows each of its messages at its field.

import { Acceptance, ANY_BPS } from "./acceptance.js";
import { ApiError } from "./api.js";
import { Conditions } from "./conditions.js";
import { h } from "./dom.js";
import { load, save } from "./draft.js";
import { engine } from "./engine.js";
import { errorTitle } from "./errors.js";
import { Terms } from "./fields.js";
import { paidPrice, units } from "./format.js";
import { Outcome } from "./outcome.js";
import { placeFor, showProblems } from "./problems.js";
import { lasting } from "./quote.js";
import { submitSigned } from "./signed.js";
import { quotedAmount, receives, TYPES } from "./types.js";

const PRESETS = [10, 50, 100];
const SAVED_FIELDS = ["tokenIn", "tokenOut", "mint", "amountIn", "slippage"];
// The codes of errors that name fields.
const PROBLEMS = ["InvalidOrder", "InvalidRequest"];
// The codes of errors whose message says which amount was expected.
const NAMING_AN_AMOUNT = ["AmountTooSmall", "InsufficientLiquidity"];
const MAX_DECIMALS = 30;

export class OrderForm {
  #api;
  #live;
  #market;
  #payer;
  #paying;
  #submission;
  #problems = [];
  #tokens;
  #left = new AbortController();
  #texts;
  #type;
  #terms;

  /** `context` has api, market, payer, store and submission. */
  constructor({ api, market, payer, store, submission }, live) {
    this.#api = api;
    this.#live = live;
    this.#market = market;
    this.#payer = payer;
    this.#submission = submission;
    const { texts, type, ...values } = load();
    this.#texts = texts;
    this.fields = {
      amountIn: h("input", { id: "amountIn", name: "amountIn", inputmode: "decimal", autocomplete: "off", spellcheck: "false", placeholder: "0", maxlength: 60, value: values.amountIn }),
      tokenIn: tokens("tokenIn", values.tokenIn),
      tokenOut: tokens("tokenOut", values.tokenOut),
      mint: h("input", { id: "mint", autocomplete: "off", spellcheck: "false", placeholder: "The token's address", maxlength: 60, value: values.mint }),
      slippage: h("input", { id: "slippageBps", name: "slippageBps", inputmode: "decimal", autocomplete: "off", maxlength: 12, value: values.slippage }),
    };
    this.places = {
      amountIn: placeFor("amountIn", this.fields.amountIn),
      tokenIn: placeFor("tokenIn", this.fields.tokenIn),
      tokenOut: placeFor("tokenOut", this.fields.tokenOut),
      slippageBps: placeFor("slippageBps", this.fields.slippage),
      quoteId: placeFor("quoteId"),
    };
    this.fields.mint.setAttribute("aria-describedby", this.places.tokenOut.message.id);
    this.types = Object.entries(TYPES).map(([value, { name }]) => h("label", { class: "type" }, h("input", { type: "radio", name: "type", value, checked: value === type, "aria-describedby": "means" }), h("span", {}, name)));
    this.means = h("p", { class: "note", id: "means" });
    this.body = h("div", {});
    this.out = h("span", { class: "token" });
    this.receive = h("output", { class: "receive", for: "amountIn tokenIn tokenOut" });
    this.fixed = h("input", { type: "checkbox", id: "fixed" });
    this.acceptance = new Acceptance();
    this.conditions = new Conditions(market, payer);
    this.submit = h("button", { type: "submit", class: "primary" });
    this.outcome = new Outcome(store);
    this.presets = PRESETS.map((bps) => h("button", { type: "button", class: "preset", "data-bps": bps, click: () => this.#set("slippage", String(bps / 100)) }, `${bps / 100} %`));
    this.element = this.#build();
    live.addEventListener("changed", () => this.#priced());
    submission.addEventListener("changed", () => this.#waits(), { signal: this.#left.signal });
    this.#choose();
    this.changed();
    // The engine may not have answered since the page was left.
    if (submission.sent) this.#follow(submission.sent);
  }

  /** Offers the tokens that can be swapped in the market, and shows who pays. */
  changed() {
    const { tokens } = this.#market;
    for (const option of [...this.fields.tokenIn.options, ...this.fields.tokenOut.options]) {
      option.disabled = tokens !== undefined && !tokens.includes(option.value);
    }
    if (this.#payer.address !== this.#paying) this.#edited();
    else this.#priced();
    this.outcome.changed();
  }

  close() {
    this.#left.abort();
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
      { class: "card order-form", "aria-label": "New order", novalidate: true, submit: (event) => this.#submitted(event), input: (event) => this.#typed(event.target), change: () => this.#edited() },
      h("h2", {}, "New order"),
      h("fieldset", { class: "types", change: () => this.#choose() }, h("legend", { class: "visually-hidden" }, "Type"), h("div", { class: "choices" }, this.types), this.means),
      h("div", { class: "side" }, h("label", { for: "amountIn" }, "You pay"), h("div", { class: "line" }, amountIn, labelled("Token to pay with", tokenIn)), places.amountIn.error, places.tokenIn.error),
      this.swap,
      h("div", { class: "side" }, h("span", { class: "label" }, "You receive"), h("div", { class: "line" }, this.receive, this.out), places.tokenOut.error),
      this.acceptance.impact,
      this.body,
      h(
        "fieldset",
        { class: "slippage" },
        h("legend", {}, "Slippage tolerance"),
        h("div", { class: "line" }, this.presets, h("label", { class: "unit" }, h("span", { class: "visually-hidden" }, "Slippage tolerance in per cent"), slippage, h("span", { "aria-hidden": "true" }, "%"))),
        places.slippageBps.error,
        this.acceptance.slippage,
      ),
      this.at,
      places.quoteId.error,
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

  /** Swaps the tokens if the user has chosen the one that is on the other side. */
  #typed(field) {
    const { tokenIn, tokenOut } = this.fields;
    const { value } = field;
    if ([tokenIn, tokenOut].includes(field) && this.places.tokenOut.input === tokenOut && same(tokenIn.value, tokenOut.value)) {
      [tokenIn.value, tokenOut.value] = this.#tokens;
      this.#swap();
      field.value = value;
    }
    this.#edited();
  }

  #edited() {
    const order = this.#order();
    this.#paying = this.#payer.address;
    this.#payer.stop("the order was changed");
    if (this.#terms) this.#texts[this.#type] = order.terms;
    const typed = Object.fromEntries(SAVED_FIELDS.map((name) => [name, this.fields[name].value]));
    save({ ...typed, type: this.#type, texts: this.#texts });
    this.#tokens = [typed.tokenIn, typed.tokenOut];
    for (const button of this.presets) button.setAttribute("aria-pressed", String(Number(button.dataset.bps) === order.slippageBps));
    this.#problems = this.#localProblems(order);
    this.#submission.edited(this.#text(order));
    this.#showProblems();
    const { tokenIn, tokenOut, amountIn, slippageBps } = order;
    const { mint } = TYPES[this.#type];
    const missing = incomplete(order);
    const none = mint ? "A new token has no price until its pool exists." : missing ? `${missing} to see what each venue would pay.` : "Change the fields that are marked.";
    // Without a limit: the form shows the impact and asks the user to accept it.
    const wanted = { tokenIn, tokenOut, amountIn: quotedAmount(order), slippageBps, maxPriceImpactBps: ANY_BPS, wallet: this.#signed ? this.#paying : undefined };
    this.#live.want(missing || mint || this.#problems.length ? undefined : wanted, none);
    this.#priced();
  }

  /** Returns problems that the page finds itself. */
  #localProblems({ amountIn, slippageBps }) {
    return [
      amountIn && !positive(amountIn) && { field: "amountIn", message: "enter a positive amount, such as 1.5" },
      slippageBps === undefined && { field: "slippageBps", message: "enter 0 to 100 % in steps of 0.01" },
    ].filter(Boolean);
  }

  #priced() {
    const { quote } = this.#live;
    const { tokenIn, tokenOut } = this.#order();
    this.#terms?.priced({ tokenIn, tokenOut }, quote && paidPrice(quote));
    const order = this.#order();
    this.receive.textContent = receives(order, quote);
    this.#showProblems();
    this.submit.classList.toggle("danger", this.acceptance.show(order.slippageBps, quote));
    this.conditions.show(this.#type, this.#signed);
    this.at.hidden = this.#type !== "market" || this.#signed;
    this.submit.textContent = this.#busy ?? this.#obstacle(order) ?? (this.#submission.repeats(this.#text(order)) ? "Try again" : this.#action(order));
    this.#enable();
  }

  /** Returns what submitting this order does. */
  #action({ type, amountIn, tokenIn, tokenOut }) {
    const shown = /^[\d.]{1,14}$/.test(amountIn) ? `${amountIn} ` : "";
    return type === "market" ? `Swap ${shown}${tokenIn} for ${tokenOut}` : `Place ${TYPES[type].name.toLowerCase()} order`;
  }

  /** Returns what is under way, or undefined. */
  get #busy() {
    if (this.#payer.signing) return `Waiting for ${this.#payer.name}…`;
    return this.#submission.stop ? "Waiting for the engine…" : this.#submission.sent && "Submitting…";
  }

  /** Returns what keeps this order from being submitted, or undefined. A repeated order keeps its quote. */
  #obstacle(order) {
    const missing = incomplete(order) ?? (this.#terms?.missing && `Enter the ${this.#terms.missing}`) ?? this.conditions.missing;
    if (missing || this.#submission.repeats(this.#text(order))) return missing;
    const { quote, error } = this.#live;
    if (this.#type === "market" && error && (lasting(error) || this.#signed)) return errorTitle(error.code);
    return this.#fixed && !quote ? "Waiting for a quote…" : undefined;
  }

  /** Returns whether the user's wallet signs the order. */
  get #signed() {
    return this.#type === "market" && Boolean(this.#paying);
  }

  get #fixed() {
    return this.#signed || (this.#type === "market" && this.fixed.checked);
  }

  #enable() {
    this.submit.disabled = this.#api.readOnly || Boolean(this.#busy ?? this.#obstacle(this.#order())) || this.outcome.blocked || !this.conditions.met;
    this.fixed.disabled = !this.#live.quote && !this.fixed.checked;
  }

  /** Shows the problems of the order and of its quote. Returns those of fields that the form does not have. */
  #showProblems() {
    const quoted = quoteProblems(this.#live.error);
    return showProblems(this.#places, [...quoted, ...this.#problems.filter(({ field }) => !quoted.some((one) => one.field === field))]);
  }

  async #submitted(event) {
    event.preventDefault();
    if (this.submit.disabled) return;
    this.#terms?.settle();
    const problems = [...this.#localProblems(this.#order()), ...(this.#terms?.problems(this.#api.now()) ?? [])];
    if (problems.length) return this.#refused(problems);
    const accepted = await this.acceptance.ask(() => ({ ...this.#order(), quote: this.#live.quote, action: this.#action(this.#order()) }));
    if (!accepted || this.submit.disabled) return;
    this.outcome.clear();
    await this.#follow(this.#submit(this.#order(), accepted));
  }

  /** Returns the order as the API takes it, with what the user has accepted. */
  #body({ terms, ...order }, accepted) {
    return {
      ...order,
      ...this.#terms?.body(this.#api.now()),
      ...(this.#fixed && this.#live.quote && { quoteId: this.#live.quote.quoteId }),
      ...accepted.body,
    };
  }

  #text = (order) => JSON.stringify([order, this.#fixed, this.#paying]);

  #submit(order, accepted) {
    const text = this.#text(order);
    if (!this.#signed) return this.#submission.send(text, () => this.#body(order, accepted));
    return submitSigned({ submission: this.#submission, payer: this.#payer, live: this.#live }, text, {
      wanted: () => text === this.#text(this.#order()) && accepted.covers(order.slippageBps, this.#live.quote),
      asking: (fresh) => this.outcome.asks(this.#payer.name, fresh, () => this.#payer.stop("you have stopped waiting")),
      asked: () => this.outcome.clear(),
    });
  }

  /** Shows what becomes of an order that is being submitted. */
  async #follow(sent) {
    this.#waits();
    try {
      this.outcome.accepted(await sent);
    } catch (error) {
      if (error instanceof ApiError && PROBLEMS.includes(error.code)) this.#refused(error.details);
      else this.outcome.failed(error);
    } finally {
      this.#priced();
    }
  }

  #waits() {
    const { stop } = this.#submission;
    if (stop) this.outcome.waits(stop);
    this.#priced();
  }

  #refused(problems) {
    this.#problems = problems;
    this.outcome.refused(this.#showProblems());
    this.element.querySelector('[aria-invalid="true"]')?.focus();
  }
}

const tokens = (name, chosen) =>
  h("select", { id: name, name }, Object.keys(engine.tokens).map((token) => h("option", { value: token, selected: token === chosen }, token)));

/** Returns what an order of any type lacks, as a request, or undefined. */
function incomplete({ amountIn, tokenIn, tokenOut, slippageBps }) {
  if (!positive(amountIn)) return "Enter an amount";
  if (!tokenOut) return "Enter the token's address";
  if (same(tokenIn, tokenOut)) return "Choose two different tokens";
  return slippageBps === undefined ? "Enter a slippage tolerance" : undefined;
}

const positive = (text) => units(text, MAX_DECIMALS) > 0n;

/** Returns whether two tokens cannot be swapped: wrapped SOL is SOL. */
const same = (one, other) => one.replace("wSOL", "SOL") === other.replace("wSOL", "SOL");

/** Returns the problems of fields for which a quote was refused. */
function quoteProblems(error) {
  if (!error || !lasting(error)) return [];
  const fields = error.details.filter(({ field }) => field);
  return fields.length ? fields : [{ field: "amountIn", message: NAMING_AN_AMOUNT.includes(error.code) ? error.message : errorTitle(error.code) }];
}

const labelled = (label, field) => h("label", { class: "token" }, h("span", { class: "visually-hidden" }, label), field);
