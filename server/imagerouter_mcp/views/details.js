/**
 * List what is known of a picture.
 */

import { button, el, theirs } from "./dom.js";
import { dollars, duration, fileKind, fileSize, pixels } from "./wording.js";

/**
 * Return the list, hidden at first.
 *
 * @param {Object} picture As in `readResult`.
 * @param {Object} shown The result that it belongs to.
 * @param {(handle: string) => void} show Shows another picture.
 */
export function details(picture, { sources, notes }, show) {
  const { width, height, mediaType, bytes, originalHandle, path, url, downloadUrl } = picture;
  const original = originalHandle && button(`Show ${originalHandle}`, () => show(originalHandle));
  const rows = {
    Prompt: picture.prompt,
    "As the model read it": picture.revisedPrompt,
    Model: picture.model,
    Cost: dollars(picture.cost),
    Time: picture.latencyMs && duration(picture.latencyMs / 1000),
    Size: [pixels(width, height), fileKind(mediaType), fileSize(bytes)].filter(Boolean).join(", "),
    Handle: picture.handle,
    File: path,
    Link: url || downloadUrl,
    "Made from": sources,
    "The model’s own picture": original,
    Notes: notes,
  };
  const list = el("dl", { class: "details", hidden: true });
  for (const [name, value] of Object.entries(rows)) {
    const values = [value].flat().filter(Boolean);
    const told = values.map((each) => (each instanceof Node ? el("dd", {}, each) : theirs("dd", each)));
    if (told.length) list.append(el("div", {}, el("dt", {}, name), told));
  }
  return list;
}
