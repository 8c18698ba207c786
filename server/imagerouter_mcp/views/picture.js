/**
 * Show one picture, video or sound with its tools: at once from the preview, then sharp.
 */

import { beforeAfter } from "./before_after.js";
import { details } from "./details.js";
import { announce, button, el, icon, theirs, toDataUri } from "./dom.js";
import { isOpenable } from "./host.js";
import { Stage } from "./stage.js";
import { dollars, duration } from "./wording.js";
import { Zoom, ZOOM_STEP } from "./zoom.js";

const PICTURE_ICONS = {
  out: ["M5 12h14"],
  in: ["M5 12h14", "M12 5v14"],
  full: ["M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5"],
  compare: ["M12 3v18", "M8 8l-4 4 4 4", "M16 8l4 4-4 4"],
  save: ["M12 4v11", "M7 11l5 5 5-5", "M5 20h14"],
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
  open: ["M14 4h6v6", "M20 4l-9 9", "M18 14v6H4V6h6"],
  details: ["M12 11v6", "M12 7.5v.01", "M12 3a9 9 0 1 0 .01 0z"],
};
/** Width by height from which the tools stand below a picture even if there is room beside it. */
const WIDE = 1.25;

/** A picture and its tools. `actions` is the place for what changes it. */
export class Picture {
  actions = el("div", { class: "actions" });
  #said = el("p", { class: "said", hidden: true });
  #tools = el("div", { class: "tools" });
  #over = el("div", { class: "over" });
  #picture;
  #around;
  #stage;
  #zoom;
  #isWhole = false;

  /**
   * @param {Object} picture As in `readResult`.
   * @param {Object} shown The result that it belongs to.
   * @param {Object} around
   * @param {ChatHost} around.host
   * @param {Server} around.server
   * @param {AbortSignal} around.signal Stops loading.
   * @param {(handle: string) => void} around.show Shows another picture.
   * @param {Node} [around.pick] Chooses this picture among several.
   */
  constructor(picture, shown, around) {
    this.#picture = picture;
    this.#around = around;
    this.#stage = new Stage(picture);
    this.#stage.element.append(this.#over);
    const about = details(picture, shown, around.show);
    this.#tools.append(...[around.pick, ...this.#fileButtons(), detailsButton(about)].filter(Boolean));
    const head = el("div", { class: "head" }, caption(picture), this.#tools);
    const beside = el("div", { class: "beside" }, head, this.#said, this.actions);
    const form = this.#stage.ratio > WIDE ? "wide" : "tall";
    this.element = el("article", { class: "picture" }, el("div", { class: form }, this.#stage.element, beside, about));
    if (!this.#plays) this.#addZoom();
    this.#addFullscreen();
  }

  /** The element that covers the picture exactly, also when it is zoomed. */
  get surface() {
    return this.#stage.surface;
  }

  get #plays() {
    return /^(video|audio)\//.test(this.#picture.mediaType);
  }

  /**
   * Draw a preview, then the picture itself; say what cannot be had.
   *
   * @param {string|Blob|HTMLCanvasElement|null} preview
   */
  async load(preview) {
    const { signal } = this.#around;
    try {
      if (preview instanceof Element) this.#stage.put(preview);
      else if (preview && !this.#plays) await this.#stage.draw(preview, { isPreview: true });
      await this.#loadSharp();
    } catch (error) {
      if (!signal.aborted) this.say(this.#stage.drawing ? `This is only a preview. ${error.message}` : error.message);
    }
    if (!this.#plays && !signal.aborted) await this.#offerBefore();
  }

  /** Say something below the tools. */
  say(text) {
    this.#said.textContent = text;
    this.#said.hidden = !text;
    announce(text);
  }

  async #loadSharp() {
    const { server, signal } = this.#around;
    const { handle, mediaType, seconds } = this.#picture;
    if (this.#plays) this.#stage.put(await player(await server.whole(handle, { signal }), this.#stage.label));
    else if (mediaType === "image/gif" || seconds) await this.#stage.draw(await server.whole(handle, { signal }));
    else await this.#stage.draw(await server.sharp(handle, { signal }));
  }

  /** Replace a fitted copy by the whole picture once the person looks closer than the copy is sharp. */
  async #loadWhole(scale) {
    const { server, signal } = this.#around;
    const { surface, pixels } = this.#stage;
    const isEnough = pixels >= this.#picture.width || surface.offsetWidth * scale * devicePixelRatio <= pixels;
    if (scale === 1 || isEnough || this.#isWhole || !("sharp" in this.#stage.element.dataset)) return;
    this.#isWhole = true;
    await this.#stage.draw(await server.whole(this.#picture.handle, { signal })).catch(() => {});
  }

  async #offerBefore() {
    const { server, signal } = this.#around;
    const { handle, sourceHandle } = this.#picture;
    const fallback = () => (sourceHandle ? server.sharp(sourceHandle, { signal }).catch(() => null) : null);
    const before = (await server.before(handle, { signal }).catch(() => null)) ?? (await fallback());
    if (!before || signal.aborted) return;
    let overlay = null;
    const toggle = button([icon(...PICTURE_ICONS.compare), "Compare"], async () => {
      overlay ??= await beforeAfter(before);
      const isShown = !overlay.isConnected;
      if (isShown) this.surface.append(overlay);
      else overlay.remove();
      toggle.setAttribute("aria-pressed", isShown);
    }, { class: "compare", "aria-pressed": "false" });
    this.#tools.prepend(toggle);
  }

  #addZoom() {
    const { element: stage, surface } = this.#stage;
    stage.tabIndex = 0;
    stage.setAttribute("role", "group");
    stage.setAttribute("aria-label", "Picture");
    stage.setAttribute("aria-description", "Plus and minus zoom, 0 shows all of it, arrow keys move it.");
    this.#zoom = new Zoom([{ stage, surface }], (scale) => this.#loadWhole(scale));
    const zoomOut = button(icon(...PICTURE_ICONS.out), () => this.#zoom.by(1 / ZOOM_STEP), { label: "Zoom out" });
    const zoomIn = button(icon(...PICTURE_ICONS.in), () => this.#zoom.by(ZOOM_STEP), { label: "Zoom in" });
    this.#over.append(zoomOut, zoomIn);
  }

  #addFullscreen() {
    const { host, signal } = this.#around;
    const isFull = () => host.context.displayMode === "fullscreen";
    const change = () => host.setFullscreen(!isFull()).catch((error) => this.say(error.message));
    const toggle = button(icon(...PICTURE_ICONS.full), change, { label: "Full screen" });
    const update = () => {
      toggle.hidden = !host.canFullscreen;
      toggle.setAttribute("aria-pressed", isFull());
    };
    host.addEventListener("context", update, { signal });
    update();
    this.#over.append(toggle);
  }

  #fileButtons() {
    const { host, server, signal } = this.#around;
    const { handle, url, downloadUrl, path, mediaType } = this.#picture;
    const address = [url, downloadUrl].find(isOpenable);
    const name = this.#picture.name || `${handle}.${mediaType.split("/").pop() || "png"}`;
    const bytes = () => server.whole(handle, { signal }).catch(() => server.sharp(handle, { signal }));
    const save = () => host.save({ handle, name, mediaType, url: address, path, bytes });
    const copied = address || path || handle;
    const what = address ? "address" : path ? "path" : "handle";
    const copy = () => host.copy(copied).then(() => `The ${what} was copied.`);
    const open = () => host.open(address).then(() => "The picture was opened in the browser.");
    return [
      handle && this.#fileButton("Save", PICTURE_ICONS.save, save),
      copied && this.#fileButton(`Copy ${what}`, PICTURE_ICONS.copy, copy),
      address && this.#fileButton("Open in browser", PICTURE_ICONS.open, open),
    ];
  }

  /** Return a button that says what came of it. */
  #fileButton(label, paths, act) {
    const made = button(icon(...paths), async () => {
      if (made.ariaBusy === "true") return;
      made.ariaBusy = "true";
      this.say(await act().catch((error) => error.message));
      made.ariaBusy = "false";
    }, { label });
    return made;
  }
}

function caption(picture) {
  const { prompt, model, cost, latencyMs } = picture;
  const facts = [model, dollars(cost), latencyMs && duration(latencyMs / 1000)].filter(Boolean).join(" · ");
  const lines = [prompt && theirs("p", prompt, { class: "prompt" }), facts && theirs("p", facts, { class: "quiet" })];
  return el("div", { class: "caption" }, lines);
}

function detailsButton(list) {
  const toggle = button(icon(...PICTURE_ICONS.details), () => {
    list.hidden = !list.hidden;
    toggle.setAttribute("aria-expanded", !list.hidden);
  }, { label: "Details", "aria-expanded": "false" });
  return toggle;
}

/** Return a player: silent at first, and still if the person wants little motion. */
async function player(blob, label) {
  const isSound = blob.type.startsWith("audio/");
  const media = el(isSound ? "audio" : "video", { controls: true, playsInline: true, "aria-label": label });
  media.muted = media.loop = !isSound;
  media.autoplay = !isSound && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  media.addEventListener("error", async () => (media.src = await toDataUri(blob)), { once: true });
  media.src = URL.createObjectURL(blob);
  return media;
}
