/**
 * Show one picture or video with its tools: at once from the preview, then sharp.
 */

import { beforeAfter } from "./before_after.js";
import { details, factsOf } from "./details.js";
import { announce, button, el, icon, theirs, toDataUri } from "./dom.js";
import { isOpenable } from "./host.js";
import { isVideo } from "./result.js";
import { Stage } from "./stage.js";
import { Zoom, ZOOM_STEP } from "./zoom.js";

const PICTURE_ICONS = {
  full: ["M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"],
  save: ["M12 4v11M7 11l5 5 5-5M5 20h14"],
  copy: ["M9 9h11v11H9zM5 15H4V4h11v1"],
  open: ["M14 4h6v6M20 4l-9 9M18 14v6H4V6h6"],
};

/** A picture and its tools. `actions` is the place for what changes it. */
export class Picture {
  actions = el("div", { class: "actions" });
  #said = el("p", { class: "said", hidden: true });
  #over = el("div", { class: "over" });
  #picture;
  #around;
  #stage;
  #tools;
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
    this.#tools = el("div", { class: "tools" }, around.pick, this.#fileButtons());
    const facts = theirs("p", factsOf(picture), { class: "quiet" });
    const caption = el("div", {}, theirs("p", picture.prompt, { class: "prompt" }), facts);
    const head = el("div", { class: "head" }, caption, this.#tools);
    const beside = el("div", { class: "beside" }, head, this.#said, this.actions, details(picture, shown, around.show));
    this.element = el("article", { class: "picture" }, this.#stage.element, beside);
    if (!this.#plays) this.#addZoom();
    this.#addFullscreen();
  }

  /** Return the element that covers the picture exactly, also when it is zoomed. */
  get surface() {
    return this.#stage.surface;
  }

  get #plays() {
    return isVideo(this.#picture);
  }

  /**
   * Draw a preview, then the picture itself; say what cannot be had.
   *
   * @param {string|HTMLCanvasElement|null} preview
   */
  async load(preview) {
    const { signal } = this.#around;
    try {
      if (preview instanceof Element) this.#stage.put(preview);
      else if (preview && !this.#plays) await this.#stage.draw(preview, { isPreview: true });
      await this.#loadSharp();
    } catch (error) {
      if (!signal.aborted) this.say(`${this.#stage.drawing ? "This is only a preview." : "Save or open it to see it."} ${error.message}`);
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
    const stage = this.#stage;
    if (this.#plays) stage.put(await player(await server.whole(handle, { signal }), stage.label));
    else if (mediaType === "image/gif" || seconds) await stage.draw(await server.whole(handle, { signal }));
    else await stage.draw(await server.sharp(handle, { signal }));
  }

  async #offerBefore() {
    const { server, signal } = this.#around;
    const { handle, sourceHandle } = this.#picture;
    const source = () => (sourceHandle ? server.sharp(sourceHandle, { signal }) : null);
    const before = (await server.before(handle, { signal }).catch(() => null)) ?? (await source()?.catch(() => null));
    if (!before || signal.aborted) return;
    let overlay;
    const toggle = button("Compare", async () => {
      overlay ??= await beforeAfter(before);
      toggle.ariaPressed = String(!overlay.isConnected);
      if (overlay.isConnected) overlay.remove();
      else this.surface.append(overlay);
    }, { "aria-pressed": "false" });
    this.#tools.prepend(toggle);
  }

  #addZoom() {
    const stage = this.#stage;
    stage.element.tabIndex = 0;
    stage.element.role = "group";
    stage.element.ariaLabel = "Picture. Plus and minus zoom, arrow keys move.";
    const zoom = new Zoom([stage], (scale) => this.#loadWhole(scale));
    this.#over.append(
      button("−", () => zoom.by(1 / ZOOM_STEP), { label: "Zoom out" }),
      button("+", () => zoom.by(ZOOM_STEP), { label: "Zoom in" }),
    );
  }

  /** Replace a fitted copy by the whole picture, once the person looks closer than the copy is sharp. */
  async #loadWhole(scale) {
    const { server, signal } = this.#around;
    const { handle, width } = this.#picture;
    const stage = this.#stage;
    const needed = Math.min(width, stage.surface.offsetWidth * scale * devicePixelRatio);
    if (this.#isWhole || scale === 1 || !stage.pixels || stage.pixels >= needed) return;
    this.#isWhole = true;
    await server.whole(handle, { signal }).then((whole) => stage.draw(whole), () => {});
  }

  #addFullscreen() {
    const { host, signal } = this.#around;
    const isFull = () => host.context.displayMode === "fullscreen";
    const change = () => host.setFullscreen(!isFull()).catch((error) => this.say(error.message));
    const toggle = button(icon(...PICTURE_ICONS.full), change, { label: "Full screen" });
    const update = () => {
      toggle.hidden = !host.canFullscreen;
      toggle.ariaPressed = String(isFull());
    };
    host.addEventListener("context", update, { signal });
    update();
    this.#over.append(toggle);
  }

  #fileButtons() {
    const { host, server, signal } = this.#around;
    const { handle, url, downloadUrl, path, mediaType, name } = this.#picture;
    const address = [url, downloadUrl].find(isOpenable);
    const [what, copied] = address ? ["address", address] : path ? ["path", path] : ["handle", handle];
    const bytes = () => server.whole(handle, { signal }).catch(() => server.sharp(handle, { signal }));
    const file = { handle, mediaType, path, bytes, url: address, name: name || `${handle}.${mediaType.split("/").pop()}` };
    const acts = {
      save: handle && ["Save", () => host.save(file)],
      copy: copied && [`Copy ${what}`, () => host.copy(copied).then(() => `The ${what} was copied.`)],
      open: address && ["Open", () => host.open(address).then(() => "It was opened in the browser.")],
    };
    return Object.entries(acts).map(([key, act]) => {
      if (!act) return null;
      const [label, work] = act;
      return button(icon(...PICTURE_ICONS[key]), async () => this.say(await work().catch((error) => error.message)), { label });
    });
  }
}

/** Return a player: silent at first, and still if the person wants little motion. */
async function player(blob, label) {
  const media = el("video", { controls: true, loop: true, playsInline: true, "aria-label": label });
  media.muted = true;
  media.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const address of [URL.createObjectURL(blob), await toDataUri(blob)]) {
    media.src = address;
    const isLoaded = await new Promise((resolve) => {
      media.onloadedmetadata = () => resolve(true);
      media.onerror = () => resolve(false);
    });
    if (isLoaded) return media;
  }
  throw new Error("This chat does not play videos.");
}
