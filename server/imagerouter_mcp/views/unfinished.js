/**
 * List what was asked for and is not there: under way, failed, of unknown outcome.
 */

import { button, el, theirs } from "./dom.js";
import { dollars } from "./wording.js";

const UNFINISHED = {
  preparing: "Being prepared",
  queued: "Waiting for its turn",
  working: "In the making",
  failed: "Failed",
  unknown: "Outcome unknown",
  not_sent: "Never sent",
};
const MOST_UNFINISHED = 5;

/** Return the newest ones; `collect` is called with the handle of one that is to be waited for. */
export function unfinishedList(unfinished, collect) {
  const items = unfinished.slice(0, MOST_UNFINISHED).map((each) => unfinishedItem(each, collect));
  const more = unfinished.length - items.length;
  return el("ul", { class: "unfinished" }, items, more > 0 && el("li", { class: "quiet" }, `And ${more} more.`));
}

function unfinishedItem({ state, prompt, model, generation, mayCost, error, next }, collect) {
  const call = /get_generation (gen_\w+)/.exec(next)?.[1];
  const facts = [generation, model, mayCost && `up to ${dollars(mayCost)}`].filter(Boolean).join(" · ");
  const wait = call && button("Wait for it", () => collect(call));
  const body = [theirs("b", prompt), theirs("p", facts), error && theirs("p", error)];
  return el("li", {}, el("div", {}, el("span", { class: "quiet" }, UNFINISHED[state] ?? state), body), wait);
}
