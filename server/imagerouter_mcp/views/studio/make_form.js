/** The form that makes a picture: from words, from other pictures, or a video. */

import { paidButton } from "../change.js";
import { button, el, fill, icon, theirs } from "../dom.js";
import { nothingShown } from "../result.js";
import { CHEVRON } from "./icons.js";
import { pickModel } from "./model_picker.js";
import { freeModel, offeredModels, priceWords } from "./offered_models.js";
import { Sources } from "./sources.js";

const SHAPES = [["", "Automatic"], ["1:1", "Square 1:1"], ["3:2", "Landscape 3:2"], ["2:3", "Portrait 2:3"], ["16:9", "Wide 16:9"], ["9:16", "Tall 9:16"]];
const SIZES = [["", "Automatic"], ["1K", "1K"], ["2K", "2K"], ["4K", "4K"]];
const QUALITIES = [["", "Automatic"], ["low", "Low"], ["medium", "Medium"], ["high", "High"]];
const LONGEST_WISH = 10_000;
const MOST_PICTURES = 8;
/** What is asked for while the models are not known, and for several sources, which few models take. */
const FREE = { id: "free", free: true, output: "image" };

export class MakeForm {
  #host;
  #models = [];
  #loading = null;
  #model = FREE;
  #chosen = false;

  /**
   * @param {Object} around
   * @param {import("./page_host.js").PageHost} around.host
   * @param {import("./session.js").Session} around.session Takes the uploads.
   * @param {import("../server.js").Server} around.server Tells prices.
   * @param {(call: {tool: string, args: Object}) => void} around.onMake Makes what was paid for.
   */
  constructor({ host, session, server, onMake }) {
    this.#host = host;
    this.prompt = el("textarea", { id: "prompt", rows: 3, dir: "auto", maxLength: LONGEST_WISH, placeholder: "A red fox in fresh snow, soft morning light", oninput: () => this.#meant(), onkeydown: (event) => this.#press(event) });
    this.sources = new Sources(session, () => this.#sourced());
    this.shape = this.#select("Shape", SHAPES);
    this.size = this.#select("Size", SIZES);
    this.quality = this.#select("Quality", QUALITIES);
    this.seconds = this.#select("Length", []);
    this.count = this.#select("How many", Array.from({ length: MOST_PICTURES }, (_, before) => [String(before + 1), String(before + 1)]));
    this.transparent = el("input", { type: "checkbox", onchange: () => this.#meant() });
    this.clear = el("label", { class: "toggle" }, this.transparent, "Transparent background");
    this.modelButton = button("", () => this.#pick(), { class: "model-button", "aria-haspopup": "dialog" });
    this.said = el("div", { class: "price-said", role: "status" });
    this.pay = paidButton({
      host,
      server: { price: (...asked) => server.price(...asked), run: async (tool, args) => this.#made(onMake, { tool, args }) },
      words: () => ({ act: "Make", doing: "Sending" }),
      isMeant: () => this.#isComplete,
      call: () => this.#call(),
      say: (lines, failed) => this.#say(lines, failed),
      onMade: () => this.#meant(),
    });
    this.pay.element.classList.add("make-button");
    const options = [this.shape, this.size, this.quality, this.seconds, this.count].map(({ field }) => field);
    this.element = el(
      "form",
      { class: "make", "aria-label": "Make a picture", onsubmit: (event) => event.preventDefault() },
      el("div", { class: "field" }, el("label", { htmlFor: "prompt" }, "Prompt"), this.prompt),
      this.sources.element,
      el("div", { class: "field" }, el("span", { id: "model-label" }, "Model"), this.modelButton),
      el("div", { class: "options" }, options),
      this.clear,
      el("div", { class: "make-end" }, this.pay.element, this.said),
    );
    this.#choose(FREE);
  }

  /** Return the models on offer, asked for once; a free one is chosen until the person chooses another. */
  models() {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Put the cursor into the prompt. */
  focus() {
    this.prompt.focus();
  }

  /** Take a picture as a source. */
  use(source) {
    this.sources.add(source);
    this.focus();
  }

  #select(label, options) {
    const select = el("select", { onchange: () => this.#meant() }, options.map(([value, text]) => el("option", { value }, text)));
    return Object.assign(select, { field: el("label", { class: "field" }, el("span", {}, label), select) });
  }

  async #load() {
    try {
      this.#models = await offeredModels(this.#host);
    } catch (error) {
      this.#loading = null;
      throw error;
    }
    this.#sourced();
    return this.#models;
  }

  async #pick() {
    const needed = this.sources.handles.length ? ["edits"] : [];
    const model = await pickModel(this.models(), this.#model.id, needed);
    if (!model) return;
    this.#chosen = true;
    this.#choose(model);
  }

  #sourced() {
    const { count } = this.sources;
    if (!this.#chosen) this.#choose((count < 2 && freeModel(this.#models, { edits: count > 0 })) || FREE);
    this.#meant();
  }

  #choose(model) {
    this.#model = model;
    const video = model.output === "video";
    const name = model === FREE ? "A free model" : model.id.slice(model.id.indexOf("/") + 1);
    fill(this.modelButton, theirs("span", name, { class: "model-button-name" }), el("span", { class: model.free ? "model-price free" : "model-price" }, priceWords(model)), icon(CHEVRON));
    this.modelButton.setAttribute("aria-label", `Model: ${name}, ${priceWords(model)}`);
    fill(this.seconds, [["", "Automatic"], ...(model.seconds ?? []).map((each) => [String(each), `${each} s`])].map(([value, text]) => el("option", { value }, text)));
    this.seconds.field.hidden = !model.seconds?.length;
    this.quality.field.hidden = video || !model.takes?.includes("quality");
    this.count.field.hidden = this.clear.hidden = video;
    this.#meant();
  }

  /** Ask for the price of what is meant now, as soon as that is complete. */
  #meant() {
    this.#say([]);
    this.pay?.forget({ ask: true });
  }

  #press(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.pay.press(event);
  }

  /** Whether enough is known to make something. */
  get #isComplete() {
    const { count, busy } = this.sources;
    return !busy && (this.prompt.value.trim() !== "" || count > 0);
  }

  /** Return the call that the form means. */
  #call() {
    const images = this.sources.handles;
    const video = this.#model.output === "video";
    const tool = video ? "generate_video" : images.length ? "edit_image" : "generate_image";
    const args = { prompt: this.prompt.value.trim(), model: this.#model.id, ...(images.length && { images }) };
    return { tool, args: { ...args, ...this.#options(video), again: true } };
  }

  #options(video) {
    const given = { aspect_ratio: this.shape.value, size: this.size.value };
    if (video) Object.assign(given, { seconds: Number(this.seconds.value) });
    else Object.assign(given, { n: Number(this.count.value) - 1 && Number(this.count.value), background: this.transparent.checked && "transparent" });
    if (!this.quality.field.hidden) given.quality = this.quality.value;
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value));
  }

  #made(onMake, call) {
    onMake(call);
    return nothingShown("pending");
  }

  #say(lines, failed = false) {
    this.said.classList.toggle("wrong", failed);
    fill(this.said, lines.filter(Boolean).map((line) => theirs("p", line)));
  }
}
