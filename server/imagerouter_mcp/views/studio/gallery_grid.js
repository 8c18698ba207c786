/** The gallery as rows of square cells, of which only those in sight exist. */

import { el, icon } from "../dom.js";
import { dollars } from "../wording.js";
import { FILLED_PLAY } from "./icons.js";

const CELL_GAP = 6;
/** Rows drawn beyond each edge. */
const BEYOND = 2;
/** Size in bytes up to which a video is fetched for its first frame. */
const LARGEST_VIDEO = 30e6;
/** Share of a screen per frame above which nobody can look at single pictures. */
const HURRIED = 1 / 30;
/** Milliseconds after which the gallery counts as slow again, or as still. */
const CALM = 100;
/** Pictures that may appear in one frame while the gallery is scrolled. */
const SCROLLED_PER_FRAME = 1;
/** The least width of a cell, by the width of the gallery. */
const WIDTHS = [[0, 96], [560, 148], [1000, 188]];
const DATE = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });

export class GalleryGrid {
  #pages;
  #thumbnails;
  #stills;
  #rows = new Map();
  #spare = [];
  #columns = 0;
  #cell = 0;
  #active = 0;
  #planned = false;
  #scrolled = 0;
  #hurried = -Infinity;
  #still;

  /**
   * @param {import("./gallery_pages.js").GalleryPages} pages What there is to show.
   * @param {import("./gallery_thumbnails.js").Thumbnails} thumbnails Fetches the pictures.
   * @param {import("./gallery_thumbnails.js").Thumbnails} stills Fetches those of videos.
   * @param {{open: (picture: Object) => void, remove: (picture: Object) => void}} actions What keys and clicks do.
   */
  constructor(pages, thumbnails, stills, { open, remove }) {
    this.#pages = pages;
    this.#thumbnails = thumbnails;
    this.#stills = stills;
    this.element = el("div", { class: "gallery", role: "grid", "aria-label": "Gallery" });
    this.element.addEventListener("click", ({ target }) => this.#withPicture(target, open));
    this.element.addEventListener("keydown", (event) => this.#press(event, remove));
    this.element.addEventListener("focusin", ({ target }) => this.#activate(Number(target.dataset.index)));
    new ResizeObserver(() => this.#measure()).observe(this.element);
    addEventListener("scroll", () => this.#plan(), { passive: true });
    addEventListener("resize", () => this.#plan());
    pages.addEventListener("loaded", () => this.#draw());
  }

  /** Return whether the newest pictures are in sight, or would be if there were some. */
  get atTop() {
    return this.element.getBoundingClientRect().top >= -this.#cell / 2;
  }

  /** Move the focus to a picture, and scroll it into sight. */
  focus(index = this.#active) {
    if (!this.#pages.total) return;
    this.reveal(Math.max(0, Math.min(index, this.#pages.total - 1)));
    this.#cellOf(this.#active)?.focus({ preventScroll: true });
  }

  /** Scroll a picture into sight, and make it the one that Tab leads to. */
  reveal(index) {
    if (index < 0 || !this.#columns) return;
    this.#active = index;
    this.#scrollTo(Math.floor(index / this.#columns));
    this.#draw();
  }

  /** Scroll to the newest picture. */
  toTop() {
    scrollTo({ top: 0, behavior: "instant" });
    this.#active = 0;
    this.#draw();
  }

  #measure() {
    const width = this.element.clientWidth;
    if (!width) return;
    const least = WIDTHS.findLast(([from]) => width >= from)[1];
    const columns = Math.max(2, Math.floor((width + CELL_GAP) / (least + CELL_GAP)));
    const seen = this.#columns ? this.#firstRow() * this.#columns : 0;
    const cell = (width - CELL_GAP * (columns - 1)) / columns;
    if (columns === this.#columns && cell === this.#cell) return;
    const scrolled = this.element.getBoundingClientRect().top < 0;
    if (columns !== this.#columns) this.#clear();
    [this.#columns, this.#cell] = [columns, cell];
    this.element.style.setProperty("--columns", columns);
    this.element.style.setProperty("--cell", `${cell}px`);
    this.element.setAttribute("aria-colcount", columns);
    this.#draw();
    if (scrolled) scrollTo({ top: this.#topOf(Math.floor(seen / columns)), behavior: "instant" });
  }

  get #pitch() {
    return this.#cell + CELL_GAP;
  }

  #firstRow() {
    return Math.max(0, Math.floor(-this.element.getBoundingClientRect().top / this.#pitch));
  }

  #topOf(row) {
    return scrollY + this.element.getBoundingClientRect().top + row * this.#pitch;
  }

  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    requestAnimationFrame(() => {
      this.#planned = false;
      this.#noteSpeed();
      this.#follow();
    });
  }

  /** Have few pictures appear at a time while the gallery is scrolled, and none while they fly past. */
  #noteSpeed() {
    const passed = Math.abs(scrollY - this.#scrolled);
    this.#scrolled = scrollY;
    if (!passed) return;
    const now = performance.now();
    if (passed > innerHeight * HURRIED) this.#hurried = now;
    this.#pace(now - this.#hurried < CALM ? 0 : SCROLLED_PER_FRAME);
    clearTimeout(this.#still);
    this.#still = setTimeout(() => this.#pace(Infinity), CALM);
  }

  #pace(perFrame) {
    for (const source of [this.#thumbnails, this.#stills]) source.pace(perFrame);
  }

  /** Draw all rows in sight. */
  #draw() {
    if (!this.#columns) return;
    const count = Math.ceil(this.#pages.total / this.#columns);
    this.element.style.setProperty("block-size", `${Math.max(0, count * this.#pitch - CELL_GAP)}px`);
    this.element.setAttribute("aria-rowcount", count);
    this.#rows.forEach((row, index) => this.#fill(row, index));
    this.#follow();
  }

  /** Replace the rows that left the screen with those that came into sight. */
  #follow() {
    if (!this.#columns) return;
    const count = Math.ceil(this.#pages.total / this.#columns);
    const top = this.#firstRow();
    const first = Math.max(0, top - BEYOND);
    const last = Math.min(count - 1, top + Math.ceil(innerHeight / this.#pitch) + BEYOND);
    const focused = this.element.contains(document.activeElement) ? Math.floor(this.#active / this.#columns) : -1;
    for (const [index, row] of this.#rows) {
      if ((index < first || index > last) && index !== focused) this.#release(index, row);
    }
    for (let index = first; index <= last; index++) this.#place(index);
    if (focused >= 0 && focused < count) this.#place(focused);
    for (const row of this.#spare) this.#putAway(row);
    if (last >= first) this.#pages.want(first * this.#columns, (last + 1) * this.#columns - 1);
  }

  #fill(row, index) {
    const cells = row.children;
    for (let column = 0; column < this.#columns; column++) this.#show(cells[column], index * this.#columns + column);
  }

  #place(index) {
    if (this.#rows.has(index)) return;
    const row = this.#spare.pop() ?? this.#newRow();
    row.style.setProperty("transform", `translateY(${index * this.#pitch}px)`);
    row.setAttribute("aria-rowindex", index + 1);
    this.#rows.set(index, row);
    this.#fill(row, index);
    if (!row.isConnected) this.element.append(row);
  }

  #newRow() {
    return el("div", { class: "gallery-row", role: "row" }, Array.from({ length: this.#columns }, newCell));
  }

  #release(index, row) {
    this.#rows.delete(index);
    this.#spare.push(row);
  }

  #putAway(row) {
    if (!row.isConnected) return;
    row.remove();
    for (const cell of row.children) this.#blank(cell);
  }

  #clear() {
    for (const row of this.#rows.values()) this.#putAway(row);
    this.#rows.clear();
    this.#spare = [];
  }

  #blank(cell) {
    this.#thumbnails.forget(cell.picture);
    this.#stills.forget(cell.picture);
    cell.handle = undefined;
  }

  #show(cell, index) {
    const record = this.#pages.at(index);
    const { tile, picture } = cell;
    tile.dataset.index = index;
    tile.tabIndex = index === this.#active ? 0 : -1;
    cell.hidden = index >= this.#pages.total;
    if (cell.handle === record?.handle && record) return;
    this.#blank(cell);
    cell.handle = record?.handle;
    tile.className = record ? `thumb ${record.missing ? "missing" : record.kind}` : "thumb";
    tile.setAttribute("aria-label", record ? nameOf(record) : "Loading");
    cell.words.textContent = record?.prompt ?? "";
    cell.price.textContent = record ? dollars(record.cost_usd) : "";
    const source = this.#sourceOf(record);
    if (source) source.show(picture, record.handle);
    else picture.removeAttribute("src");
  }

  /** Return what has a picture's thumbnail; undefined if nothing does. */
  #sourceOf(record) {
    if (!record || record.missing) return undefined;
    if (record.kind === "image") return this.#thumbnails;
    return record.bytes < LARGEST_VIDEO ? this.#stills : undefined;
  }

  #cellOf(index) {
    return this.#rows.get(Math.floor(index / this.#columns))?.children[index % this.#columns]?.tile;
  }

  #activate(index) {
    if (!Number.isInteger(index) || index === this.#active) return;
    this.#cellOf(this.#active)?.setAttribute("tabindex", -1);
    this.#active = index;
    this.#cellOf(index)?.setAttribute("tabindex", 0);
  }

  #withPicture(target, act) {
    const index = target.closest?.(".thumb")?.dataset.index;
    const picture = index && this.#pages.at(Number(index));
    if (picture) act(picture, Number(index));
  }

  #press(event, remove) {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if (altKey || metaKey) return;
    if (key === "Delete") return this.#withPicture(target, remove);
    const step = this.#step(key, ctrlKey);
    if (step === undefined) return;
    event.preventDefault();
    this.focus(this.#active + step);
  }

  /** Return how many pictures a key moves ahead, undefined for another key. */
  #step(key, ctrlKey) {
    const forward = getComputedStyle(this.element).direction === "rtl" ? -1 : 1;
    const column = this.#active % this.#columns;
    const screen = Math.max(1, Math.floor(innerHeight / this.#pitch) - 1) * this.#columns;
    const [home, end] = ctrlKey ? [-this.#active, this.#pages.total] : [-column, this.#columns - 1 - column];
    const steps = { ArrowRight: forward, ArrowLeft: -forward, ArrowDown: this.#columns, ArrowUp: -this.#columns };
    return { ...steps, Home: home, End: end, PageDown: screen, PageUp: -screen }[key];
  }

  #scrollTo(row) {
    const top = this.#topOf(row);
    const header = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    if (top < scrollY + header) scrollTo({ top: top - header, behavior: "instant" });
    else if (top + this.#cell > scrollY + innerHeight - CELL_GAP) {
      scrollTo({ top: top + this.#cell - innerHeight + CELL_GAP, behavior: "instant" });
    }
  }
}

function newCell() {
  const picture = el("img", { alt: "", decoding: "async", draggable: false });
  picture.addEventListener("error", () => picture.closest(".thumb:not(.video)")?.classList.add("unseen-picture"));
  const [words, price] = [el("span", { class: "thumb-words", dir: "auto" }), el("span", { class: "thumb-price" })];
  const tile = el("button", { type: "button", class: "thumb" }, picture, icon(FILLED_PLAY), el("span", { class: "thumb-caption" }, words, price));
  return Object.assign(el("div", { role: "gridcell", class: "cell" }, tile), { tile, picture, words, price });
}

function nameOf({ kind, prompt, model, cost_usd: cost, created, missing }) {
  const thing = kind === "video" ? "Video" : "Picture";
  const gone = missing && "its file is gone";
  return [thing, prompt, model, dollars(cost), DATE.format(new Date(created)), gone].filter(Boolean).join(", ");
}
