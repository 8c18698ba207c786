/** One picture of the gallery, large, with all that can be done with it. */

import { button, el, fill, icon, refill } from "../dom.js";
import { shownError } from "../result.js";
import { resultView } from "../result_view.js";
import { BACK, CLOSE, DELETE, FORWARD, PLUS } from "./icons.js";

/** Elements in which the arrow keys have their own meaning. */
const OWN_ARROWS = "input, textarea, select, canvas, video, [role=slider], [role=application], .stage";

export class PictureDialog {
  #around;
  #handle = "";
  #work = new AbortController();

  /**
   * @param {Object} around
   * @param {import("./page_host.js").PageHost} around.host
   * @param {import("../server.js").Server} around.server
   * @param {import("./gallery_pages.js").GalleryPages} around.pages Tells what comes before and after.
   * @param {(handle: string) => void} around.onMove Called with which picture is shown instead.
   * @param {() => void} around.onClose
   * @param {(handle: string) => void} around.onUse Takes the picture as a source.
   * @param {(handle: string) => void} around.onDelete
   * @param {(call: Object, shown: Object) => void} around.onMissed Called with what went wrong after the picture was closed.
   */
  constructor(around) {
    this.#around = around;
    this.position = el("span", { class: "quiet viewer-place" });
    this.previous = button(icon(BACK), () => this.#step(-1), { label: "Newer picture", class: "icon-button flips" });
    this.next = button(icon(FORWARD), () => this.#step(1), { label: "Older picture", class: "icon-button flips" });
    this.use = button([icon(PLUS), "Use in a new picture"], () => around.onUse(this.#handle), { class: "viewer-use" });
    const remove = button(icon(DELETE), () => around.onDelete(this.#handle), { label: "Delete", class: "icon-button" });
    const close = button(icon(CLOSE), () => this.element.close(), { label: "Close", class: "icon-button" });
    const head = el("div", { class: "viewer-head" }, this.previous, this.next, this.position, el("span", { class: "space" }), this.use, remove, close);
    this.body = el("div", { class: "viewer-body", tabIndex: -1 });
    around.host.surface = this.body;
    this.element = el("dialog", { class: "viewer", "aria-label": "Picture" }, head, this.body);
    around.pages.addEventListener("loaded", () => this.#place());
    this.element.addEventListener("close", () => this.#closed());
    this.element.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Show a picture. */
  async open(handle) {
    if (!this.element.open) this.element.showModal();
    if (handle === this.#handle) return;
    this.#begin(handle);
    const { signal } = this.#work;
    refill(this.body, el("p", { class: "quiet" }, "Loading …"));
    try {
      this.#show(await this.#around.server.show(handle, { signal }));
    } catch (error) {
      if (!signal.aborted) this.#show(shownError(error));
    }
  }

  /** Close without telling. */
  close() {
    this.#handle = "";
    if (this.element.open) this.element.close();
  }

  #begin(handle) {
    this.#work.abort();
    this.#work = new AbortController();
    this.#handle = handle;
    this.#place();
  }

  /** Say which picture of the gallery it is, and whether there are others beside it. */
  #place() {
    const { pages } = this.#around;
    const index = pages.placeOf(this.#handle);
    fill(this.position, index < 0 ? null : `${(index + 1).toLocaleString()} of ${pages.total.toLocaleString()}`);
    this.use.hidden = pages.at(index)?.kind === "video";
    this.previous.disabled = !this.#neighbour(-1);
    this.next.disabled = !this.#neighbour(1);
  }

  #show(shown) {
    const { host, server } = this.#around;
    const { signal } = this.#work;
    const onPick = ({ handle }) => this.#around.onUse(handle);
    // If the person has moved on meanwhile, they stay where they are; the gallery shows what was made.
    const onResult = (made) => signal.aborted || this.#replace(made);
    refill(this.body, resultView(shown, { host, server, signal, onPick, onResult, onMissed: this.#around.onMissed }));
  }

  /** Show what was made of the picture. */
  #replace(shown) {
    const [first] = shown.pictures;
    if (first?.handle && shown.pictures.length === 1) {
      this.#begin(first.handle);
      this.#around.onMove(first.handle);
    }
    this.#show(shown);
  }

  #neighbour(step) {
    const index = this.#around.pages.placeOf(this.#handle);
    return index < 0 ? undefined : this.#around.pages.at(index + step);
  }

  #step(step) {
    const other = this.#neighbour(step);
    if (other) this.#around.onMove(other.handle);
  }

  #press(event) {
    const forward = getComputedStyle(this.element).direction === "rtl" ? -1 : 1;
    const step = { ArrowLeft: -forward, ArrowRight: forward }[event.key];
    if (!step || event.defaultPrevented || event.target.closest(OWN_ARROWS)) return;
    event.preventDefault();
    this.#step(step);
  }

  #closed() {
    this.#work.abort();
    fill(this.body);
    if (!this.#handle) return;
    this.#handle = "";
    this.#around.onClose();
  }
}
