/**
 * Show two pictures side by side; zooming one zooms both.
 */

import { factsOf } from "./details.js";
import { el, theirs } from "./dom.js";
import { Stage } from "./stage.js";
import { Zoom } from "./zoom.js";

/**
 * Return the two pictures.
 *
 * @param {Object[]} pair As in `readResult`.
 * @param {Object} around
 * @param {Server} around.server
 * @param {AbortSignal} around.signal Stops loading.
 * @param {(picture: Object) => Node} around.pickButton Returns a button that chooses a picture.
 */
export function sideBySide(pair, { server, signal, pickButton }) {
  const stages = pair.map((picture) => {
    const props = { tabIndex: 0, role: "group", "aria-label": `Picture ${picture.number ?? ""}` };
    const stage = new Stage(picture, props);
    server.sharp(picture.handle, { signal }).then((copy) => stage.draw(copy), () => {});
    return stage;
  });
  new Zoom(stages);
  const figures = pair.map((picture, index) => {
    const facts = theirs("span", factsOf(picture), { class: "quiet" });
    return el("figure", {}, stages[index].element, el("figcaption", {}, facts, pickButton(picture)));
  });
  return el("section", { class: "pair", style: { "--ratio": stages[0].ratio || 1 } }, figures);
}
