/** The gallery's list, fetched page by page as it is looked at. */

export const PAGE = 120;
/** Milliseconds that a page stays in sight before it is asked for: scrolling past costs nothing. */
const SETTLING = 60;
/** Pages that are kept. */
const PAGES_KEPT = 40;

/** Dispatches "loaded" when pictures or the total have come, and "failed" (`detail`: an Error). */
export class GalleryPages extends EventTarget {
  total = 0;
  #load;
  #filters = {};
  #anchor = "";
  /** Number of requests for the first page, and which of them is shown: answers may overtake each other. */
  #heads = 0;
  #shown = 0;
  /** The handles of the newest pictures when the list was opened. */
  #newest = new Set();
  #pages = new Map();
  #asked = new Map();
  #stale = new Set();

  /** @param {(query: Object, signal: AbortSignal) => Promise<{total, anchor, pictures}>} load Asks the server. */
  constructor(load) {
    super();
    this.#load = load;
  }

  /** Begin anew with the newest pictures that pass the filters. */
  async open(filters) {
    this.#filters = filters;
    const turn = ++this.#heads;
    const head = await this.head();
    if (this.#filters === filters) this.#adopt(head, turn);
  }

  /** Return the first page as it is now, whatever is shown. */
  head() {
    return this.#load({ ...this.#filters, offset: 0, limit: PAGE });
  }

  /** Show a first page from now on, unless one that was asked for later is shown. */
  #adopt({ total, anchor, pictures }, turn) {
    if (turn < this.#shown) return;
    this.#shown = turn;
    this.#drop();
    this.#anchor = anchor;
    this.total = total;
    this.#newest = new Set(pictures.map(({ handle }) => handle));
    this.#pages.set(0, pictures);
    this.dispatchEvent(new Event("loaded"));
  }

  /**
   * Take note that the gallery has changed.
   * @param {boolean} atTop Whether new pictures are to appear at once.
   * @returns {Promise<number>} How many new ones are held back.
   */
  async renew(atTop) {
    const filters = this.#filters;
    const turn = ++this.#heads;
    const head = await this.head();
    if (this.#filters !== filters) return 0;
    if (atTop) {
      this.#adopt(head, turn);
      return 0;
    }
    const place = head.pictures.findIndex(({ handle }) => this.#newest.has(handle));
    const fresh = place < 0 ? Math.max(head.total - this.total, head.pictures.length && 1) : place;
    if (head.total - fresh !== this.total) this.refetch();
    return fresh;
  }

  /** Return the picture at a place, undefined if it has not come yet. */
  at(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Return the place of a picture among those that are here, -1 if it is not among them. */
  placeOf(handle) {
    for (const [page, pictures] of this.#pages) {
      const place = pictures.findIndex((picture) => picture.handle === handle);
      if (place >= 0) return page * PAGE + place;
    }
    return -1;
  }

  /** Load the pictures from one place to another; stop asking for the pages beyond. */
  want(first, last) {
    const [from, to] = [Math.floor(first / PAGE), Math.floor(Math.min(last, this.total - 1) / PAGE)];
    for (const [page, asked] of this.#asked) {
      if (page < from || page > to) this.#cancel(page, asked);
    }
    for (let page = from; page <= to; page++) {
      const here = this.#pages.has(page) && !this.#stale.has(page);
      if (!here && !this.#asked.has(page)) this.#ask(page);
    }
  }

  #ask(page) {
    const asked = new AbortController();
    this.#asked.set(page, asked);
    const timer = setTimeout(() => this.#fetch(page, asked.signal), SETTLING);
    asked.signal.addEventListener("abort", () => clearTimeout(timer));
  }

  async #fetch(page, signal) {
    try {
      const query = { ...this.#filters, anchor: this.#anchor, offset: page * PAGE, limit: PAGE };
      const { total, pictures } = await this.#load(query, signal);
      this.#keep(page, pictures);
      this.total = total;
      this.dispatchEvent(new Event("loaded"));
    } catch (error) {
      if (!signal.aborted) this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    } finally {
      if (this.#asked.get(page)?.signal === signal) this.#asked.delete(page);
    }
  }

  #keep(page, pictures) {
    this.#pages.set(page, pictures);
    this.#stale.delete(page);
    if (this.#pages.size <= PAGES_KEPT) return;
    const away = (other) => Math.abs(other - page);
    this.#pages.delete([...this.#pages.keys()].reduce((far, other) => (away(other) > away(far) ? other : far)));
  }

  /** Ask again for what is in sight, as soon as it is drawn: something was deleted. */
  refetch() {
    this.#stale = new Set(this.#pages.keys());
    this.dispatchEvent(new Event("loaded"));
  }

  #cancel(page, asked) {
    asked.abort();
    this.#asked.delete(page);
  }

  #drop() {
    for (const [page, asked] of this.#asked) this.#cancel(page, asked);
    this.#pages.clear();
    this.#stale.clear();
  }
}
