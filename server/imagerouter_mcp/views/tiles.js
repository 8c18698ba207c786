/**
 * Lay out pictures as tiles in rows, which a keyboard walks with its arrow keys.
 */

import { button, el, icon } from "./dom.js";
import { isVideo } from "./result.js";
import { copyOf, Stage } from "./stage.js";

const NARROWEST_TILE = 132;
const TILE_GAP = 12;
/** Height inside a chat in pixels, if the host does not say, and how much of it is not tiles. */
const CHAT_HEIGHT = 500;
const AROUND_TILES = 100;
/** Tiles that are shown at first. */
const FIRST_TILES = 8;
/** Pixels of a preview's longer side. */
const PREVIEW = 512;
const LOADED_AT_ONCE = 3;
const PLAY = "M8 5l11 7-11 7z";
const NO_PICTURE = "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4";

/** Tiles, each a button with something below it. */
export class Tiles {
  list = el("ul", { class: "tiles" });
  element = el("div", {}, this.list);
  #around;
  #items;
  #turns = Array(LOADED_AT_ONCE).fill(Promise.resolve());

  /**
   * @param {Object[]} pictures As in `readResult`.
   * @param {Object} around
   * @param {ChatHost} around.host
   * @param {Server} around.server
   * @param {AbortSignal} around.signal Stops loading.
   * @param {(picture: Object) => void} around.press Called when a tile is pressed.
   * @param {(picture: Object) => Node[]} around.below Returns what stands below a tile.
   */
  constructor(pictures, around) {
    this.#around = around;
    this.#items = pictures.map((picture, index) => this.#item(picture, index));
    this.list.append(...this.#items.map(({ item }) => item));
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    this.#shape(pictures);
    this.#showFirst();
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
    const { handle, missing } = picture;
    if (signal.aborted) return;
    if (missing || isVideo(picture)) return stage.put(icon(missing ? NO_PICTURE : PLAY));
    const isLarge = stage.element.clientWidth * devicePixelRatio > PREVIEW;
    try {
      const copy = await (isLarge ? server.sharp(handle, { signal }) : server.preview(handle, { signal }));
      await stage.draw(copy, { isPreview: !isLarge });
    } catch {
      if (!stage.drawing) stage.put(icon(NO_PICTURE));
    }
  }

  /** Give all tiles a shape that suits the pictures, and the largest size at which they fit the chat. */
  #shape(pictures) {
    const ratios = pictures.map(({ width, height }) => (height ? width / height : 1));
    const ratio = Math.min(2, Math.max(0.6, ratios.reduce((sum, each) => sum + each) / ratios.length));
    const { maxHeight = CHAT_HEIGHT } = this.#around.host.context.containerDimensions ?? {};
    this.list.style.setProperty("--tile", ratio);
    new ResizeObserver(([{ contentRect }]) => {
      const below = this.#items[0].item.lastChild.offsetHeight + TILE_GAP;
      const layout = (rows) => {
        const columns = Math.ceil(Math.min(pictures.length, FIRST_TILES) / rows);
        const across = (contentRect.width - TILE_GAP * (columns - 1)) / columns;
        return { columns, wide: Math.floor(Math.min(across, ((maxHeight - AROUND_TILES) / rows - below) * ratio)) };
      };
      const { columns, wide } = [1, 2, 3].map(layout).reduce((best, each) => (each.wide > best.wide ? each : best));
      const { style } = this.list;
      style.setProperty("--wide", `${Math.min(contentRect.width, Math.max(NARROWEST_TILE, wide))}px`);
      style.maxInlineSize = wide < NARROWEST_TILE ? "" : `${columns * wide + TILE_GAP * (columns - 1)}px`;
    }).observe(this.element);
  }

  #showFirst() {
    const rest = this.#items.slice(FIRST_TILES);
    if (!rest.length) return;
    for (const { item } of rest) item.hidden = true;
    const more = button(`Show ${rest.length} more`, () => {
      for (const { item } of rest) item.hidden = false;
      more.remove();
      rest[0].tile.focus();
    }, { class: "more" });
    this.element.append(more);
  }

  #walk({ target, key }) {
    const index = this.#items.indexOf(this.#itemOf("tile", target));
    const onwards = getComputedStyle(this.list).direction === "rtl" ? -1 : 1;
    const top = this.#items[0].item.offsetTop;
    const columns = this.#items.filter(({ item }) => item.offsetTop === top).length;
    const steps = { ArrowLeft: -onwards, ArrowRight: onwards, ArrowUp: -columns, ArrowDown: columns };
    const next = this.#items[index + steps[key]];
    if (index >= 0 && next && !next.item.hidden) next.tile.focus();
  }
}
