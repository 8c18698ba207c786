/**
 * Show a tool's result: choose by its state what to draw.
 */

import { announce, el, theirs } from "./dom.js";
import { grid } from "./grid.js";
import { picture } from "./picture.js";
import { shownError } from "./result.js";
import { waiting } from "./waiting.js";

/**
 * Return a result's view.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} around
 * @param {ChatHost} around.host
 * @param {Server} around.server
 * @param {AbortSignal} around.signal Stops everything that is under way.
 * @param {(shown: Object) => void} around.onResult Shows another result instead.
 */
export function resultView(shown, { host, server, signal, onResult }) {
  switch (shown.state) {
    case "pictures":
      announce(shown.heading);
      return shown.pictures.length === 1
        ? picture(shown.pictures[0], { preview: shown.sheet, host, server, signal })
        : grid(shown.pictures, { sheet: shown.sheet, host, server, signal });
    case "list":
      return grid(shown.pictures, { host, server, signal });
    case "pending":
      return waiting(shown, {
        server,
        signal,
        onDone: onResult,
        onError: (error) => onResult(shownError(error)),
      });
    case "error":
    case "refused":
      return errorView(shown);
    default:
      return theirs("p", shown.text || "There is no picture yet.");
  }
}

function errorView({ error }) {
  const lines = [error.what, error.money, error.next].filter(Boolean);
  return el("section", { class: "error", role: "alert" }, lines.map((line) => theirs("p", line)));
}
