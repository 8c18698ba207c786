/**
 * Show how long a picture has been in the making, and collect it.
 */

import { el, theirs } from "./dom.js";
import { duration } from "./wording.js";

/** How full the bar becomes before the picture is there. */
const ALMOST = 0.95;

/**
 * Return what a pending call shows until it is collected.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} around
 * @param {Server} around.server
 * @param {AbortSignal} around.signal Stops collecting.
 * @param {(shown: Object) => void} around.onDone Told what came of it.
 * @param {(error: Error) => void} around.onError Told why it could not be collected.
 */
export function waiting(shown, { server, signal, onDone, onError }) {
  const time = el("p", { class: "quiet" });
  const state = theirs("p", "", { class: "quiet" });
  const bar = el("div", { class: "bar", role: "progressbar", "aria-label": "Making the picture" }, el("i"));
  const begun = Date.now() - (shown.elapsed ?? 0) * 1000;
  let usual = shown.usual;
  const tick = () => {
    const elapsed = (Date.now() - begun) / 1000;
    time.textContent = timeWords(elapsed, usual);
    const share = usual ? Math.min(ALMOST, elapsed / usual) : null;
    bar.toggleAttribute("data-unknown", share === null || elapsed > usual);
    bar.style.setProperty("--share", share ?? 0);
    bar.setAttribute("aria-valuetext", time.textContent);
  };
  const onPending = (pending) => {
    usual = pending.usual ?? usual;
    state.textContent = pending.heading.replace(/^Not done yet: |, \d+ s so far/g, "");
    tick();
  };
  const timer = setInterval(tick, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
  server
    .collect(shown, { signal, onPending })
    .then(onDone, (error) => signal.aborted || onError(error))
    .finally(() => clearInterval(timer));
  const heading = el("h2", {}, "In the making");
  const prompt = shown.prompt && theirs("p", shown.prompt, { class: "prompt" });
  return el("section", { class: "card waiting" }, heading, prompt, bar, time, state);
}

function timeWords(elapsed, usual) {
  const so = `${duration(Math.round(elapsed))} so far`;
  if (!usual) return `${so}.`;
  return elapsed > usual ? `${so}, longer than the usual ${duration(usual)}.` : `${so}, of about ${duration(usual)}.`;
}
