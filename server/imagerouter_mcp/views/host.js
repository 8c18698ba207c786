/**
 * Talk to the host that draws this view: the client of the view protocol (MCP Apps, 2026-01-26).
 */

import { toDataUri } from "./dom.js";
import { asList, asObject, asText } from "./result.js";

/** Seconds to wait for a host's answer, and for a person's. */
const QUICK = 5;
const CONFIRMED = 120;

/** The surroundings inside a chat; `PageHost` is the same for the studio page. */
export class ChatHost extends EventTarget {
  context = {};
  canSay = true;
  #abilities = {};
  #waiting = new Map();
  #lastId = 0;
  #height = 0;

  /** Listen, then introduce the view; a host that does not answer is used as far as possible. */
  async connect() {
    addEventListener("message", (event) => this.#receive(event));
    const about = {
      protocolVersion: "2026-01-26",
      appInfo: { name: "imagerouter-view", version: "1" },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    };
    const answer = await this.#request("ui/initialize", about).catch(() => ({}));
    this.#abilities = answer.hostCapabilities ?? {};
    this.#changeContext(answer.hostContext);
    this.#tell("ui/notifications/initialized");
    new ResizeObserver(() => this.#tellSize()).observe(document.body);
  }

  /** Call a tool of our server. */
  callTool(name, args, { signal, seconds } = {}) {
    return this.#ask("tools/call", { name, arguments: args }, { signal, seconds });
  }

  /** Read a resource of our server. */
  async readResource(uri, { signal, seconds } = {}) {
    const { contents } = await this.#ask("resources/read", { uri }, { signal, seconds });
    if (!Array.isArray(contents)) throw new Error("The host did not return the file.");
    return contents;
  }

  /**
   * Save a picture's file; hosts differ in what they allow.
   *
   * @param {{handle, name, mediaType, url, path, bytes: () => Promise<Blob>}} file
   * @returns {Promise<string>} How it was saved, as a sentence.
   */
  async save({ handle, name, mediaType, url, path, bytes }) {
    let error = new Error(`This host saves no files. ${path ? `The file is ${path}.` : `The link is ${url}.`}`);
    if (this.#abilities.downloadFile || !(url || path)) {
      try {
        const [, blob] = (await toDataUri(await bytes())).split(",", 2);
        const resource = { uri: `file:///${name || handle}`, mimeType: mediaType, blob };
        await this.#request("ui/download-file", { contents: [{ type: "resource", resource }] }, CONFIRMED);
        return "The host has the file to save.";
      } catch (failure) {
        if (!(url || path)) error = failure;
      }
    }
    if (url && (await this.open(url).then(() => true, () => false))) return "It opened in the browser, to be saved there.";
    throw error;
  }

  /** Open a link in the browser. */
  async open(url) {
    if (!isOpenable(url)) throw new Error("Only https links can be opened.");
    await this.#request("ui/open-link", { url }, CONFIRMED);
  }

  /** Put text on the clipboard. */
  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (!copySelected(text)) throw new Error("This host does not allow copying. Select the text instead.");
    }
  }

  /** Say something to the model in the person's name. */
  say(text) {
    return this.#request("ui/message", { role: "user", content: [{ type: "text", text }] }, CONFIRMED);
  }

  /** Let the model know something with the next message; rejects if the host does not take it. */
  setContext(text) {
    return this.#request("ui/update-model-context", { content: [{ type: "text", text }] });
  }

  /** Return whether the host can show the view on the whole screen. */
  get canFullscreen() {
    return Boolean(asList(this.context.availableDisplayModes).includes("fullscreen"));
  }

  /** Ask for the whole screen, or for the place in the chat again. */
  async setFullscreen(on) {
    const mode = on ? "fullscreen" : "inline";
    this.#changeContext({ displayMode: (await this.#request("ui/request-display-mode", { mode })).mode ?? mode });
  }

  /** Ask the host something; rejects if it refuses or does not answer. */
  async #request(method, params, seconds = QUICK) {
    const result = await this.#ask(method, params, { seconds });
    if (result.isError) throw new Error("The host refused it.");
    return result;
  }

  #receive({ source, data }) {
    if (source !== parent || data?.jsonrpc !== "2.0") return;
    if (typeof data.method === "string") this.#hear(data);
    else this.#settle(data);
  }

  #hear({ id, method, params }) {
    const given = asObject(params);
    switch (method.replace("ui/notifications/", "")) {
      case "tool-input":
        return this.#raise("input", given.arguments);
      case "tool-result":
        return this.#raise("result", given);
      case "tool-cancelled":
        return this.#raise("cancelled");
      case "host-context-changed":
        return this.#changeContext(given);
      case "ui/resource-teardown":
        this.#raise("teardown");
      // Falls through: it is answered like a ping.
      case "ping":
        return this.#post({ id, result: {} });
    }
    if (id !== undefined) this.#post({ id, error: { code: -32601, message: "Unknown method" } });
  }

  #settle({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    const refusal = error?.code === -32601 ? "This host cannot do that." : asText(error?.message);
    if (error) waiting?.reject(new Error(refusal || "The host refused it."));
    else waiting?.resolve(asObject(result));
  }

  #changeContext(change) {
    this.context = { ...this.context, ...asObject(change) };
    this.context.maxWidth = asObject(this.context.containerDimensions).maxWidth;
    this.#raise("context", this.context);
  }

  #raise(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #ask(method, params, { signal, seconds } = {}) {
    const id = ++this.#lastId;
    const stop = seconds ? AbortSignal.any([AbortSignal.timeout(seconds * 1000), signal].filter(Boolean)) : signal;
    return new Promise((resolve, reject) => {
      if (stop?.aborted) return reject(gaveUp(stop));
      const onabort = () => {
        if (!this.#waiting.has(id)) return;
        this.#tell("notifications/cancelled", { requestId: id });
        reject(gaveUp(stop));
      };
      stop?.addEventListener("abort", onabort, { once: true });
      this.#waiting.set(id, { resolve, reject });
      this.#post({ id, method, params });
    }).finally(() => this.#waiting.delete(id));
  }

  #tell(method, params = {}) {
    this.#post({ method, params });
  }

  #tellSize() {
    if (this.context.displayMode === "fullscreen") return;
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    if (Math.abs(height - this.#height) <= 1) return;
    this.#height = height;
    this.#tell("ui/notifications/size-changed", { height });
  }

  #post(message) {
    parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }
}

/** Return whether a link may be opened: https, or a server on this machine. */
export function isOpenable(url) {
  if (!URL.canParse(String(url))) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
}

/** Copy by a selection, which works where the clipboard is forbidden. */
export function copySelected(text) {
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus();
  return done;
}

function gaveUp(signal) {
  const late = signal.reason?.name === "TimeoutError";
  const error = new Error(late ? "The host did not answer in time." : "It was stopped.", { cause: signal.reason });
  error.name = late ? "TimeoutError" : "AbortError";
  return error;
}
