/**
 * Build elements. Text of others only ever becomes a text node, so no markup in it takes effect.
 */

export const SVG = "http://www.w3.org/2000/svg";

/**
 * Return an element.
 *
 * @param {string} tag
 * @param {Object} props Properties; `class`, `role`, `dir`, `aria-…` and `data-…` become attributes, `on…`
 *   listeners, `style` an object of properties. Those that are null, undefined or false are left out.
 * @param {...(Node|string|null|false|Array)} children
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProperty(element, name, value);
  element.append(...shownChildren(children));
  return element;
}

/** Return an element that holds text of others: it takes its own direction. */
export function theirs(tag, text, props = {}) {
  return el(tag, { dir: "auto", ...props }, String(text));
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...shownChildren(children));
  return element;
}

/** Replace what an element holds. If the focus was in there, it goes to what a person probably uses next. */
export function refill(element, ...children) {
  const { activeElement } = document;
  const hadFocus = element !== activeElement && element.contains(activeElement);
  fill(element, ...children);
  if (!hadFocus) return;
  const next = [".change-line", ".tile", "button"].map((each) => element.querySelector(each)).find(Boolean);
  (next ?? element).focus({ preventScroll: true });
}

/** Return an icon drawn with lines on a grid of 24 by 24; it has no name of its own. */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 24 24", width: 20, height: 20, fill: "none", stroke: "currentColor" };
  Object.assign(attributes, { "stroke-width": 1.75, "stroke-linecap": "round", "stroke-linejoin": "round" });
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** Return a button with a text or an icon. `label` names an icon. */
export function button(content, onclick, { label, ...props } = {}) {
  return el("button", { type: "button", onclick, "aria-label": label, title: label, ...props }, content);
}

/** Tell a screen reader what has changed. */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = text;
}

/**
 * Return an element that shows a picture: an `<img>`, or a `<canvas>` where the host blocks data URIs.
 *
 * @param {string|Blob} source A data URI or the bytes.
 * @param {string} alt
 * @returns {Promise<HTMLImageElement|HTMLCanvasElement>} Rejects if it cannot be decoded either way.
 */
export async function pictureElement(source, alt) {
  const image = el("img", { alt });
  image.src = typeof source === "string" ? source : await toDataUri(source);
  try {
    await image.decode();
    return image;
  } catch {
    return drawnOnCanvas(typeof source === "string" ? fromDataUri(source) : source, alt);
  }
}

/** Return bytes as a data URI. */
export function toDataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** Return the bytes of a data URI in base64. */
export function fromDataUri(uri) {
  const [head, data] = uri.split(",", 2);
  return fromBase64(data, head.slice("data:".length).split(";")[0]);
}

/** Return bytes in base64 as a Blob. */
export function fromBase64(data, type) {
  return new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))], { type });
}

async function drawnOnCanvas(blob, alt) {
  const bitmap = await createImageBitmap(blob);
  const canvas = el("canvas", { width: bitmap.width, height: bitmap.height, role: "img", "aria-label": alt });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

function setProperty(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
  else if (name in element && name !== "role" && name !== "dir") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

function shownChildren(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
