/**
 * Say what happened where there is no picture: what, what it cost, what to do next.
 */

import { el, icon, theirs } from "./dom.js";
import { dollarRange, forPeople } from "./wording.js";

const SIGNS = {
  error: "M12 8v5M12 16.500v.01M12 3l9.500 17h-19z",
  refused: "M5.600 5.600l12.800 12.800M12 3a9 9 0 1 0 .01 0z",
};
const NO_SIGN = "M12 11v6M12 7.500v.01M12 3a9 9 0 1 0 .01 0z";
const HEADINGS = {
  budget: "Over a limit",
  moderation: "Refused by a content filter",
  insufficient_credits: "Not enough credits",
  daily_limit: "Today’s free requests are used up",
  not_found: "Not found",
  delivery: "The picture could not be fetched",
  outcome_unknown: "No answer came",
};
const STOPPED = "If the request had left already, the picture is still made and paid for. It will be among your pictures.";

/**
 * Return the notice.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Node} [action] What can be done about it.
 */
export function notice(shown, action) {
  const [heading, ...lines] = linesOf(shown).filter(Boolean);
  const said = lines.map((line, index) => theirs("p", line, { class: ["", "money"][index] ?? "quiet" }));
  const { state } = shown;
  const sign = el("span", { class: "sign" }, icon(SIGNS[state] ?? NO_SIGN));
  const body = el("div", {}, el("h2", {}, heading), said, action);
  return el("section", { class: `card notice ${state}`, role: shown.error ? "alert" : "status" }, sign, body);
}

function linesOf({ state, error, text, price }) {
  if (error) return [HEADINGS[error.kind] ?? "That did not work", error.what, error.money, forPeople(error.next)];
  if (state === "cancelled") return ["Stopped", STOPPED];
  if (state === "price") return [price ? dollarRange(price.low, price.high) : "Price unknown", ...text.split("\n").map(forPeople)];
  return ["No picture", text || "The answer has no picture."];
}
