/** What changes in the gallery and the journal, told by the server as it happens. */

import { eventsOf } from "./events.js";
import { SessionEnded } from "./session.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;
/** The server says something at least every 15 seconds. */
const SILENCE = 40_000;

/** Follows the server's changes; dispatches "change", "lost" (`detail`: seconds to the next try) and "back". */
export class ChangesStream extends EventTarget {
  #session;
  #wait = FIRST_WAIT;
  #hurry = () => {};

  /** @param {import("./session.js").Session} session Sends the request. */
  constructor(session) {
    super();
    this.#session = session;
    window.addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
  }

  /** Follow the changes until the session ends. */
  async follow() {
    for (;;) {
      try {
        await this.#listen();
        continue; // the server ended it, because the token with which it began has ended
      } catch (error) {
        if (error instanceof SessionEnded) return;
      }
      this.dispatchEvent(new CustomEvent("lost", { detail: this.#wait / 1000 }));
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, this.#wait);
        this.#hurry = () => (clearTimeout(timer), resolve());
      });
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    }
  }

  /** Try at once instead of waiting. */
  retry() {
    this.#hurry();
  }

  async #listen() {
    const silent = new AbortController();
    const answer = await this.#session.fetch("studio/changes", { signal: silent.signal });
    this.#wait = FIRST_WAIT;
    this.dispatchEvent(new Event("back"));
    const giveUp = () => silent.abort();
    let timer = setTimeout(giveUp, SILENCE);
    try {
      for await (const data of eventsOf(answer)) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, SILENCE);
        if (data) this.dispatchEvent(new Event("change"));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
