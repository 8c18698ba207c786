/** The pictures that another one is made from: chosen, dropped, pasted, or from the gallery. */

import { announce, button, el, fill, icon, theirs } from "../dom.js";
import { CLOSE, IMAGE } from "./icons.js";

const MOST_SOURCES = 16;

export class Sources {
  #session;
  #changed;
  #sources = [];

  /**
   * @param {import("./session.js").Session} session Takes the uploads.
   * @param {() => void} changed Called when the sources change.
   */
  constructor(session, changed) {
    this.#session = session;
    this.#changed = changed;
    this.picker = el("input", { type: "file", accept: "image/*", multiple: true, hidden: true, onchange: () => this.#picked() });
    this.adder = button([icon(IMAGE), "Add pictures"], () => this.picker.click(), { class: "add-pictures" });
    this.list = el("ul", { class: "source-list" });
    this.wrong = el("p", { class: "wrong", role: "alert" });
    this.element = el("div", { class: "sources", role: "group", "aria-label": "Pictures to make it from" }, this.list, this.adder, this.picker, this.wrong);
  }

  get count() {
    return this.#sources.length;
  }

  /** Whether a picture is still on its way. */
  get busy() {
    return this.#sources.some(({ handle }) => !handle);
  }

  get handles() {
    return this.#sources.map(({ handle }) => handle).filter(Boolean);
  }

  /**
   * Add a picture of the gallery.
   * @param {{handle: string, name: string, picture: HTMLImageElement}} source Its handle, what it shows, and its thumbnail.
   */
  add({ handle, name, picture }) {
    if (this.handles.includes(handle) || this.#isFull()) return;
    this.#append({ handle, name, picture });
  }

  /** Take files, such as those that were dropped or pasted; those that are not pictures are ignored. */
  take(files) {
    const pictures = [...files].filter(({ type, name }) => type.startsWith("image/") || /\.(heic|heif)$/i.test(name));
    fill(this.wrong, files.length && !pictures.length ? "Only pictures can be added." : null);
    for (const file of pictures) if (!this.#isFull()) this.#upload(file);
  }

  #isFull() {
    const full = this.#sources.length >= MOST_SOURCES;
    if (full) fill(this.wrong, `At most ${MOST_SOURCES} pictures can be used at once.`);
    return full;
  }

  #picked() {
    this.take(this.picker.files);
    this.picker.value = "";
  }

  async #upload(file) {
    const source = { handle: "", name: file.name || "Pasted picture", picture: pictureOf(file) };
    this.#append(source);
    try {
      const headers = { "content-type": file.type || "application/octet-stream" };
      const answer = await this.#session.fetch("studio/uploads", { method: "POST", body: file, headers });
      source.handle = (await answer.json()).handle;
      source.item.classList.remove("arriving");
      announce(`${source.name} was added.`);
      this.#changed();
    } catch (error) {
      this.#remove(source);
      fill(this.wrong, theirs("span", `${source.name} was not added. ${error.message}`));
    }
  }

  #append(source) {
    const remove = button(icon(CLOSE), () => this.#remove(source), { label: `Remove ${source.name}`, class: "source-remove" });
    source.item = el("li", { class: source.handle ? "source" : "source arriving", title: source.name }, source.picture, remove);
    this.#sources.push(source);
    this.list.append(source.item);
    this.#changed();
  }

  #remove(source) {
    this.#sources = this.#sources.filter((each) => each !== source);
    source.item.remove();
    fill(this.wrong);
    this.#changed();
  }
}

function pictureOf(file) {
  const url = URL.createObjectURL(file);
  return el("img", { alt: "", src: url, onload: () => URL.revokeObjectURL(url) });
}

/**
 * Hand over the pictures that are dropped on the page or pasted into it.
 * @param {(files: FileList) => void} take Takes them.
 */
export function receiveFiles(take) {
  const carriesFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  const mark = (on) => document.documentElement.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  addEventListener("drop", (event) => {
    mark(false);
    if (!carriesFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  addEventListener("paste", ({ clipboardData }) => clipboardData?.files.length && take(clipboardData.files));
}
