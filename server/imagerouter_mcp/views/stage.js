/**
 * Draw a picture into a place of its own shape, where a sharper copy replaces it without a jump.
 */

import { el, pictureElement } from "./dom.js";

/** The place of one picture. What lies over the picture is put into `surface`, which has its shape. */
export class Stage {
  drawing = null;
  surface = el("div", { class: "surface" });

  /**
   * @param {Object} picture As in `readResult`.
   * @param {Object} [props] Of the element.
   */
  constructor({ width, height, prompt, handle }, props) {
    this.label = prompt || `Picture ${handle}`;
    this.element = el("div", { class: "stage", ...props }, this.surface);
    this.#shape(width, height);
  }

  /** Return the width of the drawn copy in pixels. */
  get pixels() {
    return this.drawing ? sizeOf(this.drawing)[0] : 0;
  }

  /** Draw a copy in place of the last one. Previews have their chessboard painted in. */
  async draw(source, { isPreview = false } = {}) {
    const drawing = await pictureElement(source, this.label);
    drawing.draggable = false;
    this.#shape(...sizeOf(drawing));
    this.put(drawing);
    this.surface.classList.toggle("board", !isPreview);
    this.element.toggleAttribute("data-sharp", !isPreview);
  }

  /** Put an element in the place of the picture. */
  put(drawing) {
    this.drawing?.remove();
    this.drawing = drawing;
    this.surface.prepend(drawing);
  }

  #shape(width, height) {
    if (this.ratio || !height) return;
    this.ratio = width / height;
    this.element.style.setProperty("--ratio", this.ratio);
    this.element.style.setProperty("--widest", `${width}px`);
  }
}

/** Return a copy of a drawn picture. */
export function copyOf(drawing) {
  const [width, height] = sizeOf(drawing);
  const canvas = el("canvas", { width, height });
  canvas.getContext("2d").drawImage(drawing, 0, 0);
  return canvas;
}

function sizeOf({ naturalWidth, naturalHeight, width, height }) {
  return [naturalWidth || width, naturalHeight || height];
}
