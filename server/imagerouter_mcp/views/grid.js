/**
 * Show several pictures: those of one call, to choose one or to compare two; or earlier ones.
 */

import { cutSheet } from "./contact_sheet.js";
import { factsOf } from "./details.js";
import { button, el, theirs } from "./dom.js";
import { Tiles } from "./tiles.js";
import { unfinishedList } from "./unfinished.js";
import { counted, dollars } from "./wording.js";

/**
 * Return the pictures of one call with their numbers, and with models, prices and times if these differ.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} around
 * @param {ChatHost} around.host
 * @param {Server} around.server
 * @param {AbortSignal} around.signal Stops loading.
 * @param {(picture: Object) => void} around.open Shows a picture alone.
 * @param {(pair: Object[]) => void} around.compare Shows two pictures side by side.
 * @param {(picture: Object) => Node} around.pickButton Returns a button that chooses a picture.
 * @param {(text: string) => void} around.say Says something below.
 * @returns {{element: HTMLElement, tiles: Tiles}}
 */
export function grid(shown, around) {
  const { prompt, pictures, cost, failures, sheet } = shown;
  const differ = new Set(pictures.map(({ model }) => model)).size > 1;
  const below = (picture) => [
    differ && theirs("span", factsOf(picture), { class: "facts" }),
    around.pickButton(picture),
  ];
  const { toggle, press } = comparison(pictures, around);
  const tiles = new Tiles(pictures, { ...around, press, below });
  if (sheet) cutSheet(sheet, pictures).then((drawn) => tiles.fill(drawn), () => {});
  const facts = [counted(pictures.length, "picture"), dollars(cost)].filter(Boolean).join(" · ");
  const heading = el("div", {}, theirs("h2", prompt || "Pictures"), el("p", { class: "quiet" }, facts));
  const failed = failures.map((failure) => theirs("p", failure, { class: "failure" }));
  return { tiles, element: el("section", { class: "several" }, el("header", {}, heading, toggle), tiles.element, failed) };
}

/**
 * Return earlier pictures with prompts and dates, and what is unfinished.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Object} around As for `grid`.
 * @param {(generation: string) => void} around.collect Waits for what is not done yet.
 * @returns {{element: HTMLElement, tiles: Tiles|null}}
 */
export function listing({ pictures, unfinished, total }, around) {
  const count = counted(pictures.length, "picture");
  const heading = el("h2", {}, total > pictures.length ? `${count} · ${total} calls in all` : count);
  const below = ({ prompt, created }) => [
    theirs("span", prompt, { class: "line" }),
    el("span", { class: "line quiet" }, dateWords(created, around.host.context)),
  ];
  const tiles = pictures.length ? new Tiles(pictures, { ...around, press: around.open, below }) : null;
  const rest = unfinished.length > 0 && unfinishedList(unfinished, around.collect);
  return { tiles, element: el("section", { class: "several" }, tiles && heading, rest, tiles?.element) };
}

/** Return what lets a person compare two pictures: a switch, and what a press on a tile does. */
function comparison(pictures, { open, compare, say }) {
  let chosen = null;
  const begin = () => {
    if (pictures.length === 2) return compare(pictures);
    chosen = chosen ? null : [];
    toggle.ariaPressed = String(Boolean(chosen));
    say(chosen ? "Choose two pictures." : "");
  };
  const toggle = button("Side by side", begin, { "aria-pressed": "false" });
  const press = (picture) => {
    if (!chosen) return open(picture);
    if (!chosen.includes(picture)) chosen.push(picture);
    if (chosen.length < 2) return say(`Number ${picture.number} and which other?`);
    const pair = chosen;
    begin();
    compare(pair);
  };
  return { toggle, press };
}

/** Return a moment as the person's calendar and clock name it; a text that is no date stays as it is. */
function dateWords(created, { locale, timeZone }) {
  const date = new Date(created);
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  try {
    const parts = { year, month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
    return new Intl.DateTimeFormat(locale, { timeZone, ...parts }).format(date);
  } catch {
    return created;
  }
}
