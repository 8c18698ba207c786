/**
 * Lay out pictures as tiles in rows, which a keyboard walks with its arrow keys.
 */

import { button, el, icon } from "./dom.js";
import { copyOf, Stage } from "./stage.js";

const NARROWEST_TILE = 128;
const COMFORTABLE_TILE = 140;
const TILE_GAP = 12;
/** Pixels for what stands below the tiles. */
const UNDER_TILES = 24;
/** Pixels of height inside a chat, if the host does not say. */
const CHAT_HEIGHT = 500;
/** Pixels of a preview's longer side. */
const PREVIEW = 512;
const LOADED_AT_ONCE = 3;
const PLAY = "M8 5l11 7-11 7z";
const NO_PICTURE = "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4";

/** Tiles, each a button with something below it. Inside a chat, those that need too much height wait. */
export class Tiles {
  list = el("ul", { class: "tiles" });
  element = el("div", {}, this.list);
  #around;
  #items;
  #more = button("", () => this.#showAll(), { class: "more" });
  #isShort = true;
  #columns = 1;
  #width = 0;
  #turns = Array(LOADED_AT_ONCE).fill(Promise.resolve());

  /**
   * @param {Object[]} pictures As in `readResult`.
   * @param {Object} around
   * @param {ChatHost} around.host
   * @param {Server} around.server
   * @param {AbortSignal} around.signal Stops loading.
   * @param {(picture: Object, tile: HTMLElement) => void} around.press Called when a tile is pressed.
   * @param {(picture: Object) => Node[]} around.below Returns what stands below a tile.
   */
  constructor(pictures, around) {
    this.#around = around;
    const ratios = pictures.map(({ width, height }) => (height ? width / height : 1));
    this.ratio = Math.min(2, Math.max(0.6, ratios.reduce((sum, ratio) => sum + ratio) / ratios.length));
    this.list.style.setProperty("--tile", this.ratio);
    this.#items = pictures.map((picture, index) => this.#item(picture, index));
    this.list.append(...this.#items.map(({ item }) => item));
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    this.element.append(this.#more);
    const resized = new ResizeObserver(() => this.#width !== this.element.clientWidth && this.#arrange());
    resized.observe(this.element);
    this.#loadWhenSeen();
  }

  /** Draw pictures that are there already, in the order of the tiles. */
  fill(drawings) {
    this.#items.forEach(({ stage }, index) => stage.drawing || stage.put(drawings[index]));
  }

  /** Return a copy of a picture as its tile shows it; null if it shows none yet. */
  copyOf(picture) {
    const { drawing } = this.#itemOf("picture", picture).stage;
    return drawing && !(drawing instanceof SVGElement) ? copyOf(drawing) : null;
  }

  /** Move the focus to the tile of a picture. */
  focus(picture) {
    this.#itemOf("picture", picture).tile.focus();
  }

  #itemOf(name, value) {
    return this.#items.find((each) => each[name] === value);
  }

  #item(picture, index) {
    const stage = new Stage(picture);
    const { number, prompt, handle } = picture;
    const name = number ? `Picture ${number}: ` : "";
    const props = {
      type: "button",
      class: "tile",
      tabIndex: index ? -1 : 0,
      "aria-label": name + (prompt || handle),
      onclick: () => this.#around.press(picture, tile),
      onfocus: () => this.#items.forEach((each) => (each.tile.tabIndex = each.tile === tile ? 0 : -1)),
    };
    const tile = el("button", props, stage.element, number && el("span", { class: "number" }, `${number}`));
    const item = el("li", {}, tile, el("div", { class: "below" }, this.#around.below(picture)));
    return { picture, item, tile, stage };
  }

  #loadWhenSeen() {
    let turn = 0;
    const seen = new IntersectionObserver((entries) => {
      for (const { target } of entries.filter(({ isIntersecting }) => isIntersecting)) {
        seen.unobserve(target);
        turn = (turn + 1) % LOADED_AT_ONCE;
        this.#turns[turn] = this.#turns[turn].then(() => this.#load(this.#itemOf("tile", target)));
      }
    });
    for (const { tile } of this.#items) seen.observe(tile);
  }

  async #load({ picture, stage }) {
    const { server, signal } = this.#around;
    const { handle, mediaType, missing } = picture;
    if (signal.aborted) return;
    if (missing || mediaType.startsWith("video/")) return stage.put(icon(missing ? NO_PICTURE : PLAY));
    const isLarge = stage.element.clientWidth * devicePixelRatio > PREVIEW;
    try {
      const copy = await (isLarge ? server.sharp(handle, { signal }) : server.preview(handle, { signal }));
      await stage.draw(copy, { isPreview: !isLarge });
    } catch {
      if (!stage.drawing) stage.put(icon(NO_PICTURE));
    }
  }

  /** Choose the columns that make the tiles largest; if they would be too small, show not all of them. */
  #arrange() {
    this.#width = this.element.clientWidth;
    const count = this.#items.length;
    const { displayMode, containerDimensions } = this.#around.host.context;
    const room = (containerDimensions?.maxHeight ?? CHAT_HEIGHT) - this.element.offsetTop - UNDER_TILES;
    const height = this.#isShort && displayMode !== "fullscreen" ? room : Infinity;
    const below = this.#items[0].item.lastChild.offsetHeight + TILE_GAP;
    const columnsOf = (tile) => Math.max(1, Math.min(count, Math.floor((this.#width + TILE_GAP) / (tile + TILE_GAP))));
    const across = (columns) => (this.#width - TILE_GAP * (columns - 1)) / columns;
    const tile = (columns) => Math.min(across(columns), (height / Math.ceil(count / columns) - below) * this.ratio);
    let best = columnsOf(NARROWEST_TILE);
    for (let columns = best; columns; columns -= 1) if (tile(columns) > tile(best)) best = columns;
    const isFitting = height < Infinity && tile(best) >= NARROWEST_TILE;
    this.#columns = isFitting ? best : columnsOf(COMFORTABLE_TILE);
    const size = isFitting ? tile(best) : across(this.#columns);
    this.list.style.setProperty("--columns", this.#columns);
    this.list.style.setProperty("--widest-tile", `${Math.floor(size)}px`);
    const rows = Math.max(1, Math.floor(height / (size / this.ratio + below)));
    this.#showFirst(isFitting ? count : Math.min(count, rows * this.#columns));
  }

  #showFirst(shown) {
    const hidden = this.#items.length - shown;
    this.#items.forEach(({ item }, index) => (item.hidden = index >= shown));
    this.#more.hidden = !hidden;
    this.#more.textContent = `Show ${hidden} more`;
  }

  #showAll() {
    const { tile } = this.#items.find(({ item }) => item.hidden);
    this.#isShort = false;
    this.#arrange();
    tile.focus();
  }

  #walk(event) {
    const index = this.#items.indexOf(this.#itemOf("tile", event.target));
    const onwards = getComputedStyle(this.list).direction === "rtl" ? -1 : 1;
    const steps = {
      ArrowLeft: -onwards,
      ArrowRight: onwards,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
      Home: -index,
      End: this.#items.length - 1 - index,
    };
    const next = this.#items[index + steps[event.key]];
    if (index < 0 || !next || next.item.hidden) return;
    event.preventDefault();
    next.tile.focus();
  }
}
