/**
 * Cut the pictures out of the contact sheet that an answer has, so that they are seen before they are loaded.
 */

import { el, fromDataUri } from "./dom.js";

/** Pixels around the cells and below them, for labels; as the server draws them. */
const GAP = 8;
const LABEL = 40;

/**
 * Return the pictures of a contact sheet, each on a canvas.
 *
 * @param {string} sheet A data URI.
 * @param {Object[]} pictures Those on the sheet, in its order.
 */
export async function cutSheet(sheet, pictures) {
  const bitmap = await createImageBitmap(fromDataUri(sheet));
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const rows = Math.ceil(pictures.length / columns);
  const width = (bitmap.width - GAP) / columns - GAP;
  const height = (bitmap.height - GAP) / rows - GAP - LABEL;
  return pictures.map((picture, index) => {
    const ratio = picture.width && picture.height ? picture.width / picture.height : width / height;
    const across = Math.min(width, height * ratio, picture.width || width);
    const down = across / ratio;
    const left = GAP + (index % columns) * (width + GAP) + (width - across) / 2;
    const top = GAP + Math.floor(index / columns) * (height + GAP + LABEL) + (height - down) / 2;
    const canvas = el("canvas", { width: Math.floor(across) - 2, height: Math.floor(down) - 2 });
    canvas.getContext("2d").drawImage(bitmap, -left - 1, -top - 1);
    return canvas;
  });
}
