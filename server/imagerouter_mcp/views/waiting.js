/**
 * Show how long a picture has been in the making, and collect it.
 */

import { el, theirs } from "./dom.js";
import { duration } from "./wording.js";

/**
 * Return a pending call's view.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} around
 * @param {Server} around.server
 * @param {AbortSignal} around.signal Stops collecting.
 * @param {(shown: Object) => void} around.onDone Called with the outcome.
 * @param {(error: Error) => void} around.onError Called with why it could not be collected.
 */
export function waiting(shown, { server, signal, onDone, onError }) {
  const time = el("p", { class: "quiet" });
  const state = theirs("p", "", { class: "quiet" });
  const bar = el("div", { class: "bar", role: "progressbar", "aria-label": "In the making" }, el("i"));
  const began = Date.now() - (shown.elapsed ?? 0) * 1000;
  let { usual } = shown;
  const tick = () => {
    const elapsed = Math.round((Date.now() - began) / 1000);
    time.textContent = timeWords(elapsed, usual);
    bar.ariaValueText = time.textContent;
    bar.toggleAttribute("data-unknown", !usual || elapsed > usual);
    bar.style.setProperty("--share", usual ? Math.min(1, elapsed / usual) : 0);
  };
  const onPending = (pending) => {
    usual = pending.usual ?? usual;
    state.textContent = pending.heading.replace(/^Not done yet: |, \d+ s so far/g, "");
    tick();
  };
  const timer = setInterval(tick, 1000);
  const stop = () => clearInterval(timer);
  signal.addEventListener("abort", stop);
  server
    .collect(shown, { signal, onPending })
    .then(onDone, (error) => signal.aborted || onError(error))
    .finally(stop);
  const prompt = shown.prompt && theirs("p", shown.prompt, { class: "prompt" });
  return el("section", { class: "card waiting" }, el("h2", {}, "In the making"), prompt, bar, time, state);
}

function timeWords(elapsed, usual) {
  const soFar = `${duration(elapsed)} so far`;
  if (!usual) return soFar;
  return elapsed > usual ? `${soFar}, longer than the usual ${duration(usual)}` : `${soFar}, usually about ${duration(usual)}`;
}
