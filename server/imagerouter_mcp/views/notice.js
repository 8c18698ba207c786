/**
 * Say what happened where there is no picture: what, what it cost, what to do next.
 */

import { announce, el, icon, theirs } from "./dom.js";
import { dollarRange } from "./wording.js";

const SIGNS = {
  error: ["M12 8v5", "M12 16.500v.01", "M12 3l9.500 17h-19z"],
  refused: ["M5.600 5.600l12.800 12.800", "M12 3a9 9 0 1 0 .01 0z"],
  price: ["M12 7v10", "M14.500 9.500c-1-1.500-5-1.500-5 .5s5 1.500 5 4-4 2-5 .5", "M12 3a9 9 0 1 0 .01 0z"],
  none: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4"],
};
const STOPPED = "If the request had left already, the picture is still made and paid for. It will be among your pictures.";
const HEADINGS = {
  budget: "Over a limit",
  moderation: "Refused by a content filter",
  insufficient_credits: "Not enough credits",
  authentication: "The API key was not accepted",
  configuration: "Not set up yet",
  rate_limit: "Too many requests",
  daily_limit: "Today’s free requests are used up",
  not_found: "Not found",
  delivery: "The picture could not be fetched",
  outcome_unknown: "No answer came",
  unreachable: "ImageRouter could not be reached",
};

/**
 * Return the notice.
 *
 * @param {Object} shown As in `readResult`.
 * @param {Node} [action] What can be done about it.
 */
export function notice(shown, action) {
  const { heading, lines } = toldOf(shown);
  const sign = el("span", { class: "sign" }, icon(...(SIGNS[shown.state] ?? SIGNS.none)));
  const said = lines.filter(Boolean).map((line, index) => theirs("p", line, { class: ["", "money"][index] ?? "quiet" }));
  const body = el("div", {}, el("h2", {}, heading), said, action);
  announce([heading, ...lines].join(" "));
  return el("section", { class: "card notice", "data-state": shown.state, role: shown.error && "alert" }, sign, body);
}

function toldOf({ state, error, text, price }) {
  if (error) {
    const { kind, what, money, next } = error;
    return { heading: HEADINGS[kind] ?? "That did not work", lines: [what, money, next] };
  }
  switch (state) {
    case "cancelled":
      return { heading: "Stopped", lines: [STOPPED] };
    case "price":
      return { heading: price ? dollarRange(price.low, price.high) : "Price unknown", lines: text.split("\n") };
    default:
      return { heading: "No picture", lines: [text || "The answer has no picture."] };
  }
}
