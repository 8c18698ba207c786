/**
 * Show earlier pictures, and what is unfinished.
 */

import { button, el, theirs } from "./dom.js";
import { Tiles } from "./tiles.js";
import { counted, dollars } from "./wording.js";

const UNFINISHED = {
  preparing: "Being prepared",
  queued: "Waiting for its turn",
  working: "In the making",
  failed: "Failed",
  unknown: "Outcome unknown",
  not_sent: "Never sent",
};
/** Unfinished ones that are shown at first. */
const FEW = 3;

/** Earlier pictures with prompt and date. */
export class Listing {
  #tiles = null;

  /**
   * @param {Object} shown As in `readResult`.
   * @param {Object} around
   * @param {ChatHost} around.host
   * @param {Server} around.server
   * @param {AbortSignal} around.signal Stops loading.
   * @param {(picture: Object) => void} around.open Shows a picture alone.
   * @param {(generation: string) => void} around.collect Waits for what is not done yet.
   */
  constructor(shown, around) {
    const { pictures, unfinished, total } = shown;
    const found = Math.max(total ?? 0, pictures.length);
    const of = found > pictures.length ? ` of ${found}` : "";
    const heading = pictures.length ? `${counted(pictures.length, "picture")}${of}` : "Unfinished";
    this.element = el("section", { class: "several" }, el("header", {}, el("h2", {}, heading)));
    if (unfinished.length) this.element.append(...[unfinishedList(unfinished, around.collect)].flat());
    if (!pictures.length) return;
    const below = ({ prompt, created }) => [
      theirs("span", prompt, { class: "line" }),
      el("span", { class: "line quiet" }, dateWords(created, around.host.context)),
    ];
    this.#tiles = new Tiles(pictures, { ...around, press: around.open, below });
    this.element.append(this.#tiles.element);
  }

  /** Return a copy of a picture as its tile shows it; null if it shows none yet. */
  copyOf(picture) {
    return this.#tiles.copyOf(picture);
  }

  /** Move the focus to a picture. */
  focus(picture) {
    this.#tiles.focus(picture);
  }
}

function unfinishedList(unfinished, collect) {
  const items = unfinished.map((each) => unfinishedItem(each, collect));
  const list = el("ul", { class: "unfinished" }, items);
  const rest = items.slice(FEW);
  if (!rest.length) return list;
  for (const item of rest) item.hidden = true;
  const more = button(`Show ${rest.length} more unfinished`, () => {
    for (const item of rest) item.hidden = false;
    more.remove();
  });
  return [list, more];
}

function unfinishedItem({ state, prompt, model, generation, mayCost, error, next }, collect) {
  const call = /get_generation (gen_\w+)/.exec(next)?.[1];
  const facts = [model, mayCost && `up to ${dollars(mayCost)}`, generation].filter(Boolean).join(" · ");
  return el(
    "li",
    {},
    el("span", { class: `badge ${state}` }, UNFINISHED[state] ?? state),
    theirs("span", prompt, { class: "line" }),
    theirs("span", facts, { class: "line quiet" }),
    error && theirs("span", error, { class: "quiet" }),
    call && button("Wait for it", () => collect(call)),
  );
}

/** Return a moment as the person's calendar and clock name it; a text that is no date stays as it is. */
function dateWords(created, { locale, timeZone }) {
  const date = new Date(created);
  if (Number.isNaN(date.getTime())) return created;
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  const parts = { year, month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
  try {
    return date.toLocaleString(locale, { timeZone, ...parts });
  } catch {
    return date.toLocaleString([], parts);
  }
}
