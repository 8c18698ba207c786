/**
 * Show two pictures side by side; zooming one zooms both.
 */

import { el, theirs } from "./dom.js";
import { Stage } from "./stage.js";
import { dollars } from "./wording.js";
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
    const name = picture.number ? `Picture ${picture.number}` : "Picture";
    return new Stage(picture, { tabIndex: 0, role: "group", "aria-label": name });
  });
  const figures = pair.map((picture, index) => {
    const about = [picture.model, dollars(picture.cost)].filter(Boolean).join(" · ");
    const below = el("figcaption", {}, theirs("span", about, { class: "quiet" }), pickButton(picture));
    return el("figure", {}, stages[index].element, below);
  });
  pair.forEach(async ({ handle }, index) => {
    const copy = await server.sharp(handle, { signal }).catch(() => server.preview(handle, { signal })).catch(() => null);
    if (copy) await stages[index].draw(copy);
  });
  new Zoom(stages.map(({ element, surface }) => ({ stage: element, surface })), () => {});
  return el("section", { class: "pair" }, figures);
}
