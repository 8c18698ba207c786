/** The gallery's small pictures: asked for several at a time, kept as long as they are likely to be seen again. */

/** Most thumbnails kept, of some 25 kB each. */
const THUMBNAILS_KEPT = 400;
export const THUMBNAIL = 320;

/** Dispatches "settled" when none is waited for any more. */
export class Thumbnails extends EventTarget {
  #load;
  #atOnce;
  #together;
  #urls = new Map();
  #waiting = new Map();
  #requests = new Set();
  #planned = false;
  #perFrame = Infinity;
  #revealing = false;

  /**
   * @param {(handles: string[], signal: AbortSignal) => Promise<[string, Blob][]>} load
   *   Fetches some, empty where there can be none; those that take longer are left out.
   * @param {{atOnce: number, together: number}} limits How many requests are under way, and pictures in each; a
   *   browser opens six connections to a server, and the page needs some for other things.
   */
  constructor(load, { atOnce = 2, together = 18 } = {}) {
    super();
    this.#load = load;
    [this.#atOnce, this.#together] = [atOnce, together];
  }

  /** Show a picture in an element as soon as it is here. */
  show(image, handle) {
    image.removeAttribute("src");
    this.#waiting.set(image, handle);
    this.#reveal();
    this.#plan();
  }

  /** Stop asking for what an element was to show. */
  forget(image) {
    if (this.#waiting.delete(image)) this.#plan();
  }

  /**
   * Spread the work of decoding and drawing, because it makes scrolling stutter.
   * @param {number} perFrame How many pictures appear in one frame at most; 0 fetches none either.
   */
  pace(perFrame) {
    if (perFrame === this.#perFrame) return;
    this.#perFrame = perFrame;
    this.#reveal();
    this.#plan();
  }

  /** Ask when all elements of this turn have said what they show, so that few requests do. */
  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.#ask();
    });
  }

  #ask() {
    if (!this.#perFrame) return;
    const wanted = new Set([...this.#waiting.values()].filter((handle) => !this.#urls.has(handle)));
    for (const { handles, stop } of this.#requests) {
      if (!handles.some((handle) => wanted.has(handle))) stop.abort();
      for (const handle of handles) wanted.delete(handle);
    }
    const next = [...wanted];
    while (next.length && this.#requests.size < this.#atOnce) this.#fetch(next.splice(0, this.#together));
    if (!this.#waiting.size) this.dispatchEvent(new Event("settled"));
  }

  async #fetch(handles) {
    const stop = new AbortController();
    const request = { handles, stop };
    this.#requests.add(request);
    try {
      const thumbnails = await this.#load(handles, stop.signal);
      if (!thumbnails.length) throw new Error("The server made none of them.");
      for (const [handle, content] of thumbnails) {
        if (content.size) this.#keep(handle, URL.createObjectURL(content));
        else this.#fail(handle);
      }
      this.#reveal();
    } catch {
      // What was stopped is asked for again if an element wants it by now.
      if (!stop.signal.aborted) handles.forEach((handle) => this.#fail(handle));
    }
    this.#requests.delete(request);
    this.#plan();
  }

  #keep(handle, url) {
    this.#urls.set(handle, url);
    if (this.#urls.size <= THUMBNAILS_KEPT) return;
    const [oldest, unused] = this.#urls.entries().next().value;
    URL.revokeObjectURL(unused);
    this.#urls.delete(oldest);
  }

  /** Show as many of those that are here as this frame may have, and the rest in the next ones. */
  #reveal() {
    if (this.#revealing) return;
    const here = [...this.#waiting].filter(([, handle]) => this.#urls.has(handle));
    for (const [image, handle] of here.slice(0, this.#perFrame)) this.#put(image, handle);
    if (this.#perFrame === Infinity || !here.length) return;
    this.#revealing = true;
    requestAnimationFrame(() => {
      this.#revealing = false;
      this.#reveal();
      if (!this.#waiting.size) this.#plan();
    });
  }

  #put(image, handle) {
    const url = this.#urls.get(handle);
    this.#urls.delete(handle);
    this.#urls.set(handle, url);
    this.#waiting.delete(image);
    image.src = url;
  }

  #fail(handle) {
    for (const [image, wanted] of this.#waiting) {
      if (wanted !== handle) continue;
      this.#waiting.delete(image);
      image.dispatchEvent(new Event("error"));
    }
  }
}
