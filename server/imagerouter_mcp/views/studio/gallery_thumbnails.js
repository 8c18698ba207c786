/** The gallery's small pictures: asked for several at a time, kept as long as they are likely to be seen again. */

/** Some 25 kB each. */
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
  #paused = false;

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
    const url = this.#urls.get(handle);
    if (url) {
      this.#urls.delete(handle);
      this.#urls.set(handle, url);
      image.src = url;
      return;
    }
    image.removeAttribute("src");
    this.#waiting.set(image, handle);
    this.#plan();
  }

  /** Ask no longer for what an element was to show. */
  forget(image) {
    if (this.#waiting.delete(image)) this.#plan();
  }

  /** Ask for nothing until `resume`. */
  pause() {
    this.#paused = true;
  }

  /** Ask for what is waited for by now. */
  resume() {
    this.#paused = false;
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
    if (this.#paused) return;
    const wanted = new Set(this.#waiting.values());
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
    } catch {
      // What was stopped is asked for again if an element wants it by now.
      if (!stop.signal.aborted) handles.forEach((handle) => this.#fail(handle));
    }
    this.#requests.delete(request);
    this.#plan();
  }

  #keep(handle, url) {
    this.#urls.set(handle, url);
    this.#settle(handle, (image) => (image.src = url));
    if (this.#urls.size <= THUMBNAILS_KEPT) return;
    const [oldest, unused] = this.#urls.entries().next().value;
    URL.revokeObjectURL(unused);
    this.#urls.delete(oldest);
  }

  #fail(handle) {
    this.#settle(handle, (image) => image.dispatchEvent(new Event("error")));
  }

  #settle(handle, each) {
    for (const [image, wanted] of this.#waiting) {
      if (wanted !== handle) continue;
      this.#waiting.delete(image);
      each(image);
    }
  }
}
