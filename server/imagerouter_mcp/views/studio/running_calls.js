/** What the person has asked for and is not done yet, each as a card above the gallery. */

import { announce, button, el, fill, icon, theirs } from "../dom.js";
import { lostCall, nothingShown } from "../result.js";
import { resultView } from "../result_view.js";
import { waiting } from "../waiting.js";
import { CLOSE } from "./icons.js";

/** Calls that are sent at once: a browser opens six connections to a server, and the page needs some. */
const CALLS_AT_ONCE = 3;

export class RunningCalls {
  #host;
  #server;
  #onMade;
  #running = new Set();
  #sent = 0;
  #queue = [];

  /**
   * @param {import("./page_host.js").PageHost} host
   * @param {import("../server.js").Server} server Makes the calls.
   * @param {(shown: Object) => void} onMade Called with what was made.
   */
  constructor(host, server, onMade) {
    this.#host = host;
    this.#server = server;
    this.#onMade = onMade;
    this.element = el("section", { class: "running", "aria-label": "Under way", hidden: true });
    addEventListener("beforeunload", (event) => this.#queue.length && event.preventDefault());
  }

  get count() {
    return this.#running.size;
  }

  /** Make a call that was paid for by a click, and show how it goes. */
  start({ tool, args }) {
    this.#follow(args.prompt, (options) => this.#server.run(tool, args, options), { tool, args });
  }

  /** Collect a generation that somebody began. */
  collect(generation) {
    const pending = { ...nothingShown("pending"), generation };
    this.#follow(generation, (options) => this.#server.collect(pending, options));
  }

  /** Show what went wrong with a call whose own place is gone. */
  explain(call, shown) {
    const card = el("article", { class: "running-card" });
    this.element.append(card);
    this.#explain(card, { ...shown, call });
    announce(shown.error.what);
    this.#arrange();
  }

  #follow(title, carryOut, call) {
    const card = el("article", { class: "running-card" });
    const work = new AbortController();
    const server = { collect: (_, options) => this.#inTurn(() => carryOut(options)) };
    const shown = { ...nothingShown("pending"), prompt: title };
    const end = (made) => this.#end(card, call ? { ...made, call } : made);
    card.append(waiting(shown, { server, signal: work.signal, onDone: end, onError: (error) => end(lostCall(error)) }));
    this.#running.add(card);
    this.element.append(card);
    this.#arrange();
  }

  /** Carry out a call once there is a connection for it. */
  async #inTurn(carryOut) {
    if (this.#sent < CALLS_AT_ONCE) this.#sent += 1;
    else await new Promise((resolve) => this.#queue.push(resolve));
    try {
      return await carryOut();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#sent -= 1;
    }
  }

  #end(card, shown) {
    this.#running.delete(card);
    if (shown.state === "pictures") {
      card.remove();
      announce(shown.heading);
      this.#onMade(shown);
    } else {
      this.#explain(card, shown);
    }
    this.#arrange();
  }

  /** Say in a card what went wrong, until the person dismisses it. */
  #explain(card, shown) {
    const away = button(icon(CLOSE), () => (card.remove(), this.#arrange()), { label: "Dismiss", class: "icon-button" });
    const view = resultView(shown, { host: this.#host, server: this.#server, signal: new AbortController().signal, onResult: (next) => this.#end(card, next) });
    const prompt = shown.prompt || shown.call?.args.prompt;
    fill(card, prompt && theirs("h2", prompt, { class: "running-title" }), away, view);
    card.classList.add("ended");
  }

  #arrange() {
    this.element.hidden = !this.element.children.length;
  }
}
