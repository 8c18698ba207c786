/**
 * Spend money: change a picture, make more like it, try a failed call again. A paid call leaves only after
 * a click on a button that named its price.
 */

import { announce, button, el, fill, icon, theirs } from "./dom.js";
import { Painter } from "./paint.js";
import { isVideo } from "./result.js";
import { dollars } from "./wording.js";

/** Milliseconds without typing until the price is asked. */
const TYPED = 450;
/** Milliseconds from a press to a price, so that the second press of a double click never pays. */
const SECOND_PRESS = 450;
/** Milliseconds for which a price holds; later it is asked again before paying. */
const PRICE_HOLDS = 30_000;
/** Milliseconds in which the server answers the same call with the same picture; it does so for ten minutes. */
const PAID_ONCE = 9 * 60_000;
const MORE = 4;
const PAID_TOOLS = ["generate_image", "edit_image", "compare_models", "generate_video"];
const LONGEST_PROMPT = 4000;
const CHANGE_PART = "Change the part";
const CHANGE = { idle: "Change", act: "Change", doing: "Changing" };
const DRAWN = {
  paint: ["M9 14l9-9a2 2 0 0 1 3 3l-9 9z", "M9 14c-3 0-4 2-4 4 0 1-1 2-2 2 3 1.500 9 1 9-3"],
  more: ["M4 4h7v7H4z", "M13 4h7v7h-7z", "M4 13h7v7H4z", "M16.500 14v5", "M14 16.500h5"],
  part: ["M4 8V4h4", "M16 4h4v4", "M20 16v4h-4", "M8 20H4v-4"],
};

/**
 * Return what changes a picture: a line of text, painting, variations; null for what cannot be changed.
 *
 * @param {Object} picture As in `readResult`.
 * @param {Object} around
 * @param {Object} around.shown The result that the picture belongs to.
 * @param {HTMLElement} around.surface Covers the picture exactly, also when it is zoomed.
 * @param {ChatHost} around.host
 * @param {Server} around.server
 * @param {AbortSignal} [around.signal] Stops questions; what is paid for goes on.
 * @param {(shown: Object) => void} around.onResult Shows what was made.
 */
export function changePanel(picture, around) {
  if (!picture.handle || isVideo(picture)) return null;
  return new ChangePanel(picture, around).element;
}

/**
 * Return a button that makes a failed call again; null where that makes no sense.
 *
 * @param {Object} shown The failure, with the `call` that failed: its tool and arguments.
 * @param {Object} around As for `changePanel`.
 */
export function retryButton(shown, { host, server, signal, onResult }) {
  const { call, error } = shown;
  if (!call || !PAID_TOOLS.includes(call.tool) || !canRetry(error)) return null;
  const said = el("div", { class: "change-said" });
  const pay = new PaidButton({
    server,
    signal,
    words: () => ({ idle: "Try again", act: "Try again", doing: "Trying again" }),
    call: async () => call,
    say: (lines, failed) => sayBelow(said, lines, failed),
    onHandOver: () => handOver(host, `Please call ${call.tool} again, as before.`),
    onMade: onResult,
  });
  return el("div", { class: "change" }, el("div", { class: "change-more" }, pay.element), said);
}

/** Whether a failed call may succeed at another time, without being paid for twice. */
export function canRetry({ money, next }) {
  if (!money.startsWith("Nothing was charged.") || next.includes("tomorrow")) return false;
  return /\b(?:try (?:it )?again|try once more|ask (?:for it )?again|confirm_cost=true)/i.test(next);
}

/** A button that asks what a call costs, names that, and makes the call when it is pressed then. */
class PaidButton {
  #given;
  #prices = new Map();
  #question = new AbortController();
  #timer = 0;
  #act = null;
  #isHeld = false;
  #pressed = -SECOND_PRESS;

  /**
   * @param {Object} given
   * @param {() => {idle: string, act: string, doing: string}} given.words What it says without a price,
   *   before a price, and while it works.
   * @param {() => Promise<{tool: string, args: Object}>} given.call What is meant now.
   * @param {() => boolean} [given.isMeant] Whether anything is.
   * @param {(lines: string[], failed?: boolean) => void} given.say
   * @param {() => Promise<string>} given.onHandOver Leaves the wish to the model, and returns what to say.
   * @param {(shown: Object) => void} given.onMade
   * @param {(on: boolean) => void} [given.onWork] Told when a paid call begins and ends.
   */
  constructor(given) {
    this.#given = { isMeant: () => true, onWork: () => {}, ...given };
    this.element = button("", (event) => this.press(event), { class: "pay" });
    this.forget();
  }

  /** Forget the price, because another call is meant. */
  forget({ ask = false } = {}) {
    this.#question.abort();
    clearTimeout(this.#timer);
    const { isMeant, words } = this.#given;
    this.#show(words().idle, isMeant() && (() => this.#ask()));
    if (ask && isMeant()) this.#timer = setTimeout(() => this.#ask(), TYPED);
  }

  /** Do nothing until further notice, because another paid call is under way. */
  hold(on) {
    this.#isHeld = on;
  }

  /** Do what the button says; held keys and the second press of a double click do nothing. */
  press(event) {
    if (event.repeat || event.detail > 1 || this.#isHeld) return;
    this.#pressed = performance.now();
    this.#act?.();
  }

  async #ask(verb = this.#given.words().act) {
    this.forget();
    if (!this.#given.isMeant()) return;
    this.#question = new AbortController();
    const { signal } = this.#question;
    this.#show("Asking for the price …");
    try {
      const call = await this.#given.call();
      const price = await this.#priceOf(call, signal);
      const soonest = this.#pressed + SECOND_PRESS - performance.now();
      await new Promise((resolve) => setTimeout(resolve, soonest));
      if (signal.aborted) return;
      if (price.refused) this.#refuse(price.refused);
      else this.#offer({ call, price, verb, at: performance.now() });
    } catch (error) {
      if (signal.aborted || this.#given.signal?.aborted) return;
      this.#given.say([`The price could not be asked for. ${error.message} Nothing was charged.`], true);
      this.#show("Leave it to the assistant", () => this.#handOver());
    }
  }

  async #priceOf({ tool, args }, signal) {
    const key = JSON.stringify([tool, args]);
    const known = this.#prices.get(key);
    if (known && performance.now() - known.at < PRICE_HOLDS) return known.price;
    const either = AbortSignal.any([signal, this.#given.signal].filter(Boolean));
    const price = await this.#given.server.price(tool, args, { signal: either });
    this.#prices.set(key, { price, at: performance.now() });
    return price;
  }

  #refuse(sentence) {
    this.forget();
    this.#given.say([sentence], true);
  }

  #offer(offer, said) {
    const { price, verb, once } = offer;
    this.#given.say(said ?? [price.model]);
    this.#show(`${verb} ${priceWords(price)}${once ? ", paid once" : ""}`, () => this.#pay(offer));
    this.element.classList.add("priced");
  }

  async #pay(offer) {
    const began = performance.now();
    const tick = () => this.#show(`${this.#given.words().doing} … ${Math.floor((performance.now() - began) / 1000)} s`);
    const timer = setInterval(tick, 1000);
    tick();
    this.#given.onWork(true);
    const end = await this.#carryOut(offer).catch((error) => () => this.#lose(offer, error));
    clearInterval(timer);
    this.#given.onWork(false);
    end();
  }

  /** Make the call, unless its price rose meanwhile; return what to do then. */
  async #carryOut(offer) {
    const { price, changed } = await this.#confirmed(offer);
    if (changed) return changed;
    const call = namedModel(offer.call, price);
    const onPending = () =>
      this.#given.say(["It takes a while. It goes on when this view is closed, and is paid for once."]);
    const shown = await this.#given.server.run(call.tool, { ...call.args, confirm_cost: true }, { onPending });
    return () => this.#end({ ...shown, call });
  }

  #end(shown) {
    this.#prices.clear();
    this.forget();
    if (!shown.error) return this.#given.onMade(shown);
    const { what, money, next } = shown.error;
    this.#given.say([what, money, next], true);
    if (canRetry(shown.error)) this.#ask("Try again");
  }

  /** Ask for a price again that is no longer new. */
  async #confirmed(offer) {
    const age = performance.now() - offer.at;
    if (age < PRICE_HOLDS) return offer;
    const price = await this.#priceOf(offer.call, new AbortController().signal);
    if (price.refused) return { changed: () => this.#refuse(price.refused) };
    const once = offer.once && age < PAID_ONCE;
    if (once === offer.once && highest(price) <= highest(offer.price)) return { price };
    const now = { ...offer, price, once, at: performance.now() };
    return { changed: () => this.#offer(now, ["The price has changed. Nothing was charged."]) };
  }

  /** Say that no answer came; for ten minutes the server answers the same call with the same picture. */
  #lose(offer, error) {
    if (cannotAsk(error)) return this.#handOver();
    const { again: _, ...args } = offer.call.args;
    const call = { ...offer.call, args };
    const said = [`No answer came: ${error.message}`, "The picture may have been made and charged."];
    this.#offer({ ...offer, call, verb: "Ask again", at: performance.now(), once: true }, said);
  }

  async #handOver() {
    this.#show("Leaving it to the assistant …");
    this.#given.say([await this.#given.onHandOver()]);
    this.forget();
  }

  #show(label, act = null) {
    this.#act = act;
    this.element.classList.remove("priced");
    this.element.textContent = label;
    this.element.setAttribute("aria-disabled", String(!act));
  }
}

/** Return a call of the model whose price was named, whatever `auto` means by now. */
function namedModel({ tool, args }, { model }) {
  return { tool, args: model && tool !== "compare_models" ? { ...args, model } : args };
}

/** Return a price as a button names it. */
function priceWords({ low, likely, high }) {
  if (high === null) return "(price unknown)";
  if (high === 0) return "for free";
  if (low === high) return `for ${dollars(high)}`;
  return likely < high ? `for about ${dollars(likely)}, up to ${dollars(high)}` : `for up to ${dollars(high)}`;
}

function highest({ high }) {
  return high ?? Infinity;
}

/** Whether the host cannot let the server ask the person, so that it refused the call and nothing was sent. */
function cannotAsk({ message }) {
  return /input.?required/i.test(message);
}

/** Ask the model to do what this view cannot; return what to say of it. */
async function handOver(host, wish) {
  try {
    if (!host.canSay) throw new Error("There is no assistant here.");
    await host.say(wish);
    return "This chat lets no view do that, so the assistant was asked to. It will tell you the price first.";
  } catch {
    return `This chat lets no view do that. Ask your assistant: “${wish}”`;
  }
}

/** The line below a picture, and what stands beside it. */
class ChangePanel {
  #picture;
  #around;
  #painter = null;
  #said = el("div", { class: "change-said" });

  constructor(picture, around) {
    this.#picture = picture;
    this.#around = around;
    this.line = this.#line();
    this.pay = this.#paidButton({
      words: () => (this.#mask ? { ...CHANGE, idle: CHANGE_PART, act: CHANGE_PART } : CHANGE),
      isMeant: () => this.line.value.trim() !== "",
      call: () => this.#edit(),
      wish: () => this.#wish(),
      onMade: (shown) => this.#changed(shown),
    });
    this.paint = button([icon(...DRAWN.paint), "Paint the part"], () => this.#togglePainting(), { "aria-pressed": "false" });
    this.more = this.#moreButton();
    this.tools = el("div");
    this.element = el(
      "section",
      { class: "change", "aria-label": "Change this picture" },
      this.tools,
      el("div", { class: "change-row" }, this.line, this.pay.element),
      el("div", { class: "change-more" }, this.paint, this.more?.element, this.#partButton()),
      this.#said,
    );
  }

  #line() {
    return el("input", {
      type: "text",
      class: "change-line",
      dir: "auto",
      maxLength: LONGEST_PROMPT,
      autocomplete: "off",
      placeholder: "What to change: make the sky orange",
      "aria-label": "What to change",
      oninput: () => this.#meant(),
      onkeydown: (event) => event.key === "Enter" && !event.isComposing && this.pay.press(event),
    });
  }

  #paidButton({ wish, ...given }) {
    const { host, server, signal } = this.#around;
    return new PaidButton({
      server,
      signal,
      say: (lines, failed) => sayBelow(this.#said, lines, failed),
      onHandOver: () => handOver(host, wish()),
      onWork: (on) => this.#work(on),
      ...given,
    });
  }

  /** The mask that is painted; null if nothing or everything is. */
  get #mask() {
    return this.#painter?.mask.isPart ? this.#painter.mask : null;
  }

  async #edit() {
    const args = { prompt: this.line.value.trim(), images: [this.#picture.handle] };
    if (this.#mask) args.mask = await this.#mask.png();
    return { tool: "edit_image", args };
  }

  #wish() {
    const where = this.#mask ? `, only inside mask="${this.#mask.words()}"` : "";
    return `Please change ${this.#picture.handle}${where}: ${this.line.value.trim()}`;
  }

  /** Take note that another change is meant. */
  #meant() {
    sayBelow(this.#said, []);
    this.pay.forget({ ask: true });
  }

  #togglePainting() {
    if (this.paint.getAttribute("aria-pressed") === "true") return this.#painter.close();
    const { surface } = this.#around;
    const { width, height } = this.#picture;
    const size = width && height ? { width, height } : { width: surface.offsetWidth, height: surface.offsetHeight };
    const onClose = () => {
      this.paint.setAttribute("aria-pressed", "false");
      this.paint.focus();
    };
    this.#painter ??= new Painter(surface, size, { onChange: () => this.#meant(), onClose });
    fill(this.tools, this.#painter.element);
    this.paint.setAttribute("aria-pressed", "true");
    this.#painter.open();
  }

  /** Return the button that makes more like this picture; null if it is not known how this one was made. */
  #moreButton() {
    const call = variations(this.#picture, this.#around.shown);
    if (!call) return null;
    const button = this.#paidButton({
      words: () => ({ idle: `${MORE} more like this`, act: `Make ${MORE} more`, doing: `Making ${MORE} more` }),
      call: async () => call,
      wish: () => `Please make ${MORE} more like ${this.#picture.handle}.`,
      onMade: (shown) => this.#varied(shown),
    });
    return button;
  }

  /** Return the button that outlines the part that was changed; null if it was all of the picture. */
  #partButton() {
    const { part } = this.#around.shown;
    if (!part) return null;
    const toggle = () => {
      const on = show.getAttribute("aria-pressed") !== "true";
      show.setAttribute("aria-pressed", String(on));
      if (on) this.#around.surface.append(part);
      else part.remove();
    };
    const show = button([icon(...DRAWN.part), "Outline the part"], toggle, { "aria-pressed": "false" });
    return show;
  }

  #work(on) {
    this.element.classList.toggle("working", on);
    this.element.setAttribute("aria-busy", String(on));
    this.line.readOnly = on;
    if (on && this.paint.getAttribute("aria-pressed") === "true") this.#painter.close();
    for (const each of [this.pay, this.more]) each?.hold(on);
    this.paint.disabled = on;
  }

  #changed(shown) {
    const { host, onResult } = this.#around;
    const [made] = shown.pictures;
    const { prompt } = shown.call.args;
    tell(host, `In the view, the person changed ${this.#picture.handle} (“${prompt}”). The result is ${made?.handle}.`);
    onResult({ ...shown, part: this.#mask ? this.#painter.outline() : null });
  }

  #varied(shown) {
    const { host, onResult } = this.#around;
    const handles = shown.pictures.map(({ handle }) => handle).join(", ");
    tell(host, `In the view, the person had more made like ${this.#picture.handle}: ${handles}. None is picked yet.`);
    onResult(shown);
  }
}

/** Let the model know what was made, where the host takes that. */
function tell(host, text) {
  host.setContext(text).catch(() => {});
}

/** Return the call that makes more like a picture; null if it is not known how this one was made. */
function variations(picture, { call, sources, pictures }) {
  const { prompt, model, sourceHandle, width, height } = picture;
  const again = { n: MORE, again: true };
  if (call && ["generate_image", "edit_image"].includes(call.tool) && !namesLast(call.args)) {
    const { dry_run, preview, confirm_cost, filename, ...args } = call.args;
    return { tool: call.tool, args: { ...args, ...(model && { model }), ...again } };
  }
  if (!prompt || sources.length || sourceHandle) return null;
  const size = width && height ? { size: `${width}x${height}` } : {};
  return { tool: "generate_image", args: { prompt, ...(model && { model }), ...size, ...again } };
}

/** Whether a call's sources mean something else by now. */
function namesLast({ images = [], mask = "" }) {
  return [...[images].flat(), mask].some((name) => /^last/i.test(name));
}

/** Say something below the line, each sentence of others in its own direction. */
function sayBelow(place, lines, failed = false) {
  const shown = lines.filter(Boolean);
  fill(place, shown.map((line) => theirs("p", line)));
  place.classList.toggle("failed", failed);
  if (shown.length) announce(shown.join(" "));
}
