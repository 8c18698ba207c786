/**
 * Spend money: change a picture, make more like it, try a failed call again. A paid call leaves only after
 * a click on a button that named its price.
 */

import { announce, button, el, fill, icon, theirs } from "./dom.js";
import { BRUSH_ICON, painter } from "./paint.js";
import { isVideo, lostCall } from "./result.js";
import { dollars, forPeople } from "./wording.js";

/** Milliseconds without typing until the price is asked. */
const TYPED = 450;
/** Shortest time from a press to a price, in milliseconds: the second press of a double click never pays. */
const SECOND_PRESS = 450;
/** Milliseconds for which a price holds; later it is asked again before paying. */
const PRICE_HOLDS = 30_000;
/** Milliseconds in which the server answers the same call with the same picture. */
const PAID_ONCE = 9 * 60_000;
const MORE = 4;
const LONGEST_PROMPT = 4000;
const PAID_TOOLS = ["generate_image", "edit_image", "compare_models", "generate_video"];
const PART_ICON = ["M4 8V4h4", "M16 4h4v4", "M20 16v4h-4", "M8 20H4v-4"];

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
 * @param {(call: Object, shown: Object) => void} [around.onMissed] Called with what went wrong after `signal` was aborted.
 */
export function changePanel(picture, { shown, surface, host, server, signal, onResult, onMissed }) {
  const { handle } = picture;
  if (!handle || isVideo(picture)) return null;
  const said = el("div", { class: "change-said" });
  const common = { host, server, signal, onWork, onMissed, say: (lines, failed) => sayIn(said, lines, failed) };
  const line = el("input", {
    type: "text",
    class: "change-line",
    dir: "auto",
    maxLength: LONGEST_PROMPT,
    autocomplete: "off",
    placeholder: "Make the sky orange",
    "aria-label": "What to change",
    oninput: forget,
    onkeydown: (event) => event.key === "Enter" && !event.isComposing && change.press(event),
  });
  const painting = painter(surface, picture, { onChange: forget, onClose: () => (paintButton.click(), paintButton.focus()) });
  const paintButton = toggle(BRUSH_ICON, "Paint the part", (on) => painting.show(on));
  const change = paidButton({
    ...common,
    words: () => ({ act: painting.isPart ? "Change the part" : "Change", doing: "Changing" }),
    isMeant: () => line.value.trim(),
    call,
    wish: () => `Please change ${handle}${painting.isPart ? `, with mask="${painting.box}"` : ""}: ${line.value}`,
    onMade: changed,
  });
  const likeThis = variations(picture, shown);
  const more =
    likeThis &&
    paidButton({
      ...common,
      words: () => ({ idle: `${MORE} more like this`, act: `Make ${MORE} more`, doing: `Making ${MORE} more` }),
      call: () => likeThis,
      wish: () => `Please make ${MORE} more like ${handle}.`,
      onMade: varied,
    });
  const { part } = shown;
  const partButton = part && toggle(PART_ICON, "Outline the part", (on) => (on ? surface.append(part) : part.remove()));
  const section = el(
    "section",
    { class: "change", "aria-label": "Change this picture" },
    painting.tools,
    el("div", { class: "change-row" }, line, change.element),
    el("div", { class: "change-more" }, paintButton, more?.element, partButton),
    said,
  );
  return section;

  /** Forget the price, because another change is meant. */
  function forget() {
    sayIn(said, []);
    change.forget({ ask: true });
  }

  async function call() {
    const args = { prompt: line.value.trim(), images: [handle] };
    if (painting.isPart) args.mask = await painting.png();
    return { tool: "edit_image", args };
  }

  function onWork(on) {
    section.ariaBusy = String(on);
    if (on && paintButton.ariaPressed === "true") paintButton.click();
    line.readOnly = paintButton.disabled = on;
    for (const each of [change, more]) each?.hold(on);
  }

  function changed(made) {
    const { prompt } = made.call.args;
    tell(host, `In the view, the person changed ${handle} (“${prompt}”). The result is ${made.pictures[0]?.handle}.`);
    onResult({ ...made, part: painting.isPart ? painting.outline() : null });
  }

  function varied(made) {
    const handles = made.pictures.map((each) => each.handle).join(", ");
    tell(host, `In the view, the person had more made like ${handle}: ${handles}. None is chosen yet.`);
    onResult(made);
  }
}

/** Return a result with the call that made it, as far as that is known. Many hosts do not name the tool. */
export function withCall(shown, args, tool) {
  // What failed may have been to make a video, of which the arguments look alike.
  const guess = args.images ? "edit_image" : args.prompt ? "generate_image" : "";
  const name = tool ?? (args.models ? "compare_models" : shown.error ? "" : guess);
  return { ...shown, call: PAID_TOOLS.includes(name) && !args.dry_run ? { tool: name, args } : null };
}

/**
 * Return a button that makes a failed call again; null where that makes no sense.
 *
 * @param {Object} shown The failure, with its call if that is known.
 * @param {Object} around As for `changePanel`.
 */
export function retryButton({ error, call }, { host, server, signal, onResult }) {
  if (!canRetry(error)) return null;
  const wish = () => "Please try that again.";
  const said = el("div", { class: "change-said" });
  const say = (lines, failed) => sayIn(said, lines, failed);
  const words = () => ({ act: "Try again", doing: "Trying again" });
  const retry = call
    ? paidButton({ host, server, signal, words, call: () => call, say, wish, onMade: onResult }).element
    : host.canSay && button("Ask the assistant to try again", async () => say([await leaveToModel(host, wish())]));
  return retry && el("div", { class: "change" }, el("div", { class: "change-more" }, retry), said);
}

/** Return whether a failed call may succeed at another time, without being paid for twice. */
export function canRetry({ money, next }) {
  if (!money.startsWith("Nothing was charged.") || next.includes("tomorrow")) return false;
  return /\b(?:try (?:it )?again|try once more|ask (?:for it )?again|on a yes)/i.test(next);
}

/**
 * Return a button that asks what a call costs, names that, and makes the call when it is pressed then.
 *
 * @param {Object} given
 * @param {() => {idle?: string, act: string, doing: string}} given.words What it says before it asks, with a
 *   price, and while it works.
 * @param {() => Object|Promise<Object>} given.call The call that is meant now: its tool and arguments.
 * @param {() => boolean} [given.isMeant] Whether any is.
 * @param {(lines: string[], failed?: boolean) => void} given.say
 * @param {() => string} given.wish The same for the model, where the host allows no more.
 * @param {(shown: Object) => void} given.onMade
 * @param {(call: Object, shown: Object) => void} [given.onMissed] Called with what went wrong after `signal` was aborted.
 * @param {(on: boolean) => void} [given.onWork] Called when a paid call begins and ends.
 */
export function paidButton({ host, server, signal, words, call, isMeant = () => true, say, wish, onMade, onMissed, onWork = () => {} }) {
  const prices = new Map();
  let question = new AbortController();
  let act = null;
  let isHeld = false;
  let pressed = -SECOND_PRESS;
  let timer;
  const onkeydown = (event) => event.repeat && event.preventDefault();
  const element = button("", press, { class: "pay", dir: "auto", onkeydown });
  forget();
  return { element, forget, press, hold: (on) => (isHeld = on) };

  function show(label, then = null) {
    act = then;
    element.textContent = label;
    element.ariaDisabled = String(!then);
    element.classList.remove("priced");
  }

  function forget({ ask = false } = {}) {
    question.abort();
    clearTimeout(timer);
    const { idle, act: verb } = words();
    show(idle ?? verb, isMeant() && (() => askPrice()));
    if (ask && isMeant()) timer = setTimeout(askPrice, TYPED);
  }

  /** Do what the button says; a held key does it once. */
  function press(event) {
    if (event.repeat || isHeld) return;
    pressed = performance.now();
    act?.();
  }

  async function askPrice({ verb = words().act, lines = [] } = {}) {
    forget();
    question = new AbortController();
    const asked = question.signal;
    show("Asking for the price …");
    try {
      const meant = await call();
      const price = await priceOf(meant, asked);
      await new Promise((resolve) => setTimeout(resolve, pressed + SECOND_PRESS - performance.now()));
      if (asked.aborted) return;
      if (price.refused) refuse(price.refused);
      else offer({ call: meant, price, verb, at: performance.now() }, [...lines, price.model && `With ${price.model}`], lines.length > 0);
    } catch (error) {
      if (asked.aborted || signal?.aborted) return;
      say([`The price could not be determined. ${error.message} Nothing was charged.`], true);
      if (host.canSay) show("Leave it to the assistant", handOver);
      else show("Ask for the price again", () => askPrice());
    }
  }

  async function priceOf({ tool, args }, asked) {
    const key = JSON.stringify([tool, args]);
    const known = prices.get(key);
    if (known && performance.now() - known.at < PRICE_HOLDS) return known.price;
    const price = await server.price(tool, args, { signal: AbortSignal.any([asked, signal].filter(Boolean)) });
    prices.set(key, { price, at: performance.now() });
    return price;
  }

  async function priceAnew(meant) {
    const unknown = ({ message }) => ({ refused: `The price could not be checked again. ${message} Nothing was sent.` });
    return priceOf(meant, new AbortController().signal).catch(unknown);
  }

  function refuse(sentence) {
    forget();
    say([sentence], true);
  }

  function offer(offered, lines, failed = false) {
    const { verb, price, once } = offered;
    say(lines, failed);
    show(`${verb} ${priceInWords(price)}${once ? ", paid once" : ""}`, () => pay(offered));
    element.classList.add("priced");
  }

  async function pay(offered) {
    const { doing } = words();
    const began = performance.now();
    const tick = () => show(`${doing} … ${Math.floor((performance.now() - began) / 1000)} s`);
    const ticking = setInterval(tick, 1000);
    tick();
    onWork(true);
    const end = await carryOut(offered).catch((error) => () => lose(offered, error));
    clearInterval(ticking);
    onWork(false);
    end();
  }

  /** Make the call, unless its price rose meanwhile; return what to do then. */
  async function carryOut(offered) {
    const age = performance.now() - offered.at;
    const price = age < PRICE_HOLDS ? offered.price : await priceAnew(offered.call);
    const once = offered.once && age < PAID_ONCE;
    if (price.refused) return () => refuse(price.refused);
    if (once !== offered.once || highest(price) > highest(offered.price)) {
      const now = { ...offered, price, once, at: performance.now() };
      return () => offer(now, ["The price was asked for again. Nothing was sent."]);
    }
    const made = ofModel(offered.call, price.model);
    const onPending = () => say(["It takes a while. It keeps running if you close this, and is paid for once."]);
    const shown = await server.run(made.tool, { ...made.args, confirm_cost: true }, { onPending });
    return () => finish({ ...shown, call: made });
  }

  function finish(shown) {
    prices.clear();
    forget();
    if (!shown.error) return onMade(shown);
    if (onMissed && signal.aborted) return onMissed(shown.call, shown);
    const { what, money, next } = shown.error;
    const lines = [what, money, forPeople(next)];
    say(lines, true);
    if (canRetry(shown.error)) askPrice({ verb: "Try again", lines });
  }

  /** Say that no answer came. For ten minutes the server answers the same call with the same picture. */
  function lose(offered, error) {
    if (/input.?required/i.test(error.message)) return handOver();
    if (onMissed && signal.aborted) return onMissed(offered.call, lostCall(error));
    const { again: _, ...args } = offered.call.args;
    const same = { ...offered, call: { ...offered.call, args }, verb: "Ask again", once: true, at: performance.now() };
    offer(same, [`No answer came. ${error.message}`, "The picture may have been made and charged."], true);
  }

  async function handOver() {
    show("Leaving it to the assistant …");
    const answer = await leaveToModel(host, wish());
    forget();
    say([answer]);
  }
}

/** Ask the model to do what this view cannot, and return what to say of it. */
async function leaveToModel(host, wish) {
  try {
    if (!host.canSay) throw new Error("There is no assistant.");
    await host.say(wish);
    return "The assistant was asked to do this. It tells you the price first.";
  } catch {
    return `This chat does not let the view do this. Ask your assistant: ${wish}`;
  }
}

/** Return the call with the model whose price was named, because `auto` may mean another one by now. */
function ofModel({ tool, args }, model) {
  return { tool, args: model && tool !== "compare_models" ? { ...args, model } : args };
}

function priceInWords({ low, likely, high }) {
  if (high === null) return "(price unknown)";
  if (high === 0) return "for free";
  if (low === high) return `for ${dollars(high)}`;
  return likely < high ? `for about ${dollars(likely)}, up to ${dollars(high)}` : `for up to ${dollars(high)}`;
}

function highest({ high }) {
  return high ?? Infinity;
}

/** Return the call that makes more like a picture; null if it is not known how this one was made. */
function variations({ prompt, model, sourceHandle, width, height }, { call, sources, state }) {
  const more = { ...(model && { model }), n: MORE, again: true };
  if (["generate_image", "edit_image"].includes(call?.tool) && !namesLast(call.args)) {
    const { dry_run, preview, confirm_cost, filename, ...args } = call.args;
    return { tool: call.tool, args: { ...args, ...more } };
  }
  if (state !== "pictures" || !prompt || sources.length || sourceHandle) return null;
  return { tool: "generate_image", args: { prompt, ...(width && height && { size: `${width}x${height}` }), ...more } };
}

/** Return whether a call names `last`, which means another picture by now. */
function namesLast({ images = [], mask = "" }) {
  return [images, mask].flat().some((name) => /^last/i.test(name));
}

/** Let the model know what was made, where the host takes that. */
function tell(host, text) {
  host.setContext(text).catch(() => {});
}

/** Return a button that is on or off. */
function toggle(paths, label, change) {
  const made = button([icon(...paths), label], () => {
    made.ariaPressed = String(made.ariaPressed !== "true");
    change(made.ariaPressed === "true");
  });
  made.ariaPressed = "false";
  return made;
}

/** Say something below a button, each sentence in its own direction. */
function sayIn(place, lines, failed = false) {
  const shown = lines.filter(Boolean);
  fill(place, shown.map((each) => theirs("p", each)));
  place.classList.toggle("failed", failed);
  if (shown.length) announce(shown.join(" "));
}
