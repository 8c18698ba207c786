/**
 * Lay out pictures as tiles in rows, which a keyboard walks with its arrow keys.
 */

import { button, el, icon } from "./dom.js";
import { copyOf, Stage } from "./stage.js";
import { Thumbnails } from "./thumbnails.js";

const NARROWEST_TILE = 128;
const TILE_GAP = 12;
/** Pixels of height that hosts like inside a chat, and what of it is for what stands below the tiles. */
const INLINE_HEIGHT = 500;
const UNDER_TILES = 24;
const COMFORTABLE_TILE = 160;
/** Pixels of a preview's longer side. */
const PREVIEW = 512;
const PLAY = ["M8 5l11 7-11 7z"];
const NO_PICTURE = ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4"];

/** Tiles, each a button with something below it. Inside a chat, those that need too much height wait. */
export class Tiles {
  list = el("ul", { class: "tiles" });
  element = el("div", {}, this.list);
  #around;
  #ratio;
  #items;
  #more = button("", () => this.#showAll(), { class: "more" });
  #showsAll = false;
  #columns = 1;
  #width = 0;

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
    this.#ratio = sharedRatio(pictures);
    this.list.style.setProperty("--tile", this.#ratio);
    const thumbnails = new Thumbnails(around.signal);
    this.#items = pictures.map((picture, index) => this.#item(picture, index, thumbnails));
    this.list.append(...this.#items.map(({ item }) => item));
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    this.element.append(this.#more);
    const resized = new ResizeObserver(() => this.#width !== this.element.clientWidth && this.#arrange());
    resized.observe(this.element);
    around.signal.addEventListener("abort", () => resized.disconnect());
    around.host.addEventListener("context", () => this.#arrange(), { signal: around.signal });
  }

  /** Draw pictures that are there already, in the order of the tiles. */
  fill(drawings) {
    this.#items.forEach(({ stage }, index) => stage.drawing || stage.put(drawings[index]));
  }

  /** Return a copy of a picture as its tile shows it; null if it shows none yet. */
  copyOf(picture) {
    const { drawing } = this.#items.find((each) => each.picture === picture).stage;
    return drawing instanceof SVGElement || !drawing ? null : copyOf(drawing);
  }

  /** Move the focus to the tile of a picture. */
  focus(picture) {
    this.#items.find((each) => each.picture === picture).tile.focus();
  }

  #item(picture, index, thumbnails) {
    const stage = new Stage(picture);
    const number = picture.number && el("span", { class: "number" }, String(picture.number));
    const name = [picture.number && `Picture ${picture.number}`, picture.prompt || picture.handle];
    const props = { type: "button", class: "tile", tabIndex: index ? -1 : 0 };
    const tile = el("button", { ...props, "aria-label": name.filter(Boolean).join(": ") }, stage.element, number);
    tile.addEventListener("click", () => this.#around.press(picture, tile));
    tile.addEventListener("focus", () => this.#items.forEach((each) => (each.tile.tabIndex = each.tile === tile ? 0 : -1)));
    const item = el("li", {}, tile, el("div", { class: "below" }, this.#around.below(picture)));
    thumbnails.watch(tile, () => this.#load(picture, stage));
    return { picture, item, tile, stage };
  }

  async #load(picture, stage) {
    const { server, signal } = this.#around;
    const { handle, mediaType, missing } = picture;
    if (missing || mediaType.startsWith("video/")) return stage.put(icon(...(missing ? NO_PICTURE : PLAY)));
    const isLarge = stage.element.clientWidth * devicePixelRatio > PREVIEW;
    const load = isLarge ? server.sharp : server.preview;
    try {
      await stage.draw(await load.call(server, handle, { signal }), { isPreview: !isLarge });
    } catch {
      if (!stage.drawing) stage.put(icon(...NO_PICTURE));
    }
  }

  /** Choose the columns that make the tiles largest; where they would be too small, not all are shown. */
  #arrange() {
    const width = this.element.clientWidth;
    if (!width) return;
    this.#width = width;
    const count = this.#items.length;
    const isFull = this.#around.host.context.displayMode === "fullscreen";
    const height = isFull || this.#showsAll ? Infinity : INLINE_HEIGHT - this.element.offsetTop - UNDER_TILES;
    const below = this.#items[0].item.lastChild.offsetHeight + TILE_GAP;
    const across = (columns) => (width - TILE_GAP * (columns - 1)) / columns;
    const tile = (columns) => Math.min(across(columns), (height / Math.ceil(count / columns) - below) * this.#ratio);
    const most = Math.max(1, Math.floor((width + TILE_GAP) / (NARROWEST_TILE + TILE_GAP)));
    const possible = Array.from({ length: Math.min(most, count) }, (_, index) => index + 1);
    const best = possible.reduce((chosen, columns) => (tile(columns) > tile(chosen) ? columns : chosen), 1);
    const fits = height < Infinity && tile(best) >= NARROWEST_TILE;
    const comfortable = Math.min(most, Math.max(1, Math.round(width / COMFORTABLE_TILE)));
    this.#columns = fits ? best : comfortable;
    const size = fits ? tile(best) : across(comfortable);
    const rows = Math.max(1, Math.floor(height / (size / this.#ratio + below)));
    this.list.style.setProperty("--columns", this.#columns);
    this.list.style.setProperty("--widest-tile", `${Math.floor(size)}px`);
    this.#hideFrom(Math.min(count, fits ? count : rows * this.#columns));
  }

  #hideFrom(first) {
    this.#items.forEach(({ item }, index) => (item.hidden = index >= first));
    const more = this.#items.length - first;
    this.#more.hidden = more <= 0;
    this.#more.textContent = `Show ${more} more`;
  }

  #showAll() {
    const first = this.#items.find(({ item }) => item.hidden);
    this.#showsAll = true;
    this.#arrange();
    first.tile.focus();
  }

  #walk(event) {
    const index = this.#items.findIndex(({ tile }) => tile === event.target);
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

/** Return the width by height of tiles that suits all pictures. */
function sharedRatio(pictures) {
  const ratios = pictures.map(({ width, height }) => (width && height ? width / height : 1));
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  return Math.min(2, Math.max(0.6, mean));
}
