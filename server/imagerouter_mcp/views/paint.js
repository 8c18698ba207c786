/**
 * Paint the part of a picture that is to change: with a pointer, a finger, or by keyboard alone.
 */

import { announce, button, el, icon, toDataUri } from "./dom.js";

/** Pixels of a mask's longer side; the server scales it to the picture. All lengths below are of the mask. */
const LONGEST = 768;
const SOFT_EDGE = 16;
const BRUSH = { least: 6, most: 240, first: 64, step: 1.25 };
const MOVE = { small: 8, big: 64 };
const MOST_UNDONE = 60;
const TINT = "rgb(255 0 90 / 0.45)";
const OUTLINE = [
  ["#000", 3.2],
  ["#fff", 1.7],
];
/** How far outline and soft edge reach beyond what is painted. */
const AROUND = 24;
export const BRUSH_ICON = ["M9 14l9-9a2 2 0 0 1 3 3l-9 9z", "M9 14c-3 0-4 2-4 4 0 1-1 2-2 2 3 1.500 9 1 9-3"];
const TOOLS = {
  brush: { label: "Brush", key: "b", icon: BRUSH_ICON },
  eraser: { label: "Eraser", key: "e", icon: ["M8 20l-5-5L14 4l6 6-10 10z", "M8 20h12", "M9 9l6 6"] },
  box: { label: "Box", key: "x", icon: ["M4 5h16v14H4z"] },
};
const PAINT_ICONS = {
  undo: ["M9 14L4 9l5-5", "M4 9h10a6 6 0 0 1 0 12h-3"],
  redo: ["M15 14l5-5-5-5", "M20 9H10a6 6 0 0 0 0 12h3"],
  clear: ["M4 7h16", "M9 7V4h6v3", "M6 7l1 13h10l1-13"],
  invert: ["M12 3a9 9 0 0 0 0 18z", "M12 3a9 9 0 0 1 0 18"],
};
const HINT = "Arrow keys move the brush, with Shift in big steps. Space paints. [ and ] change its size. Escape ends.";

/** A mask made in steps that can be undone: opaque where to change, else transparent. */
class Mask {
  done = [];
  undone = [];
  /** How much of the picture is painted, from 0 to 1. */
  share = 0;
  /** The part around it, as `edit_image` takes it. */
  words = "";
  #isSoft = false;
  #png = null;
  /** What it was when the step under way began, and the box around what that step changed. */
  #before;
  #dirty = null;

  constructor({ width, height }) {
    const scale = LONGEST / Math.max(width, height);
    this.width = Math.max(1, Math.round(width * scale));
    this.height = Math.max(1, Math.round(height * scale));
    this.all = [0, 0, this.width, this.height];
    this.pen = newPen(this);
    this.pen.lineCap = "round";
    this.pen.strokeStyle = this.pen.fillStyle = "#fff";
    this.#before = newPen(this);
  }

  get isSoft() {
    return this.#isSoft;
  }

  set isSoft(on) {
    this.#isSoft = on;
    this.#png = null;
  }

  /** Begin a step: everything that is drawn until `end`. */
  begin() {
    copy(this.pen, this.#before);
  }

  /** Draw the next piece of a stroke, and return the box around it. Pieces meet between two points. */
  stroke(points, size, erase) {
    const [last, here = last] = points.slice(-2);
    const [earlier] = points.slice(-3);
    const [from, to] = [between(earlier, last), between(last, here)];
    this.pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    this.pen.lineWidth = size;
    this.pen.beginPath();
    // A stroke of no length would leave nothing.
    this.pen.moveTo(from[0] + 0.01, from[1]);
    this.pen.quadraticCurveTo(...last, ...to);
    this.pen.stroke();
    this.pen.globalCompositeOperation = "source-over";
    return this.#touch(boxAround([from, last, to], size));
  }

  /** Draw a box in place of what this step drew before, and return the box around both. */
  box(corner, other) {
    copy(this.#before, this.pen);
    const [left, top, right, bottom] = boxAround([corner, other], 0);
    this.pen.fillRect(left, top, right - left, bottom - top);
    this.#touch([left, top, right, bottom]);
    return this.#dirty;
  }

  clear() {
    this.begin();
    this.pen.clearRect(...this.#touch(this.all));
    this.end();
  }

  invert() {
    this.begin();
    recolour(this.pen, "#fff", this.#touch(this.all), "source-out");
    this.end();
  }

  end() {
    const [left, top, right, bottom] = this.#dirty ?? [];
    this.#dirty = null;
    if (!(right > left && bottom > top)) return;
    this.done.push({ left, top, pixels: this.#before.getImageData(left, top, right - left, bottom - top) });
    this.done.splice(0, this.done.length - MOST_UNDONE);
    this.undone = [];
    this.#measure();
  }

  /** Take back what the step under way drew. */
  cancel() {
    copy(this.#before, this.pen);
    this.#dirty = null;
  }

  undo() {
    this.#swap(this.done, this.undone);
  }

  redo() {
    this.#swap(this.undone, this.done);
  }

  /** Draw it on another canvas, with its soft edge. */
  drawOn(pen) {
    if (this.#isSoft) {
      // The shadow of a mask beside the canvas: unlike `filter`, every browser blurs it.
      pen.shadowColor = "#fff";
      pen.shadowBlur = SOFT_EDGE;
      pen.shadowOffsetX = 2 * this.width;
    }
    pen.drawImage(this.pen.canvas, -pen.shadowOffsetX, 0);
    pen.shadowColor = "transparent";
    pen.shadowOffsetX = 0;
  }

  /** Return it as an opaque PNG, white where to change. */
  png() {
    this.#png ??= this.#encoded();
    return this.#png;
  }

  #encoded() {
    const pen = newPen(this);
    pen.fillRect(...this.all);
    this.drawOn(pen);
    return greyPng(pen.getImageData(...this.all));
  }

  #swap(from, to) {
    const step = from.pop();
    if (!step) return;
    const { left, top, pixels } = step;
    to.push({ left, top, pixels: this.pen.getImageData(left, top, pixels.width, pixels.height) });
    this.pen.putImageData(pixels, left, top);
    this.#measure();
  }

  #touch([left, top, right, bottom]) {
    const box = [Math.max(0, left), Math.max(0, top), Math.min(this.width, right), Math.min(this.height, bottom)];
    this.#dirty = united(this.#dirty, box);
    return box;
  }

  #measure() {
    this.#png = null;
    const { width, height } = this;
    const { data } = this.pen.getImageData(...this.all);
    let [count, left, top, right, bottom] = [0, width, height, 0, 0];
    for (let at = 0; at < width * height; at++) {
      if (data[4 * at + 3] < 128) continue;
      const [x, y] = [at % width, Math.floor(at / width)];
      count += 1;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = y + 1;
    }
    this.share = count / (width * height);
    const [x, y, across, down] = [left / width, top / height, (right - left) / width, (bottom - top) / height];
    this.words = `box:${[x, y, across, down].map((each) => `${(100 * each).toFixed(1)}%`)}`;
  }
}

/**
 * Return what paints over a picture: its tools, and what is painted.
 *
 * @param {HTMLElement} surface Covers the picture exactly, also when it is zoomed, and is positioned.
 * @param {{width: number|null, height: number|null}} picture
 * @param {Object} listeners
 * @param {() => void} listeners.onChange Called when something else is painted.
 * @param {() => void} listeners.onClose Called when the person wants to end.
 */
export function painter(surface, picture, { onChange, onClose }) {
  let mask, overlay, scratch, canvas, at;
  let tool = "brush";
  let size = BRUSH.first;
  /** The points of the stroke under way, and what draws it: a pointer's id or a key. */
  let points = null;
  let drawnBy = null;
  /** The box in which the overlay is to be drawn anew. */
  let stale = null;
  const ring = el("div", { class: "paint-ring", hidden: true });
  const choices = Object.entries(TOOLS).map(([name, { label, icon: paths, key }]) =>
    button([icon(...paths), label], () => choose(name), { "aria-keyshortcuts": key, "data-tool": name }),
  );
  const slider = el("input", {
    type: "range",
    min: BRUSH.least,
    max: BRUSH.most,
    value: size,
    "aria-label": "Brush size",
    oninput: () => resize(Number(slider.value)),
  });
  const act = (name, label) => button(icon(...PAINT_ICONS[name]), () => alter(() => mask[name]()), { label });
  const [undo, redo, clear, invert] = [
    act("undo", "Undo"),
    act("redo", "Redo"),
    act("clear", "Clear"),
    act("invert", "Invert: change everything else"),
  ];
  const soft = button("Soft edge", () => alter(() => (mask.isSoft = !mask.isSoft)));
  const state = el("span", { id: "paint-state", dir: "auto" });
  const tools = el(
    "div",
    { class: "paint-tools", role: "group", "aria-label": "Painting tools", hidden: true },
    el("div", { class: "joined" }, choices),
    slider,
    el("div", { class: "joined" }, undo, redo, clear, invert, soft),
    el("p", {}, state, el("span", { id: "paint-hint", dir: "auto" }, HINT)),
  );
  return {
    tools,
    show,
    png: () => mask.png(),
    outline,
    get isPart() {
      return mask?.share > 0 && mask.share < 1;
    },
    get box() {
      return mask.words;
    },
  };

  /** Begin or end painting; what is painted stays on the picture. */
  function show(on) {
    if (!mask) prepare();
    stop();
    tools.hidden = !on;
    ring.hidden = true;
    canvas.tabIndex = on ? 0 : -1;
    canvas.classList.toggle("open", on);
    if (!on && !mask.share) return canvas.remove();
    surface.append(canvas, ring);
    if (on) canvas.focus({ preventScroll: true });
  }

  /** Return a canvas with the outline of what is painted. */
  function outline() {
    const pen = newPen(mask);
    pen.canvas.className = "paint-canvas";
    drawOverlay(pen, scratch, mask);
    return pen.canvas;
  }

  function prepare() {
    const { width, height } = picture;
    mask = new Mask(width && height ? picture : { width: surface.offsetWidth, height: surface.offsetHeight });
    at = [mask.width / 2, mask.height / 2];
    overlay = newPen(mask);
    scratch = newPen(mask);
    canvas = overlay.canvas;
    const named = {
      class: "paint-canvas",
      role: "application",
      "aria-label": "Paint where the picture is to change",
      "aria-describedby": "paint-state paint-hint",
    };
    for (const [name, value] of Object.entries(named)) canvas.setAttribute(name, value);
    const listeners = {
      pointerdown,
      pointermove,
      pointerup: ({ pointerId }) => pointerId === drawnBy && stop(),
      pointercancel: ({ pointerId }) => pointerId === drawnBy && stop(),
      pointerleave: () => (ring.hidden = true),
      dblclick: (event) => event.stopPropagation(),
      focus: () => tools.classList.toggle("keys", canvas.matches(":focus-visible")),
      blur: () => typeof drawnBy === "string" && stop(),
      keydown,
      keyup: ({ key }) => key === " " && drawnBy === key && tool !== "box" && stop(),
    };
    for (const [type, listener] of Object.entries(listeners)) canvas.addEventListener(type, listener);
    choose(tool);
    refresh();
  }

  function choose(name) {
    tool = name;
    for (const each of choices) each.ariaPressed = String(each.dataset.tool === name);
    slider.disabled = name === "box";
    showRing();
  }

  function resize(wanted) {
    size = Math.min(BRUSH.most, Math.max(BRUSH.least, wanted));
    slider.value = size;
    showRing();
  }

  function pointerdown(event) {
    if (event.button !== 0 || points) return;
    event.preventDefault();
    event.stopPropagation();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    start(placeOf(event), event.pointerId);
  }

  function pointermove(event) {
    ring.hidden = event.pointerType === "touch";
    if (typeof drawnBy !== "string") at = placeOf(event);
    showRing();
    if (event.pointerId !== drawnBy) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length ? passed : [event]) extend(placeOf(each));
  }

  function keydown(event) {
    const { key, shiftKey, repeat } = event;
    const keys = {
      ArrowLeft: () => step(-1, 0, shiftKey),
      ArrowRight: () => step(1, 0, shiftKey),
      ArrowUp: () => step(0, -1, shiftKey),
      ArrowDown: () => step(0, 1, shiftKey),
      " ": () => repeat || (points ? stop() : start(at, key)),
      Enter: () => repeat || (points ? stop() : start(at, key)),
      Escape: () => (points ? abandon() : onClose()),
      "[": () => resize(size / BRUSH.step),
      "]": () => resize(size * BRUSH.step),
      ...Object.fromEntries(Object.entries(TOOLS).map(([name, each]) => [each.key, () => choose(name)])),
    };
    const commands = { z: () => alter(() => (shiftKey ? mask.redo() : mask.undo())), y: () => alter(() => mask.redo()) };
    // AltGr, which types [ on some keyboards, counts as Ctrl with Alt.
    const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey;
    const does = (isCommand ? commands : keys)[key.length > 1 ? key : key.toLowerCase()];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    tools.classList.add("keys");
    does();
  }

  function step(across, down, isBig) {
    const far = isBig ? MOVE.big : MOVE.small;
    const inside = (value, most) => Math.min(most, Math.max(0, value));
    at = [inside(at[0] + across * far, mask.width), inside(at[1] + down * far, mask.height)];
    if (points) extend(at);
    ring.hidden = false;
    showRing();
    const [x, y] = [at[0] / mask.width, at[1] / mask.height].map((share) => Math.round(100 * share));
    announce(`${x}% across, ${y}% down`);
  }

  function start(point, by) {
    mask.begin();
    points = [];
    drawnBy = by;
    extend(point);
  }

  function extend(point) {
    points.push(point);
    draw(tool === "box" ? mask.box(points[0], point) : mask.stroke(points, size, tool === "eraser"));
  }

  function stop() {
    if (!points) return;
    extend(points.at(-1));
    points = drawnBy = null;
    mask.end();
    refresh(true);
  }

  function abandon() {
    points = drawnBy = null;
    mask.cancel();
    draw();
  }

  function alter(change) {
    stop();
    change();
    refresh(true);
  }

  function placeOf({ clientX, clientY }) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((clientX - left) / width) * mask.width, ((clientY - top) / height) * mask.height];
  }

  function showRing() {
    const percent = (length, side) => `${(100 * length) / side}%`;
    ring.style.width = percent(tool === "box" ? 12 : size, mask.width);
    ring.style.left = percent(at[0], mask.width);
    ring.style.top = percent(at[1], mask.height);
  }

  function refresh(isChanged = false) {
    undo.disabled = !mask.done.length;
    redo.disabled = !mask.undone.length;
    clear.disabled = !mask.share;
    soft.ariaPressed = String(mask.isSoft);
    state.textContent = shareInWords(mask.share);
    draw();
    if (!isChanged) return;
    announce(state.textContent);
    onChange();
  }

  function draw(box = mask.all) {
    if (!stale) requestAnimationFrame(redraw);
    stale = united(stale, boxAround([box.slice(0, 2), box.slice(2)], AROUND));
  }

  function redraw() {
    drawOverlay(overlay, scratch, mask, { tint: TINT, box: stale });
    stale = null;
  }
}

/**
 * Outline what a mask selects in black and white, and tint it, so that it shows on every picture.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {CanvasRenderingContext2D} scratch Of the same size.
 * @param {Mask} mask
 * @param {{tint?: string, box?: number[]}} options `box` is what to draw anew.
 */
function drawOverlay(pen, scratch, mask, { tint, box = mask.all } = {}) {
  const [left, top, right, bottom] = box;
  for (const each of [pen, scratch]) {
    each.save();
    each.beginPath();
    each.rect(left, top, right - left, bottom - top);
    each.clip();
  }
  pen.clearRect(...mask.all);
  for (const [colour, wide] of OUTLINE) {
    scratch.clearRect(...mask.all);
    for (let angle = 0; angle < 2 * Math.PI; angle += Math.PI / 4) {
      scratch.drawImage(mask.pen.canvas, wide * Math.cos(angle), wide * Math.sin(angle));
    }
    recolour(scratch, colour, mask.all);
    pen.drawImage(scratch.canvas, 0, 0);
  }
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(mask.pen.canvas, 0, 0);
  pen.globalCompositeOperation = "source-over";
  if (tint) {
    scratch.clearRect(...mask.all);
    mask.drawOn(scratch);
    recolour(scratch, tint, mask.all);
    pen.drawImage(scratch.canvas, 0, 0);
  }
  for (const each of [pen, scratch]) each.restore();
}

/** Give what is drawn another colour. */
function recolour(pen, colour, box, how = "source-in") {
  pen.globalCompositeOperation = how;
  pen.fillStyle = colour;
  pen.fillRect(...box);
  pen.globalCompositeOperation = "source-over";
}

function newPen({ width, height }) {
  return el("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
}

function copy({ canvas }, pen) {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(canvas, 0, 0);
}

function between([x, y], [otherX, otherY]) {
  return [(x + otherX) / 2, (y + otherY) / 2];
}

/** Return left, top, right and bottom of a box around points. */
function boxAround(points, margin) {
  const [across, down] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const least = (all) => Math.floor(Math.min(...all) - margin);
  const most = (all) => Math.ceil(Math.max(...all) + margin);
  return [least(across), least(down), most(across), most(down)];
}

function united(one, other) {
  return one ? one.map((side, at) => Math[at < 2 ? "min" : "max"](side, other[at])) : other;
}

function shareInWords(share) {
  if (!share) return "Nothing is painted yet.";
  const percent = share < 0.001 ? "Less than 0.1" : share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share);
  return `${percent}% of the picture is painted.`;
}

/** Encode the red of pixels as a PNG in 16 levels of grey: it has no transparency, and few bytes. */
async function greyPng({ data, width, height }) {
  const stride = 1 + Math.ceil(width / 2);
  const rows = new Uint8Array(stride * height);
  for (let at = 0; at < width * height; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    rows[y * stride + 1 + (x >> 1)] |= (data[4 * at] >> 4) << (x % 2 ? 0 : 4);
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const pixels = new Uint8Array(await new Response(packed).arrayBuffer());
  const header = [...bigEndian(width), ...bigEndian(height), 4, 0, 0, 0, 0];
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const chunks = [pngChunk("IHDR", header), pngChunk("IDAT", pixels), pngChunk("IEND", [])];
  return toDataUri(new Blob([signature, ...chunks], { type: "image/png" }));
}

/** Return a chunk of a PNG: length, name, data, and the checksum of the last two. */
function pngChunk(name, data) {
  const named = [...new TextEncoder().encode(name), ...data];
  let sum = ~0;
  for (const byte of named) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return Uint8Array.from([...bigEndian(data.length), ...named, ...bigEndian(~sum)]);
}

function bigEndian(number) {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);
}
