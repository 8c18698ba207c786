/**
 * Show a tool's result: choose by its state what to draw.
 */

import { changePanel, retryButton } from "./change.js";
import { announce, button, el, fill, icon } from "./dom.js";
import { Grid } from "./grid.js";
import { Listing } from "./listing.js";
import { notice } from "./notice.js";
import { Picture } from "./picture.js";
import { shownError } from "./result.js";
import { sideBySide } from "./side_by_side.js";
import { waiting } from "./waiting.js";
import { counted } from "./wording.js";

const BACK = ["M15 6l-6 6 6 6"];

/**
 * Return a result's view.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} around
 * @param {ChatHost} around.host
 * @param {Server} around.server
 * @param {AbortSignal} around.signal Stops everything that is under way.
 * @param {(shown: Object) => void} around.onResult Shows another result instead.
 */
export function resultView(shown, around) {
  const { server, signal, onResult } = around;
  switch (shown.state) {
    case "pictures":
    case "list":
      return new Pictures(shown, around).element;
    case "pending": {
      const onError = (error) => onResult(shownError(error));
      return waiting(shown, { server, signal, onDone: onResult, onError });
    }
    default:
      return notice(shown, shown.error && retryButton(shown, around));
  }
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
    this.#around = around;
    announce(shown.heading);
    this.element.addEventListener("keydown", ({ key }) => key === "Escape" && this.#leave());
    if (shown.state === "pictures" && shown.pictures.length === 1) this.#openOnly();
    else this.#showAll();
  }

  #openOnly() {
    this.#open(this.#shown.pictures[0], { preview: this.#shown.sheet });
    this.#back = null;
  }

  #showAll() {
    const View = this.#shown.state === "list" ? Listing : Grid;
    this.#all ??= new View(this.#shown, {
      ...this.#around,
      open: (picture) => this.#openOf(picture),
      compare: (pair) => this.#compare(pair),
      collect: (generation) => this.#around.onResult({ ...this.#shown, state: "pending", generation }),
      pickButton: (picture) => this.#pickButton(picture),
      say: (text) => this.#say(text),
    });
    this.#replace(this.#all.element);
    this.#back = null;
  }

  #openOf(picture) {
    const back = () => {
      this.#showAll();
      this.#all.focus(picture);
    };
    const above = this.#backButton(`All ${this.#shown.pictures.length}`, back);
    this.#open(picture, { preview: this.#all.copyOf(picture), above, pick: this.#pickButton(picture) });
    above.focus();
  }

  #compare(pair) {
    const back = () => {
      this.#showAll();
      this.#all.focus(pair[0]);
    };
    const above = this.#backButton(`All ${this.#shown.pictures.length}`, back);
    const around = { ...this.#around, signal: this.#newSignal() };
    this.#replace(above, sideBySide(pair, { ...around, pickButton: (picture) => this.#pickButton(picture) }));
    above.focus();
  }

  #open(picture, { preview, shown = this.#shown, above, pick }) {
    const show = (handle) => this.#showOther(handle, view);
    const signal = this.#newSignal();
    const view = new Picture(picture, shown, { ...this.#around, signal, pick, show });
    const change = changePanel(picture, { ...this.#around, signal, shown, surface: view.surface });
    if (change) view.actions.append(change);
    this.#replace(above, view.element);
    view.load(preview);
  }

  /** Show another picture, such as the model's own, with the way back to this one. */
  async #showOther(handle, view) {
    try {
      const shown = await this.#around.server.show(handle, { signal: this.#work.signal });
      const back = this.#back ?? (() => this.#openOnly());
      const above = this.#backButton("Back", back);
      this.#open(shown.pictures[0], { preview: shown.sheet, shown, above });
      above.focus();
    } catch (error) {
      view.say(error.message);
    }
  }

  #newSignal() {
    this.#work.abort();
    this.#work = new AbortController();
    return AbortSignal.any([this.#work.signal, this.#around.signal]);
  }

  #replace(...elements) {
    fill(this.#place, elements);
    this.#say("");
  }

  #say(text) {
    this.#said.textContent = text;
    this.#said.hidden = !text;
    if (text) announce(text);
  }

  #backButton(text, go) {
    this.#back = go;
    return button([icon(...BACK), text], go, { class: "back" });
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
    this.#chosen = picture;
    for (const each of this.#picks) each.made.ariaPressed = String(each.picture === picture);
    this.#say(await tellChoice(this.#around.host, picture));
  }
}

/** Tell the model which picture is meant from now on; return what to say of it. */
async function tellChoice(host, { number, handle }) {
  const name = number ? `number ${number} (${handle})` : handle;
  const known = host.setContext(`The person chose ${name}. What comes next is about ${handle}; "last" does not name it.`);
  const said = host.canSay ? host.say(`Use ${name}.`) : Promise.reject(new Error("There is no chat."));
  const [first, second] = await Promise.allSettled([known, said]);
  const isTold = first.status === "fulfilled" || second.status === "fulfilled";
  return isTold ? `The chat knows that you chose ${name}.` : `Tell the chat: use ${name}.`;
}
