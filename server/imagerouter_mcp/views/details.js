/**
 * List what is known of a picture, for those who ask.
 */

import { button, el, theirs } from "./dom.js";
import { dollars, duration, fileKind, fileSize, forPeople, pixels } from "./wording.js";

/** Return model, price and time in a line. */
export function factsOf({ model, cost, latencyMs }) {
  return [model, dollars(cost), latencyMs && duration(latencyMs / 1000)].filter(Boolean).join(" · ");
}

/**
 * Return all that is known of a picture, folded up.
 *
 * @param {Object} picture As in `readResult`.
 * @param {Object} shown The result that it belongs to.
 * @param {(handle: string) => void} show Shows another picture.
 */
export function details(picture, { sources, notes }, show) {
  const { width, height, mediaType, bytes, originalHandle } = picture;
  const rows = {
    Prompt: picture.prompt,
    "Read as": picture.revisedPrompt,
    Made: factsOf(picture),
    Size: [pixels(width, height), fileKind(mediaType), fileSize(bytes)].filter(Boolean).join(", "),
    Handle: picture.handle,
    File: picture.path,
    Link: picture.url || picture.downloadUrl,
    From: sources,
    Original: originalHandle && button(`Show ${originalHandle}`, () => show(originalHandle)),
    Notes: notes.map(forPeople),
  };
  const list = el("dl");
  for (const [name, value] of Object.entries(rows)) {
    const values = [value].flat().filter(Boolean);
    const words = values.map((each) => (each.nodeType ? el("dd", {}, each) : theirs("dd", each)));
    if (values.length) list.append(el("div", {}, el("dt", {}, name), words));
  }
  return el("details", {}, el("summary", {}, "Details"), list);
}
