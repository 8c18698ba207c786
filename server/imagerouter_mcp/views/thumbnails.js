/**
 * Load pictures as they come into view, a few at a time.
 */

const AT_ONCE = 3;

/** A queue of pictures to load. */
export class Thumbnails {
  #queue = [];
  #underWay = 0;
  #loads = new Map();
  #signal;
  #seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) this.#enqueue(target);
  });

  /** @param {AbortSignal} signal Stops loading. */
  constructor(signal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#seen.disconnect());
  }

  /** Have `load` called once, when the element comes into view and its turn has come. */
  watch(element, load) {
    this.#loads.set(element, load);
    this.#seen.observe(element);
  }

  #enqueue(element) {
    this.#seen.unobserve(element);
    this.#queue.push(this.#loads.get(element));
    this.#next();
  }

  #next() {
    if (this.#underWay === AT_ONCE || !this.#queue.length || this.#signal.aborted) return;
    this.#underWay += 1;
    this.#queue.shift()().finally(() => {
      this.#underWay -= 1;
      this.#next();
    });
  }
}
