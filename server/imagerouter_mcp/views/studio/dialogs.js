/** Dialogs of the page. Each closes by Escape, by its button and by a click beside it. */

import { button, el, icon } from "../dom.js";
import { CLOSE } from "./icons.js";

let titles = 0;

/**
 * Show a modal dialog, which is removed when it closes.
 * @param {string} title Its heading.
 * @param {string} kind Its class.
 * @param {...(Node|string|Array)} content What follows the heading.
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, kind, ...content) {
  const heading = el("h2", { id: `dialog-title-${++titles}`, tabIndex: -1, autofocus: true }, title);
  const close = button(icon(CLOSE), () => dialog.close(), { label: "Close", class: "icon-button" });
  const head = el("div", { class: "dialog-head" }, heading, close);
  const dialog = el("dialog", { class: kind, "aria-labelledby": heading.id }, head, ...content);
  closeBeside(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Close a dialog when its backdrop is clicked. */
function closeBeside(dialog) {
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && isBeside(dialog, event) && dialog.close());
}

function isBeside(dialog, { clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}
