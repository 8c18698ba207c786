/**
 * Show several pictures side by side.
 */

import { el } from "./dom.js";
import { picture } from "./picture.js";

/** Return a list of pictures; each loads its own preview. */
export function grid(pictures, { server, signal }) {
  const items = pictures.map((each) => el("li", {}, picture(each, { server, signal })));
  return el("ul", { class: "grid" }, items);
}
