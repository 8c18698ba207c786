/**
 * Show the pictures of one call, to see them closer, to choose one or to compare two.
 */

import { cutSheet } from "./contact_sheet.js";
import { button, el, theirs } from "./dom.js";
import { Tiles } from "./tiles.js";
import { counted, dollars, duration } from "./wording.js";

/** Pictures with their numbers; with their models, prices and times if these differ. */
export class Grid {
  #compared = [];
  #compare = button("Side by side", () => this.#beginComparing(), { "aria-pressed": "false" });
  #around;
  #pictures;
  #tiles;

  /**
   * @param {Object} shown As in `readResult`.
   * @param {Object} around
   * @param {ChatHost} around.host
   * @param {Server} around.server
   * @param {AbortSignal} around.signal Stops loading.
   * @param {(picture: Object) => void} around.open Shows a picture alone.
   * @param {(pair: Object[]) => void} around.compare Shows two pictures side by side.
   * @param {(picture: Object) => Node} around.pickButton Returns a button that chooses a picture.
   * @param {(text: string) => void} around.say Says something below.
   */
  constructor(shown, around) {
    this.#around = around;
    this.#pictures = shown.pictures;
    const differ = new Set(shown.pictures.map(({ model }) => model)).size > 1;
    const below = (picture) => [differ && facts(picture), around.pickButton(picture)];
    const press = (picture, tile) => this.#press(picture, tile);
    this.#tiles = new Tiles(shown.pictures, { ...around, press, below });
    const head = el("header", {}, theirs("h2", shown.prompt || counted(shown.pictures.length, "picture")), this.#compare);
    const cost = [counted(shown.pictures.length, "picture"), dollars(shown.cost)].filter(Boolean).join(" · ");
    const failures = shown.failures.map((failure) => theirs("p", failure, { class: "failure" }));
    this.element = el("section", { class: "several" }, head, el("p", { class: "quiet" }, cost), this.#tiles.element);
    this.element.append(...failures);
    if (shown.sheet) cutSheet(shown.sheet, shown.pictures).then((drawn) => this.#tiles.fill(drawn)).catch(() => {});
  }

  /** Return a copy of a picture as its tile shows it; null if it shows none yet. */
  copyOf(picture) {
    return this.#tiles.copyOf(picture);
  }

  /** Move the focus to a picture. */
  focus(picture) {
    this.#tiles.focus(picture);
  }

  #beginComparing() {
    if (this.#pictures.length === 2) return this.#around.compare(this.#pictures);
    const isOn = this.#compare.ariaPressed !== "true";
    this.#compare.ariaPressed = String(isOn);
    this.#compared = [];
    for (const tile of this.#tiles.list.querySelectorAll(".tile")) tile.ariaPressed = isOn ? "false" : null;
    this.#around.say(isOn ? "Choose two pictures." : "");
  }

  #press(picture, tile) {
    if (this.#compare.ariaPressed !== "true") return this.#around.open(picture);
    const isChosen = this.#compared.includes(picture);
    tile.ariaPressed = String(!isChosen);
    this.#compared = isChosen ? [] : [...this.#compared, picture];
    if (this.#compared.length === 2) this.#around.compare(this.#compared);
    else this.#around.say("Choose another picture.");
  }
}

function facts({ model, cost, latencyMs }) {
  const [vendor, name = vendor] = model.split("/");
  const told = [dollars(cost), latencyMs && duration(latencyMs / 1000)].filter(Boolean).join(" · ");
  return [theirs("strong", name, { title: model }), theirs("span", told, { class: "quiet" })];
}
