/**
 * Show that a picture is not done yet, and collect it.
 */

import { el } from "./dom.js";
import { duration } from "./wording.js";

/**
 * Return the state of a pending call.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} options
 * @param {(shown: Object) => void} options.onDone Told what came of it.
 * @param {(error: Error) => void} options.onError Told why it could not be collected.
 */
export function waiting(shown, { server, signal, onDone, onError }) {
  const state = el("p", {});
  const onPending = ({ elapsed }) => {
    state.textContent = elapsed === null ? "Not done yet." : `Not done yet, after ${duration(elapsed)}.`;
  };
  server.collect(shown, { signal, onPending }).then(onDone, (error) => signal?.aborted || onError(error));
  return el("section", { class: "waiting", "aria-busy": "true" }, state);
}
