/**
 * Paint the part of a picture that is to change: with a pointer, a finger, or by keyboard alone.
 */

import { announce, button, el, icon, toDataUri } from "./dom.js";

/** Pixels of a mask's longer side; the server scales it to the picture. */
const LONGEST = 768;
/** Width of a soft edge, as a share of the longer side. */
const SOFT_EDGE = 0.02;
const MOST_UNDONE = 60;
/** Pixels of the mask. */
const BRUSH = { least: 6, most: 240, first: 64, step: 1.25 };
const MOVE = { small: 8, big: 64 };
const TINT = ["rgb(255 0 90 / 0.5)", "rgb(255 0 90 / 0.25)"];
const OUTLINE = [
  ["#000", 3.2],
  ["#fff", 1.7],
];
/** Pixels by which outline and soft edge reach beyond what is painted. */
const AROUND = 24;
/** Pixels of the tile that the tint repeats. */
const HATCH = 16;
const TOOLS = {
  brush: { label: "Brush", key: "b", icon: ["M9 14l9-9a2 2 0 0 1 3 3l-9 9z", "M9 14c-3 0-4 2-4 4 0 1-1 2-2 2 3 1.5 9 1 9-3"] },
  eraser: { label: "Eraser", key: "e", icon: ["M8 20l-5-5L14 4l6 6-10 10z", "M8 20h12", "M9 9l6 6"] },
  box: { label: "Box", key: "x", icon: ["M4 5h16v14H4z"] },
};
const ICONS = {
  undo: ["M9 14L4 9l5-5", "M4 9h10a6 6 0 0 1 0 12h-3"],
  redo: ["M15 14l5-5-5-5", "M20 9H10a6 6 0 0 0 0 12h3"],
  clear: ["M4 7h16", "M9 7V4h6v3", "M6 7l1 13h10l1-13"],
  invert: ["M12 3a9 9 0 0 0 0 18z", "M12 3a9 9 0 0 1 0 18", "M9 5v14", "M6 8v8"],
};

function newPen(width, height) {
  const canvas = el("canvas", { width, height });
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** A mask made in steps that can be undone: opaque where to change, else transparent. */
export class Mask {
  /** What it was when the step under way began. */
  #before;
  /** The box around what that step changed: left, top, right, bottom. */
  #dirty = null;
  #undone = [];
  #done = [];
  #png = null;
  #soft = false;

  constructor(width, height) {
    const scale = LONGEST / Math.max(width, height);
    this.width = Math.max(1, Math.round(width * scale));
    this.height = Math.max(1, Math.round(height * scale));
    /** How much of the picture is painted, from 0 to 1. */
    this.share = 0;
    /** The whole of it, as a box. */
    this.all = [0, 0, this.width, this.height];
    this.pen = newPen(this.width, this.height);
    this.pen.lineCap = this.pen.lineJoin = "round";
    this.#before = newPen(this.width, this.height);
  }

  get soft() {
    return this.#soft;
  }

  set soft(on) {
    this.#soft = on;
    this.#png = null;
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Begin a step; until `end`, everything that is drawn belongs to it. */
  begin() {
    this.#put(this.#before, this.pen.canvas);
    this.#dirty = null;
  }

  /**
   * Draw the next piece of a stroke, from between its points before to between its last two.
   *
   * @returns {number[]} The box around it.
   */
  stroke(points, size, erase) {
    const [last, here = last] = points.slice(-2);
    const [earlier] = points.slice(-3);
    const [from, to] = [middleOf(earlier, last), middleOf(last, here)];
    this.pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    this.pen.strokeStyle = "#fff";
    this.pen.lineWidth = size;
    this.pen.beginPath();
    // A stroke of no length would leave nothing.
    this.pen.moveTo(from[0] + 0.01, from[1]);
    this.pen.quadraticCurveTo(...last, ...to);
    this.pen.stroke();
    this.pen.globalCompositeOperation = "source-over";
    return this.#touch(boxAround([from, last, to], size));
  }

  /**
   * Draw a box in place of what this step drew before.
   *
   * @returns {number[]} The box around both.
   */
  box(...corners) {
    this.#put(this.pen, this.#before.canvas);
    const [left, top, right, bottom] = boxAround(corners, 0);
    this.pen.fillStyle = "#fff";
    this.pen.fillRect(left, top, right - left, bottom - top);
    this.#touch([left, top, right, bottom]);
    return this.#dirty;
  }

  clear() {
    this.begin();
    this.pen.clearRect(...this.all);
    this.#touch(this.all);
    this.end();
  }

  invert() {
    this.begin();
    this.pen.globalCompositeOperation = "source-out";
    this.pen.fillStyle = "#fff";
    this.pen.fillRect(...this.all);
    this.pen.globalCompositeOperation = "source-over";
    this.#touch(this.all);
    this.end();
  }

  /** End a step, so that it can be undone. */
  end() {
    if (!this.#dirty) return;
    const [left, top, right, bottom] = this.#dirty;
    this.#dirty = null;
    if (right <= left || bottom <= top) return;
    const pixels = this.#before.getImageData(left, top, right - left, bottom - top);
    this.#done.push({ pixels, left, top });
    this.#done.splice(0, this.#done.length - MOST_UNDONE);
    this.#undone = [];
    this.#measure();
  }

  /** Take back what the step under way drew. */
  cancel() {
    this.#put(this.pen, this.#before.canvas);
    this.#dirty = null;
  }

  undo() {
    this.#swap(this.#done, this.#undone);
  }

  redo() {
    this.#swap(this.#undone, this.#done);
  }

  /** Draw what is to change onto another canvas of this size, with its soft edge. */
  drawOn(pen) {
    pen.save();
    if (this.soft) {
      // The shadow of a mask beside the canvas: unlike `filter`, every browser blurs it.
      pen.shadowColor = "#fff";
      pen.shadowBlur = SOFT_EDGE * LONGEST;
      pen.shadowOffsetX = 2 * this.width;
      pen.drawImage(this.pen.canvas, -2 * this.width, 0);
    } else pen.drawImage(this.pen.canvas, 0, 0);
    pen.restore();
  }

  /** Whether it selects a part: not nothing, and not the whole picture. */
  get isPart() {
    return this.share > 0 && this.share < 1;
  }

  /** Return the mask as an opaque PNG, white where to change. */
  async png() {
    if (!this.#png) {
      const pen = newPen(this.width, this.height);
      pen.fillRect(...this.all);
      this.drawOn(pen);
      const { data } = pen.getImageData(...this.all);
      this.#png = greyPng(data, this.width, this.height);
    }
    return this.#png;
  }

  /** Return the box around what is painted, in per cent of the picture, as `edit_image` takes it. */
  words() {
    const { data } = this.pen.getImageData(...this.all);
    let [left, top, right, bottom] = [this.width, this.height, 0, 0];
    for (let at = 3, x = 0, y = 0; at < data.length; at += 4) {
      if (data[at] > 127) {
        [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
      }
      if (++x === this.width) [x, y] = [0, y + 1];
    }
    const percent = (pixels, of) => `${Math.round((1000 * pixels) / of) / 10}%`;
    const across = [left, right - left].map((pixels) => percent(pixels, this.width));
    const down = [top, bottom - top].map((pixels) => percent(pixels, this.height));
    return `box:${across[0]},${down[0]},${across[1]},${down[1]}`;
  }

  #swap(from, to) {
    const step = from.pop();
    if (!step) return;
    const { pixels, left, top } = step;
    to.push({ pixels: this.pen.getImageData(left, top, pixels.width, pixels.height), left, top });
    this.pen.putImageData(pixels, left, top);
    this.#measure();
  }

  #put(pen, canvas) {
    pen.clearRect(...this.all);
    pen.drawImage(canvas, 0, 0);
  }

  #touch([left, top, right, bottom]) {
    const box = [Math.max(0, left), Math.max(0, top), Math.min(this.width, right), Math.min(this.height, bottom)];
    this.#dirty = united(this.#dirty, box);
    return box;
  }

  #measure() {
    this.#png = null;
    const { data } = this.pen.getImageData(...this.all);
    let painted = 0;
    for (let at = 3; at < data.length; at += 4) painted += data[at] > 127;
    this.share = painted / (this.width * this.height);
  }
}

function middleOf([x, y], [otherX, otherY]) {
  return [(x + otherX) / 2, (y + otherY) / 2];
}

function boxAround(points, margin) {
  const across = points.map(([x]) => x);
  const down = points.map(([, y]) => y);
  const [left, top] = [across, down].map((all) => Math.floor(Math.min(...all) - margin));
  const [right, bottom] = [across, down].map((all) => Math.ceil(Math.max(...all) + margin));
  return [left, top, right, bottom];
}

function united(one, other) {
  return one ? one.map((side, at) => Math[at < 2 ? "min" : "max"](side, other[at])) : other;
}

/** Encode the red of pixels as a PNG in 16 levels of grey: without transparency, and a tenth of a canvas's own. */
async function greyPng(pixels, width, height) {
  const stride = 1 + Math.ceil(width / 2);
  const rows = new Uint8Array(stride * height);
  for (let at = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) rows[y * stride + 1 + (x >> 1)] |= (pixels[at] >> 4) << (x % 2 ? 0 : 4);
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const size = new DataView(new ArrayBuffer(13));
  size.setUint32(0, width);
  size.setUint32(4, height);
  size.setUint8(8, 4);
  const data = await new Response(packed).arrayBuffer();
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  return toDataUri(new Blob([signature, ...chunk("IHDR", size.buffer), ...chunk("IDAT", data), ...chunk("IEND", [])], { type: "image/png" }));
}

/** Return a chunk of a PNG: length, name, data and checksum. */
function chunk(name, data) {
  const named = new TextEncoder().encode(name);
  const bytes = new Uint8Array(data);
  let sum = ~0;
  for (const part of [named, bytes]) {
    for (const byte of part) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
  }
  return [bigEndian(bytes.length), named, bytes, bigEndian(~sum)];
}

function bigEndian(number) {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, number);
  return view;
}

/**
 * Outline what a mask selects in black and white, and tint it, so that it shows on every picture.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {CanvasRenderingContext2D} scratch Of the same size.
 * @param {Mask} mask
 * @param {{tinted?: boolean, box?: number[]}} options `box` is what to draw anew: left, top, right, bottom.
 */
function drawOverlay(pen, scratch, mask, { tinted = false, box = mask.all } = {}) {
  const [left, top, right, bottom] = box;
  for (const each of [pen, scratch]) {
    each.save();
    each.beginPath();
    each.rect(left, top, right - left, bottom - top);
    each.clip();
  }
  pen.clearRect(...mask.all);
  for (const [colour, wide] of OUTLINE) drawRing(pen, scratch, mask, colour, wide);
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(mask.pen.canvas, 0, 0);
  pen.globalCompositeOperation = "source-over";
  if (tinted) {
    scratch.clearRect(...mask.all);
    mask.drawOn(scratch);
    fillDrawn(scratch, hatchFor(scratch), mask);
    pen.drawImage(scratch.canvas, 0, 0);
  }
  for (const each of [pen, scratch]) each.restore();
}

function drawRing(pen, scratch, mask, colour, wide) {
  scratch.clearRect(...mask.all);
  for (let turn = 0; turn < 8; turn++) {
    const angle = (turn * Math.PI) / 4;
    scratch.drawImage(mask.pen.canvas, wide * Math.cos(angle), wide * Math.sin(angle));
  }
  fillDrawn(scratch, colour, mask);
  pen.drawImage(scratch.canvas, 0, 0);
}

/** Give what is drawn another colour. */
function fillDrawn(pen, style, mask) {
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = style;
  pen.fillRect(...mask.all);
  pen.globalCompositeOperation = "source-over";
}

/** Return diagonal stripes as a fill. */
function hatchFor(pen) {
  const tile = newPen(HATCH, HATCH);
  const stripes = tile.createLinearGradient(0, 0, HATCH, HATCH);
  for (const [at, colour] of [0, 0.25, 0.5, 0.75].map((at, index) => [at, TINT[index % 2]])) {
    stripes.addColorStop(at, colour);
    stripes.addColorStop(at + 0.25, colour);
  }
  tile.fillStyle = stripes;
  tile.fillRect(0, 0, HATCH, HATCH);
  return pen.createPattern(tile.canvas, "repeat");
}

/** Painting over a picture: a canvas that lies on it, and the tools. */
export class Painter {
  #stage;
  #onChange;
  #onClose;
  #tool = "brush";
  #size = BRUSH.first;
  #at;
  /** The points of the stroke under way, or the first corner of a box. */
  #points = null;
  /** What draws it: a pointer's id, " " or "Enter". */
  #drawnBy = null;
  #frame = 0;
  /** The box in which the overlay is to be drawn anew. */
  #stale = null;

  /**
   * @param {HTMLElement} stage Covers the picture exactly, also when it is zoomed, and is positioned.
   * @param {{width: number, height: number}} size The picture's; only the ratio counts.
   * @param {{onChange: function(): void, onClose: function(): void}} listeners Told what is painted, and when
   *   painting ends.
   */
  constructor(stage, { width, height }, { onChange, onClose }) {
    this.#stage = stage;
    this.#onChange = onChange;
    this.#onClose = onClose;
    this.mask = new Mask(width, height);
    this.#at = [this.mask.width / 2, this.mask.height / 2];
    this.overlay = newPen(this.mask.width, this.mask.height);
    this.scratch = newPen(this.mask.width, this.mask.height);
    this.canvas = this.#canvas();
    this.ring = el("div", { class: "paint-ring", hidden: true });
    this.state = el("span", { class: "paint-state", id: "paint-state" });
    this.element = this.#toolbar();
    this.#choose("brush");
    this.#refresh();
  }

  /** Begin or go on painting. */
  open() {
    this.#stage.append(this.canvas, this.ring);
    this.canvas.classList.add("is-open");
    this.canvas.tabIndex = 0;
    this.element.hidden = false;
    this.canvas.focus({ preventScroll: true });
  }

  /** End painting; what is painted stays on the picture. */
  close() {
    this.#stop();
    this.canvas.classList.remove("is-open");
    this.canvas.tabIndex = -1;
    this.element.hidden = this.ring.hidden = true;
    if (!this.mask.share) this.remove();
    this.#onClose();
  }

  /** Take everything off the picture. */
  remove() {
    this.canvas.remove();
    this.ring.remove();
  }

  /** Return a canvas with the outline of what is painted. */
  outline() {
    const pen = newPen(this.mask.width, this.mask.height);
    drawOverlay(pen, this.scratch, this.mask);
    pen.canvas.className = "paint-canvas";
    return pen.canvas;
  }

  #canvas() {
    const { canvas } = this.overlay;
    canvas.className = "paint-canvas";
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", "Paint where the picture is to change");
    canvas.setAttribute("aria-describedby", "paint-hint paint-state");
    const listeners = {
      pointerdown: (event) => this.#press(event),
      pointermove: (event) => this.#move(event),
      pointerup: (event) => this.#lift(event),
      pointercancel: (event) => this.#lift(event),
      pointerleave: () => (this.ring.hidden = true),
      contextmenu: (event) => event.preventDefault(),
      focus: () => this.element.classList.toggle("by-keyboard", canvas.matches(":focus-visible")),
      keydown: (event) => this.#key(event),
      dblclick: (event) => event.stopPropagation(),
      keyup: ({ key }) => key === " " && this.#drawnBy === " " && this.#tool !== "box" && this.#stop(),
      blur: () => this.#leave(),
    };
    for (const [type, listener] of Object.entries(listeners)) canvas.addEventListener(type, listener);
    return canvas;
  }

  #toolbar() {
    const chosen = Object.entries(TOOLS).map(([name, tool]) =>
      button([icon(...tool.icon), el("span", {}, tool.label)], () => this.#choose(name), {
        class: "paint-tool",
        "data-tool": name,
        "aria-keyshortcuts": tool.key,
      }),
    );
    const { least, most } = BRUSH;
    const oninput = () => this.#resize(Number(this.slider.value));
    this.slider = el("input", { type: "range", min: least, max: most, value: BRUSH.first, oninput });
    this.slider.setAttribute("aria-label", "Brush size");
    const act = (name, label, act) => button(icon(...ICONS[name]), () => this.#change(act), { label, class: "paint-icon" });
    this.undo = act("undo", "Undo", () => this.mask.undo());
    this.redo = act("redo", "Redo", () => this.mask.redo());
    this.clear = act("clear", "Clear", () => this.mask.clear());
    this.invert = act("invert", "Invert: change everything else", () => this.mask.invert());
    this.soft = button("Soft edge", () => this.#change(() => (this.mask.soft = !this.mask.soft)), { class: "paint-soft" });
    const hint = "Arrow keys move the brush, with Shift in big steps. Space paints. [ and ] change its size. Escape ends.";
    return el(
      "div",
      { class: "paint-tools", role: "toolbar", "aria-label": "Painting tools" },
      el("div", { class: "paint-choice" }, chosen),
      this.slider,
      el("div", { class: "paint-acts" }, this.undo, this.redo, this.clear, this.invert, this.soft),
      el("p", { class: "paint-words" }, this.state, el("span", { id: "paint-hint", class: "paint-hint" }, hint)),
    );
  }

  #choose(name) {
    this.#tool = name;
    for (const each of this.element.querySelectorAll("[data-tool]")) {
      each.setAttribute("aria-pressed", String(each.dataset.tool === name));
    }
    this.slider.disabled = name === "box";
    this.#showRing();
  }

  #resize(size) {
    this.#size = Math.min(BRUSH.most, Math.max(BRUSH.least, size));
    this.slider.value = this.#size;
    this.#showRing();
  }

  #press(event) {
    if (event.button !== 0 || this.#points) return;
    event.preventDefault();
    event.stopPropagation();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.#start(this.#place(event), event.pointerId);
  }

  #move(event) {
    this.ring.hidden = event.pointerType === "touch";
    this.#goTo(this.#place(event), { draw: false });
    if (event.pointerId !== this.#drawnBy) return;
    event.stopPropagation();
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length ? passed : [event]) this.#extend(this.#place(each));
  }

  #lift(event) {
    if (event.pointerId === this.#drawnBy) this.#stop();
  }

  #leave() {
    this.ring.hidden = true;
    if (typeof this.#drawnBy === "string") this.#stop();
  }

  #key(event) {
    const { key, shiftKey } = event;
    const keys = {
      ArrowLeft: () => this.#step(-1, 0, shiftKey),
      ArrowRight: () => this.#step(1, 0, shiftKey),
      ArrowUp: () => this.#step(0, -1, shiftKey),
      ArrowDown: () => this.#step(0, 1, shiftKey),
      " ": () => event.repeat || this.#toggle(" "),
      Enter: () => event.repeat || this.#toggle("Enter"),
      Escape: () => (this.#points ? this.#abandon() : this.close()),
      "[": () => this.#resize(this.#size / BRUSH.step),
      "]": () => this.#resize(this.#size * BRUSH.step),
    };
    for (const [name, tool] of Object.entries(TOOLS)) keys[tool.key] = () => this.#choose(name);
    const commands = {
      z: () => this.#change(() => (shiftKey ? this.mask.redo() : this.mask.undo())),
      y: () => this.#change(() => this.mask.redo()),
    };
    const command = event.ctrlKey || event.metaKey;
    const act = (command ? commands : keys)[key.length === 1 ? key.toLowerCase() : key];
    if (!act || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.element.classList.add("by-keyboard");
    act();
  }

  /** Put the brush down or lift it; of a box, set the next corner. */
  #toggle(by) {
    if (this.#points) this.#stop();
    else this.#start(this.#at, by);
  }

  #step(across, down, big) {
    const far = big ? MOVE.big : MOVE.small;
    this.#goTo([this.#at[0] + across * far, this.#at[1] + down * far], { draw: typeof this.#drawnBy === "string" });
    this.ring.hidden = false;
    const [x, y] = [this.#at[0] / this.mask.width, this.#at[1] / this.mask.height].map((share) => Math.round(100 * share));
    announce(`${x}% across, ${y}% down`);
  }

  #goTo([x, y], { draw }) {
    const { width, height } = this.mask;
    this.#at = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
    if (draw) this.#extend(this.#at);
    this.#showRing();
  }

  #start(point, by) {
    this.mask.begin();
    this.#points = [];
    this.#drawnBy = by;
    this.#extend(point);
  }

  #extend(point) {
    this.#points.push(point);
    const isBox = this.#tool === "box";
    this.#draw(
      isBox
        ? this.mask.box(this.#points[0], point)
        : this.mask.stroke(this.#points, this.#size, this.#tool === "eraser"),
    );
  }

  #stop() {
    if (!this.#points) return;
    this.#extend(this.#points.at(-1));
    this.#points = this.#drawnBy = null;
    this.mask.end();
    this.#refresh({ tell: true });
  }

  #abandon() {
    this.#points = this.#drawnBy = null;
    this.mask.cancel();
    this.#draw();
  }

  #change(act) {
    this.#stop();
    act();
    this.#refresh({ tell: true });
  }

  #place({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((clientX - left) / width) * this.mask.width, ((clientY - top) / height) * this.mask.height];
  }

  #showRing() {
    const { width, height } = this.mask;
    const size = this.#tool === "box" ? 12 : this.#size;
    this.ring.style.inlineSize = `${(100 * size) / width}%`;
    this.ring.style.left = `${(100 * this.#at[0]) / width}%`;
    this.ring.style.top = `${(100 * this.#at[1]) / height}%`;
  }

  #refresh({ tell = false } = {}) {
    const { mask } = this;
    this.undo.disabled = !mask.canUndo;
    this.redo.disabled = !mask.canRedo;
    this.clear.disabled = !mask.share;
    this.soft.setAttribute("aria-pressed", String(mask.soft));
    this.state.textContent = shareInWords(mask.share);
    this.#draw();
    if (!tell) return;
    announce(this.state.textContent);
    this.#onChange();
  }

  #draw(box = this.mask.all) {
    this.#stale = united(this.#stale, boxAround([box.slice(0, 2), box.slice(2)], AROUND));
    this.#frame ||= requestAnimationFrame(() => {
      drawOverlay(this.overlay, this.scratch, this.mask, { tinted: true, box: this.#stale });
      this.#stale = null;
      this.#frame = 0;
    });
  }
}

function shareInWords(share) {
  if (!share) return "Nothing is painted yet.";
  const percent = share < 0.001 ? "less than 0.1" : share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share);
  return `${percent}% of the picture is painted.`;
}
