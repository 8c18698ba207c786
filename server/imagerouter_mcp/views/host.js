/**
 * Talk to the host that draws this view: the client of the view protocol (MCP Apps, 2026-01-26).
 */

import { toDataUri } from "./dom.js";

const PROTOCOL = "2026-01-26";
/** Seconds until the host is taken to be deaf to a request; a person may have to confirm the last two. */
const LIMITS = { connect: 3, quick: 5, message: 20, link: 60, download: 120 };

/** The surroundings inside a chat; `PageHost` is the same for the studio page. */
export class ChatHost extends EventTarget {
  context = {};
  canSay = true;
  #abilities = {};
  #waiting = new Map();
  #lastId = 0;
  #height = 0;

  /** Listen, then introduce the view; a host that does not answer is used as far as it goes. */
  async connect() {
    addEventListener("message", (event) => this.#receive(event));
    const about = {
      protocolVersion: PROTOCOL,
      appInfo: { name: "imagerouter-view", version: "1" },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    };
    const told = await this.#ask("ui/initialize", about, { seconds: LIMITS.connect }).catch(() => ({}));
    this.#abilities = told.hostCapabilities ?? {};
    this.#changeContext(told.hostContext);
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
    if (this.#abilities.downloadFile || !(url || path)) {
      try {
        const [, blob] = (await toDataUri(await bytes())).split(",", 2);
        const resource = { uri: `file:///${name || handle}`, mimeType: mediaType, blob };
        const contents = [{ type: "resource", resource }];
        accepted(await this.#ask("ui/download-file", { contents }, { seconds: LIMITS.download }));
        return "The file was handed to the host to be saved.";
      } catch (error) {
        if (!(url || path)) throw new Error(`The file could not be saved: ${error.message}`, { cause: error });
      }
    }
    if (url) {
      const opened = await this.open(url).then(() => true, () => false);
      if (opened) return "The file was opened in the browser, to be saved there.";
    }
    if (path) return `This host cannot save files. The file is at ${path}.`;
    throw new Error(`This host can neither save files nor open links. The link is ${url}.`);
  }

  /** Open a link in the browser. */
  async open(url) {
    if (!isOpenable(url)) throw new Error("Only https links can be opened.");
    accepted(await this.#ask("ui/open-link", { url }, { seconds: LIMITS.link }));
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
  async say(text) {
    const message = { role: "user", content: [{ type: "text", text }] };
    accepted(await this.#ask("ui/message", message, { seconds: LIMITS.message }));
  }

  /** Let the model know something with the next message; rejects if the host does not take it. */
  async setContext(text) {
    const context = { content: [{ type: "text", text }] };
    accepted(await this.#ask("ui/update-model-context", context, { seconds: LIMITS.quick }));
  }

  /** Whether the host can show the view on the whole screen. */
  get canFullscreen() {
    return Boolean(this.context.availableDisplayModes?.includes("fullscreen"));
  }

  /** Ask for the whole screen, or for the place in the chat again. */
  async setFullscreen(on) {
    const mode = on ? "fullscreen" : "inline";
    const told = await this.#ask("ui/request-display-mode", { mode }, { seconds: LIMITS.quick });
    this.#changeContext({ displayMode: told.mode ?? mode });
  }

  #receive({ source, data }) {
    if (source !== parent || data?.jsonrpc !== "2.0") return;
    if (typeof data.method === "string") this.#hear(data);
    else this.#settle(data);
  }

  #hear({ id, method, params = {} }) {
    const notifications = {
      "ui/notifications/tool-input": () => this.#raise("input", params?.arguments),
      "ui/notifications/tool-result": () => this.#raise("result", params),
      "ui/notifications/tool-cancelled": () => this.#raise("cancelled", params?.reason),
      "ui/notifications/host-context-changed": () => this.#changeContext(params),
    };
    if (id === undefined) return Object.hasOwn(notifications, method) && notifications[method]();
    if (method === "ui/resource-teardown") this.#raise("teardown");
    const known = method === "ping" || method === "ui/resource-teardown";
    const refusal = { code: -32601, message: `Unknown method ${method}` };
    this.#post(known ? { id, result: {} } : { id, error: refusal });
  }

  #settle({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (error) waiting.reject(new Error(error.message || "The host refused the request."));
    else waiting.resolve(result ?? {});
  }

  #changeContext(context) {
    if (typeof context !== "object" || context === null) return;
    this.context = { ...this.context, ...context };
    this.context.maxWidth = this.context.containerDimensions?.maxWidth;
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

/** Whether a link may be opened: https, or a server on this machine. */
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

function accepted(result) {
  if (result?.isError) throw new Error("The host refused it.");
  return result;
}

function gaveUp(signal) {
  const late = signal.reason?.name === "TimeoutError";
  const error = new Error(late ? "The host did not answer in time." : "It was stopped.", { cause: signal.reason });
  error.name = late ? "TimeoutError" : "AbortError";
  return error;
}
