/** The dialog in which a person chooses a model. */

import { el, fill, icon, theirs } from "../dom.js";
import { counted } from "../wording.js";
import { openDialog } from "./dialogs.js";
import { SEARCH } from "./icons.js";
import { abilitiesOf, chosenModels, priceWords } from "./offered_models.js";

const ABILITY_CHOICES = [["free", "Free"], ["edits", "Edits pictures"], ["masks", "Takes masks"], ["transparent", "Transparent"], ["video", "Videos"]];
const ORDER_CHOICES = [["popularity", "Most used"], ["price", "Cheapest"], ["date", "Newest"]];

/**
 * Let the person choose a model.
 * @param {Promise<Object[]>} models All that are on offer.
 * @param {string} current The id of the present choice.
 * @param {string[]} abilities What it has to be able to do, to begin with.
 * @returns {Promise<Object|undefined>} The chosen model.
 */
export function pickModel(models, current, abilities = []) {
  return new Promise((resolve) => new ModelPicker(models, current, abilities, resolve));
}

class ModelPicker {
  #models = [];
  #current;
  #shown = [];
  #active = -1;
  #chosen;

  constructor(models, current, abilities, resolve) {
    this.#current = current;
    this.list = el("div", { role: "listbox", id: "models", "aria-label": "Models", class: "model-list", onclick: ({ target }) => this.#click(target) });
    this.words = el("input", { type: "search", role: "combobox", "aria-expanded": "true", "aria-controls": "models", "aria-autocomplete": "list", "aria-label": "Search models", placeholder: "Search models", autofocus: true, oninput: () => this.#search(), onkeydown: (event) => this.#press(event) });
    this.order = el("select", { "aria-label": "Order", onchange: () => this.#search() }, ORDER_CHOICES.map(([value, text]) => el("option", { value }, text)));
    this.abilities = ABILITY_CHOICES.map(([name, text]) => this.#toggle(name, text, abilities.includes(name)));
    this.count = el("p", { class: "quiet", role: "status" });
    const choices = el("div", { class: "filters", role: "group", "aria-label": "Abilities" }, this.abilities.map(({ label }) => label), this.order);
    this.dialog = openDialog("Choose a model", "sheet picker", el("label", { class: "search" }, icon(SEARCH), this.words), choices, this.count, this.list);
    this.dialog.addEventListener("close", () => resolve(this.#chosen));
    this.words.focus();
    this.#take(models);
  }

  async #take(models) {
    fill(this.count, "Asking for the models …");
    try {
      this.#models = await models;
      this.#search();
    } catch (error) {
      fill(this.count, theirs("span", error.message, { class: "wrong" }));
    }
  }

  #toggle(name, text, checked) {
    const box = el("input", { type: "checkbox", checked, onchange: () => this.#search() });
    return { name, box, label: el("label", { class: "toggle" }, box, text) };
  }

  #search() {
    const abilities = this.abilities.filter(({ box }) => box.checked).map(({ name }) => name);
    this.#shown = chosenModels(this.#models, { words: this.words.value, abilities, order: this.order.value });
    fill(this.list, this.#shown.map((model, place) => this.#option(model, place)));
    fill(this.count, this.#shown.length ? counted(this.#shown.length, "model") : "No model has all of that. Choose fewer abilities, or other words.");
    this.#move(Math.max(0, this.#shown.findIndex(({ id }) => id === this.#current)), { scroll: false });
    this.list.scrollTop = 0;
  }

  #option(model, place) {
    const [vendor, ...rest] = model.id.split("/");
    const able = abilitiesOf(model).map((word) => el("span", { class: "ability" }, word));
    return el(
      "div",
      { role: "option", id: `model-${place}`, class: "model", "aria-selected": String(model.id === this.#current), "data-place": place },
      el("span", { class: "model-name" }, theirs("strong", rest.join("/") || vendor), theirs("span", [vendor, model.does].filter(Boolean).join(" · "), { class: "quiet" })),
      el("span", { class: "abilities" }, able),
      el("span", { class: model.free ? "model-price free" : "model-price" }, priceWords(model)),
    );
  }

  #click(target) {
    const option = target.closest("[role=option]");
    if (option) this.#choose(this.#shown[option.dataset.place]);
  }

  #press(event) {
    const last = this.#shown.length - 1;
    const places = { ArrowDown: Math.min(this.#active + 1, last), ArrowUp: Math.max(this.#active - 1, 0), PageDown: Math.min(this.#active + 8, last), PageUp: Math.max(this.#active - 8, 0) };
    if (event.key === "Enter") this.#choose(this.#shown[this.#active]);
    else if (event.key in places) this.#move(places[event.key]);
    else return;
    event.preventDefault();
  }

  #move(place, { scroll = true } = {}) {
    this.list.children[this.#active]?.classList.remove("active");
    this.#active = place;
    const option = this.list.children[place];
    option?.classList.add("active");
    if (scroll) option?.scrollIntoView({ block: "nearest" });
    if (option) this.words.setAttribute("aria-activedescendant", option.id);
    else this.words.removeAttribute("aria-activedescendant");
  }

  #choose(model) {
    if (!model) return;
    this.#chosen = model;
    this.dialog.close();
  }
}
