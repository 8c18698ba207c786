/**
 * Show a tool's result: choose by its state what to draw.
 */

import { changePanel, retryButton } from "./change.js";
import { announce, button, el, fill, icon } from "./dom.js";
import { grid, listing } from "./grid.js";
import { notice } from "./notice.js";
import { Picture } from "./picture.js";
import { shownError } from "./result.js";
import { pause } from "./server.js";
import { sideBySide } from "./side_by_side.js";
import { waiting } from "./waiting.js";

/** Milliseconds until a list that did not come is asked for again. */
const LIST_AGAIN = 1000;

/**
 * Return a result's view.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} around
 * @param {ChatHost} around.host
 * @param {Server} around.server
 * @param {AbortSignal} around.signal Stops everything that is under way.
 * @param {(shown: Object) => void} around.onResult Shows another result instead.
 * @param {Object} [around.input] The arguments of the call.
 * @param {(picture: Object) => void} [around.onPick] Takes the chosen picture where there is no chat to tell.
 */
export function resultView(shown, around) {
  if (shown.state === "list" && shown.total === null) askForAll(around);
  switch (shown.state) {
    case "pictures":
    case "list":
      announce(shown.heading);
      return new Pictures(shown, around).element;
    case "pending": {
      const { server, signal, onResult } = around;
      return waiting(shown, { server, signal, onDone: onResult, onError: (error) => onResult(shownError(error)) });
    }
    default:
      return notice(shown, shown.error && retryButton(shown, around));
  }
}

/** Ask for the whole list where the host handed over its text alone; once more if that fails. */
function askForAll({ server, signal, onResult, input = {} }) {
  const ask = async () => {
    const all = await server.list(input.query, input.limit, { signal });
    if (all.total === null) throw new Error(all.text);
    return all;
  };
  ask().catch(() => pause(LIST_AGAIN, signal).then(ask)).then(onResult, () => {});
}

/** Pictures, and the way from all of them to one or two and back. */
class Pictures {
  #place = el("div", { class: "place" });
  #said = el("p", { class: "said", hidden: true });
  element = el("div", { class: "result" }, this.#place, this.#said);
  #shown;
  #around;
  #all = null;
  #back = null;
  #work = new AbortController();
  #chosen = null;
  #picks = [];

  constructor(shown, around) {
    this.#shown = shown;
    this.#around = {
      ...around,
      say: (text) => this.#say(text),
      open: (picture) => this.#openOf(picture),
      compare: (pair) => this.#compare(pair),
      collect: (generation) => around.onResult({ ...shown, state: "pending", generation }),
      pickButton: (picture) => this.#pickButton(picture),
    };
    this.element.addEventListener("keydown", ({ key }) => key === "Escape" && this.#leave());
    if (shown.state === "pictures" && shown.pictures.length === 1) this.#openOnly();
    else this.#showAll();
  }

  #openOnly() {
    this.#open(this.#shown.pictures[0], { preview: this.#shown.sheet });
  }

  #showAll(last) {
    this.#all ??= (this.#shown.state === "list" ? listing : grid)(this.#shown, this.#around);
    this.#replace(null, this.#all.element);
    if (last) this.#all.tiles.focus(last);
  }

  #openOf(picture) {
    const preview = this.#all.tiles.copyOf(picture);
    this.#open(picture, { preview, pick: this.#pickButton(picture), back: () => this.#showAll(picture) });
  }

  #open(picture, { preview, shown = this.#shown, pick, back }) {
    const show = (handle) => this.#showOther(handle, view, back ?? (() => this.#openOnly()));
    const around = { ...this.#around, signal: this.#newSignal() };
    const view = new Picture(picture, shown, { ...around, pick, show });
    view.actions.append(changePanel(picture, { ...around, shown, surface: view.surface }) ?? "");
    this.#replace(back, view.element);
    view.load(preview);
  }

  /** Show another picture, such as the model's own, with the way back. */
  async #showOther(handle, view, back) {
    try {
      const shown = await this.#around.server.show(handle, { signal: this.#work.signal });
      if (!shown.pictures.length) throw new Error(shown.text);
      this.#open(shown.pictures[0], { preview: shown.sheet, shown, back });
    } catch (error) {
      view.say(error.message);
    }
  }

  #compare(pair) {
    const around = { ...this.#around, signal: this.#newSignal() };
    this.#replace(() => this.#showAll(pair[0]), sideBySide(pair, around));
  }

  #newSignal() {
    this.#work.abort();
    this.#work = new AbortController();
    return AbortSignal.any([this.#work.signal, this.#around.signal]);
  }

  #replace(back, element) {
    this.#back = back;
    const toAll = back && button([icon("M15 6l-6 6 6 6"), "Back"], back, { class: "back" });
    fill(this.#place, toAll, element);
    toAll?.focus();
    this.#say("");
  }

  #say(text) {
    this.#said.textContent = text;
    this.#said.hidden = !text;
    if (text) announce(text);
  }

  #leave() {
    const { host } = this.#around;
    if (this.#back) this.#back();
    else if (host.context.displayMode === "fullscreen") host.setFullscreen(false).catch(() => {});
  }

  #pickButton(picture) {
    const label = picture.number ? `Use number ${picture.number}` : "Use this picture";
    const made = button(label, () => this.#choose(picture), { class: "pick" });
    made.ariaPressed = String(picture === this.#chosen);
    this.#picks.push({ picture, made });
    return made;
  }

  async #choose(picture) {
    if (this.#around.onPick) return this.#around.onPick(picture);
    this.#chosen = picture;
    for (const each of this.#picks) each.made.ariaPressed = String(each.picture === picture);
    this.#say(await tellChoice(this.#around.host, picture));
  }
}

/** Tell the model which picture is meant from now on; return what to say of it. */
async function tellChoice(host, { number, handle }) {
  const name = number ? `number ${number} (${handle})` : handle;
  const told = await Promise.allSettled([
    host.setContext(`The person chose ${name}. What comes next is about ${handle}; "last" does not name it.`),
    host.canSay ? host.say(`Use ${name}.`) : Promise.reject(),
  ]);
  const isTold = told.some(({ status }) => status === "fulfilled");
  return isTold ? `The chat knows that you chose ${name}.` : `Tell the chat: use ${name}.`;
}
