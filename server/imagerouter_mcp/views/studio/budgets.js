/** What the budgets that apply to the person mean for them. What other people spend is not known here. */

import { el } from "../dom.js";
import { amount } from "./amounts.js";

const BUDGET_PERIODS = { day: { within: "today", of: "today's", each: "a day" }, month: { within: "this month", of: "this month's", each: "a month" } };

/** Say in a few words what the person has left, or else what they spent. */
export function inShort({ budgets, total_usd: total }) {
  const own = budgets.filter(({ shared }) => !shared);
  if (!own.length) return `${amount(total)} spent today`;
  const tightest = own.reduce((one, other) => (left(other) < left(one) ? other : one));
  return `${amount(left(tightest))} left ${BUDGET_PERIODS[tightest.period].within}`;
}

/** Return a number and words for each budget, and a meter for those that are the person's alone. */
export function budgetFigures({ budgets }) {
  if (!budgets.length) return [figure("No budget", "Your own ImageRouter key pays for your pictures.")];
  return budgets.map((budget) => (budget.shared ? sharedFigure(budget) : ownFigure(budget)));
}

/** Return an element that shows a number above its words. */
export function figure(number, words, ...more) {
  return el("div", { class: "figure" }, el("strong", {}, number), el("span", { class: "quiet" }, words), ...more);
}

function ownFigure(budget) {
  const { usd, period } = budget;
  const { of } = BUDGET_PERIODS[period];
  const meter = usd > 0 && el("meter", { min: 0, max: usd, value: left(budget), "aria-label": `Left of ${of} budget` });
  return figure(amount(left(budget)), `left of ${of} ${amount(usd)}`, meter);
}

function sharedFigure({ usd, used_usd: used, period }) {
  return figure(amount(used), `used by you of the ${amount(usd)} ${BUDGET_PERIODS[period].each} that everyone on this server shares`);
}

function left({ usd, used_usd: used }) {
  return Math.max(0, usd - used);
}
