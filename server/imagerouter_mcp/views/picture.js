/**
 * Show one picture: at once from its preview, then sharp.
 */

import { announce, el, pictureElement, theirs } from "./dom.js";
import { isVideo } from "./result.js";
import { dollars, fileKind, pixels } from "./wording.js";

/**
 * Return a picture with what is known of it.
 *
 * @param {Object} picture As in `readResult`.
 * @param {Object} options
 * @param {string} [options.preview] A data URI to begin with.
 * @param {Server} options.server
 * @param {AbortSignal} [options.signal] Stops loading.
 */
export function picture(shown, { preview, server, signal }) {
  const place = el("div", { class: "picture" });
  const caption = theirs("figcaption", factsOf(shown));
  sharpen(place, shown, { preview, server, signal });
  return el("figure", {}, place, caption);
}

async function sharpen(place, shown, { preview, server, signal }) {
  const alt = shown.prompt || "Generated picture";
  try {
    if (preview) place.replaceChildren(await pictureElement(preview, alt));
    if (isVideo(shown)) return;
    place.replaceChildren(await pictureElement(await server.sharp(shown.handle, { signal }), alt));
    place.dataset.sharp = "";
  } catch (error) {
    if (signal?.aborted || place.firstChild) return;
    place.replaceChildren(el("p", {}, error.message));
    announce(error.message);
  }
}

function factsOf({ handle, model, cost, width, height, mediaType }) {
  return [handle, model, dollars(cost), pixels(width, height), fileKind(mediaType)].filter(Boolean).join(" · ");
}
