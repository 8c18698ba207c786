/** The gallery's search and filters. */

import { el, fill, icon } from "../dom.js";
import { SEARCH } from "./icons.js";

/** Milliseconds without a key until the words are searched for. */
const TYPING = 200;
const KINDS = [["", "All kinds"], ["image", "Pictures"], ["video", "Videos"]];
const DATES = [["", "Any time"], ["today", "Today"], ["week", "Last 7 days"], ["month", "Last 30 days"], ["between", "Between…"]];

/** Dispatches "change" when the person chose something else; `values` has it. */
export class Filters extends EventTarget {
  #timer;

  constructor() {
    super();
    const choose = (label, options) => el("select", { "aria-label": label, onchange: () => this.#changed() }, options.map(option));
    const date = (label) => el("input", { type: "date", "aria-label": label, onchange: () => this.#changed() });
    this.query = el("input", { type: "search", "aria-label": "Search the gallery", placeholder: "Search prompts, models, dates", oninput: () => this.#typed(), "aria-keyshortcuts": "/" });
    this.kind = choose("Kind", KINDS);
    this.model = choose("Model", [["", "All models"]]);
    this.when = choose("Date", DATES);
    [this.since, this.until] = [date("From"), date("To")];
    this.between = el("span", { class: "between", hidden: true }, this.since, "–", this.until);
    this.search = el("label", { class: "search" }, icon(SEARCH), this.query);
    this.choices = el("div", { class: "filters", role: "group", "aria-label": "Filters" }, this.kind, this.model, this.when, this.between);
  }

  get values() {
    const { query, kind, model, when, since, until } = this;
    return { query: query.value.trim(), kind: kind.value, model: model.value, when: when.value, since: since.value, until: until.value };
  }

  /** Show filters that came with the address. */
  show(filters) {
    if (filters.model) this.#offer([filters.model]);
    for (const [name, value] of Object.entries(filters)) {
      if (name !== "query" || this.query.value.trim() !== value) this[name].value = value;
    }
    this.between.hidden = filters.when !== "between";
    for (const select of [this.kind, this.model, this.when]) select.classList.toggle("chosen", select.value !== "");
  }

  /** Offer the models that pictures were made with. */
  offerModels(ids) {
    const chosen = this.model.value;
    fill(this.model, option(["", "All models"]));
    this.#offer(chosen && !ids.includes(chosen) ? [...ids, chosen] : ids);
    this.model.value = chosen;
  }

  #offer(ids) {
    const there = new Set([...this.model.options].map(({ value }) => value));
    this.model.append(...ids.filter((id) => !there.has(id)).map((id) => option([id, id])));
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#changed(), TYPING);
  }

  #changed() {
    clearTimeout(this.#timer);
    this.dispatchEvent(new Event("change"));
  }
}

function option([value, text]) {
  return el("option", { value }, text);
}
