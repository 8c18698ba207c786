/** Where the form stands: beside the gallery, in a dialog over it, or alone while there is no picture yet. */

import { button, el, fill, icon } from "../dom.js";
import { CLOSE } from "./icons.js";

/** From this width on the form stands beside the gallery. */
const ROOM = matchMedia("(min-width: 1080px)");

export class FormPlace {
  #form;
  #alone = false;
  #away = false;

  /**
   * @param {import("./make_form.js").MakeForm} form
   * @param {() => void} onClose Called when the dialog was closed.
   */
  constructor(form, onClose) {
    this.#form = form;
    this.welcome = el("div", { class: "welcome" });
    this.aside = el("aside", { class: "panel docked", "aria-label": "New picture" }, this.#head(() => this.#putAway()));
    this.dialog = el("dialog", { class: "panel", "aria-label": "New picture" }, this.#head(() => this.dialog.close()));
    this.dialog.addEventListener("close", onClose);
    ROOM.addEventListener("change", () => this.#settle());
    this.#settle();
  }

  /** Whether the form opens over the gallery. */
  get isOver() {
    return !this.#alone && !ROOM.matches;
  }

  /** Have the form alone on the page, or not. */
  set alone(alone) {
    if (alone === this.#alone) return;
    this.#alone = alone;
    fill(this.welcome, alone && welcomeWords());
    this.#settle();
    if (alone) this.#form.focus();
  }

  /** Open the form and go to it. */
  open() {
    this.#away = false;
    this.#settle();
    if (this.isOver && !this.dialog.open) this.dialog.showModal();
    this.#form.focus();
  }

  /** Close the form if it is over the gallery. */
  close() {
    if (this.dialog.open) this.dialog.close();
  }

  #head(close) {
    return el("div", { class: "dialog-head" }, el("h2", {}, "New picture"), button(icon(CLOSE), close, { label: "Close the form", class: "icon-button" }));
  }

  #putAway() {
    this.#away = true;
    this.#settle();
  }

  /** Move the form to its place; what is focused in it stays so. */
  #settle() {
    const home = this.#alone ? this.welcome : this.isOver ? this.dialog : this.aside;
    this.aside.hidden = home !== this.aside || this.#away;
    this.welcome.hidden = !this.#alone;
    if (home !== this.dialog) this.close();
    if (this.#form.element.parentElement === home) return;
    const focused = document.activeElement;
    home.append(this.#form.element);
    if (this.#form.element.contains(focused)) focused.focus();
  }
}

function welcomeWords() {
  const text = "Describe it, and look at the button: it always says what a picture costs. A free model is chosen to begin with.";
  return [el("h2", {}, "Make your first picture"), el("p", {}, text)];
}
