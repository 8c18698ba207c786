/** The studio page as surroundings of the views: the methods of ChatHost, over the server's own MCP endpoint. */

import { copySelected, isOpenable } from "../host.js";
import { eventsOf } from "./events.js";

const VERSION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": VERSION,
  "io.modelcontextprotocol/clientInfo": { name: "imagerouter-studio", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

export class PageHost extends EventTarget {
  #session;
  #lastId = 0;

  /** @param {import("./session.js").Session} session Sends the requests. */
  constructor(session) {
    super();
    this.#session = session;
    /** What fills the screen when that is asked for. */
    this.surface = document.documentElement;
    this.canSay = false;
    this.canFullscreen = document.fullscreenEnabled;
    document.addEventListener("fullscreenchange", () => this.dispatchEvent(new Event("context")));
  }

  get context() {
    return {
      theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
      displayMode: document.fullscreenElement ? "fullscreen" : "inline",
      locale: navigator.language,
    };
  }

  /** Call a tool and return its result, also one that is an error. */
  callTool(name, args, limits = {}) {
    return this.#request("tools/call", { name, arguments: args }, name, limits);
  }

  /** Read a resource and return its contents. */
  async readResource(uri, limits = {}) {
    return (await this.#request("resources/read", { uri }, uri, limits)).contents;
  }

  /** Save a picture among the person's downloads. */
  async save({ name, bytes }) {
    const url = URL.createObjectURL(await bytes());
    const link = Object.assign(document.createElement("a"), { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    return `Saved as ${name}.`;
  }

  /** Open a link in another tab. */
  async open(url) {
    if (!isOpenable(url)) throw new Error("Only https links can be opened.");
    window.open(url, "_blank", "noopener,noreferrer");
  }

  /** Put text on the clipboard. */
  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (!copySelected(text)) throw new Error("The browser does not allow copying. Select the text instead.");
    }
  }

  /** Refuse: nobody listens here. */
  async say() {
    throw new Error("There is no chat here.");
  }

  /** Do nothing: there is no model that would have to know. */
  async setContext() {}

  /** Fill the screen with the page, or leave that. */
  async setFullscreen(on) {
    if (on) await this.surface.requestFullscreen();
    else if (document.fullscreenElement) await document.exitFullscreen();
  }

  /** Ask the server; closing the connection is how it is told to stop. */
  async #request(method, params, name, { signal, seconds }) {
    const late = seconds && AbortSignal.timeout(seconds * 1000);
    const stop = late && signal ? AbortSignal.any([late, signal]) : late || signal;
    const id = ++this.#lastId;
    const answer = await this.#session.fetch("mcp", {
      method: "POST",
      signal: stop,
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": VERSION,
        "mcp-method": method,
        "mcp-name": name,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: META } }),
    });
    const { result, error } = await messageWith(id, answer);
    if (error) throw new Error(error.message);
    return result;
  }
}

/** Return the message of an answer that has an id: the answer's JSON, or one of its events. */
async function messageWith(id, answer) {
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) return answer.json();
  for await (const data of eventsOf(answer)) {
    const message = data && JSON.parse(data);
    if (message && message.id === id) return message;
  }
  throw new Error("The connection ended before the answer came. What was asked for goes on: look under Unfinished.");
}
