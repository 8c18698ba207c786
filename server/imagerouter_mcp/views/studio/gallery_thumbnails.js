/** The gallery's small pictures: fetched with the session's token, kept as long as they are likely to be seen again. */

/** A browser opens six connections to a server, and the page needs some for other things. */
const AT_ONCE = 4;
/** Some 20 kB each. */
const KEPT = 600;
export const THUMBNAIL = 320;

export class Thumbnails {
  #load;
  #urls = new Map();
  #waiting = new Map();
  #loading = new Map();

  /** @param {(handle: string, signal: AbortSignal) => Promise<Blob>} load Fetches one. */
  constructor(load) {
    this.#load = load;
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
    this.#next();
  }

  /** Ask no longer for what an element was to show. */
  forget(image) {
    const handle = this.#waiting.get(image);
    this.#waiting.delete(image);
    if (handle && ![...this.#waiting.values()].includes(handle)) this.#loading.get(handle)?.abort();
  }

  #next() {
    for (const handle of this.#waiting.values()) {
      if (this.#loading.size >= AT_ONCE) return;
      if (!this.#loading.has(handle)) this.#fetch(handle);
    }
  }

  async #fetch(handle) {
    const asked = new AbortController();
    this.#loading.set(handle, asked);
    try {
      this.#keep(handle, URL.createObjectURL(await this.#load(handle, asked.signal)));
    } catch {
      // What was stopped is asked for again if another element wants it by now.
      if (!asked.signal.aborted) this.#settle(handle, (image) => image.dispatchEvent(new Event("error")));
    } finally {
      this.#loading.delete(handle);
    }
    this.#next();
  }

  #keep(handle, url) {
    this.#urls.set(handle, url);
    this.#settle(handle, (image) => (image.src = url));
    if (this.#urls.size <= KEPT) return;
    const [oldest, unused] = this.#urls.entries().next().value;
    URL.revokeObjectURL(unused);
    this.#urls.delete(oldest);
  }

  #settle(handle, each) {
    for (const [image, wanted] of this.#waiting) {
      if (wanted !== handle) continue;
      this.#waiting.delete(image);
      each(image);
    }
  }
}
