/** What was spent, by day and by model, what is left, and what is unfinished. */

import { button, el, fill, theirs } from "../dom.js";
import { counted, dollars } from "../wording.js";
import { amount } from "./amounts.js";
import { dayBefore } from "./address.js";
import { barChart } from "./bar_chart.js";
import { budgetFigures, figure } from "./budgets.js";
import { openDialog } from "./dialogs.js";

const PERIODS = [["today", "Today"], ["week", "7 days"], ["month", "30 days"], ["all", "All time"]];
const PERIOD_DAYS = { today: 1, week: 7, month: 30 };
const STATES = {
  preparing: "Being prepared",
  queued: "Waiting for its turn",
  working: "Under way",
  failed: "Failed",
  unknown: "Outcome unknown",
  not_sent: "Never sent",
};

export class SpendingPage {
  #host;
  #collect;
  #period = "month";
  #credits = el("section", { class: "figures", "aria-label": "What is left" }, el("p", { class: "quiet" }, "Asking …"));
  #spent = el("div", { class: "spent", "aria-live": "polite" });

  /**
   * @param {import("./page_host.js").PageHost} host Calls the tools.
   * @param {(generation: string) => void} collect Collects a generation.
   */
  constructor(host, collect) {
    this.#host = host;
    this.#collect = collect;
  }

  /** Show the page as a dialog, and return that. */
  open() {
    const periods = PERIODS.map(([value, text]) => this.#choice(value, text));
    const choose = el("div", { class: "segments", role: "group", "aria-label": "Period" }, periods);
    const dialog = openDialog("Spending", "sheet spending", this.#credits, choose, this.#spent);
    this.refresh();
    return dialog;
  }

  /** Ask for everything again. */
  async refresh() {
    const [spending, credits] = await Promise.allSettled([this.#ask("spending", { period: this.#period }), this.#ask("get_credits", {})]);
    fill(this.#credits, figures(spending.value, credits));
    fill(this.#spent, spending.value ? this.#sections(spending.value) : wrong(spending.reason));
  }

  #choice(value, text) {
    const chosen = button(text, () => {
      this.#period = value;
      for (const each of chosen.parentElement.children) each.setAttribute("aria-pressed", each === chosen);
      this.refresh();
    });
    chosen.setAttribute("aria-pressed", value === this.#period);
    return chosen;
  }

  async #ask(tool, args) {
    const { isError, structuredContent, content } = await this.#host.callTool(tool, args);
    if (isError) throw new Error(structuredContent?.error?.message ?? content[0]?.text);
    return structuredContent;
  }

  #sections(spending) {
    return [totals(spending), this.#unfinished(spending.unfinished), byDay(spending), byModel(spending)];
  }

  #unfinished(entries) {
    if (!entries.length) return null;
    return el("section", {}, el("h3", {}, "Unfinished"), el("ul", { class: "entries" }, entries.map((entry) => this.#entry(entry))));
  }

  #entry({ generation, state, prompt, model, created, may_cost_usd: mayCost, error, next_step: next }) {
    const facts = [STATES[state] ?? state, model, mayCost && `up to ${dollars(mayCost)}`, new Date(created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })];
    const collectable = next || state === "unknown";
    return el(
      "li",
      {},
      el("div", {}, theirs("p", prompt || "Without a prompt"), theirs("p", facts.filter(Boolean).join(" · "), { class: "quiet" }), error && theirs("p", error, { class: "quiet" })),
      collectable && button("Collect", () => this.#collect(generation), { "aria-label": `Collect ${generation}` }),
    );
  }
}

function figures(spending, { value: credits, reason }) {
  const isOperators = !credits && spending?.budgets.some(({ shared }) => shared);
  const account = credits
    ? figure(amount(credits.remaining_usd), "credits at ImageRouter")
    : !isOperators && figure("–", reason?.message ?? "The credits are not known.");
  return [spending && budgetFigures(spending), account, credits?.notes.map((note) => theirs("p", note, { class: "quiet wide" })), credits?.keys.filter(({ limit_usd: limit }) => limit).map(keyLine)];
}

function keyLine({ name, limit_usd: limit, period, period_used_usd: used }) {
  const of = `${dollars(limit)}${period ? ` a ${period}` : ""}`;
  return theirs("p", `Key ${name ?? "without a name"}: ${used ? `${dollars(used)} used of ` : ""}${of}.`, { class: "quiet wide" });
}

function totals({ total_usd: total, uncertain_usd: uncertain, under_way_usd: underWay }) {
  const more = [uncertain && `Up to ${dollars(uncertain)} more may have been spent: an outcome is unknown.`, underWay && `${dollars(underWay)} is set aside for what is under way.`];
  return el("div", { class: "total" }, el("strong", {}, amount(total)), el("span", { class: "quiet" }, "spent"), more.filter(Boolean).map((text) => el("p", { class: "quiet" }, text)));
}

function byDay({ by_day: days, period, total_usd: total }) {
  if (!days.length) return el("p", { class: "quiet" }, "Nothing was made in this time.");
  const bars = daysOf(days, period).map(({ day, usd, count }) => ({ label: shortDay(day), value: usd, words: count ? `${amount(usd)} for ${counted(count, "result")}` : "" }));
  if (bars.length < 2 || !total) return null;
  const top = amount(Math.max(...bars.map(({ value }) => value)));
  return barChart(bars, { title: "By day", head: ["Day", "Spent"], top });
}

/** Return the days of a period, those without spending too. */
function daysOf(days, period) {
  const known = new Map(days.map((day) => [day.day, day]));
  const first = new Date(`${days[0].day}T12:00:00`);
  const span = PERIOD_DAYS[period] ?? Math.min(366, Math.round((Date.now() - first) / 86_400_000) + 1);
  const all = Array.from({ length: span }, (_, back) => dayBefore(new Date(), span - 1 - back));
  return all.map((day) => known.get(day) ?? { day, usd: 0, count: 0 });
}

function byModel({ by_model: models }) {
  if (!models.length) return null;
  const most = Math.max(...models.map(({ usd }) => usd), Number.MIN_VALUE);
  const rows = models.map(({ model, usd, count }) => {
    const bar = usd > 0 && el("span", { class: "model-bar", style: { "inline-size": `${(100 * usd) / most}%` } });
    return el("tr", {}, el("th", { scope: "row" }, theirs("span", model), bar), el("td", {}, count.toLocaleString()), el("td", {}, amount(usd)));
  });
  const head = ["Model", "Results", "Spent"].map((text) => el("th", { scope: "col" }, text));
  return el("table", { class: "models" }, el("caption", {}, "By model"), el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
}


function shortDay(day) {
  return new Date(`${day}T12:00:00`).toLocaleDateString([], { day: "numeric", month: "short" });
}

function wrong(error) {
  return theirs("p", error.message, { class: "wrong" });
}
