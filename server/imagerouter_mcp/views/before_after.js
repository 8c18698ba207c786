/**
 * Compare an edited picture with what it was made from.
 */

import { el, pictureElement } from "./dom.js";

/** Return what lies over the edited picture: the one before, as far as a slider says. */
export async function beforeAfter(blob) {
  const before = await pictureElement(blob, "Before");
  const slider = el("input", { type: "range", "aria-label": "Before and after" });
  const overlay = el("div", { class: "before-after" }, before, el("i", { class: "divider" }), slider);
  const slide = () => {
    overlay.style.setProperty("--shown", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value} % before, ${100 - slider.value} % after`);
  };
  slider.addEventListener("input", slide);
  slide();
  return overlay;
}
