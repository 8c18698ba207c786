/**
 * Ask our server. Each host lacks one way or another, and some claim to have one that fails. So each request
 * has a time limit and a fallback, and a way that has worked is tried first from then on.
 */

import { fromBase64 } from "./dom.js";
import { readResult } from "./result.js";

/** Seconds; the server itself waits up to 45 for a generation. */
const LIMIT = { price: 20, picture: 15, making: 90 };
const IMAGES = "imagerouter://images/";
/** Milliseconds until a host that failed to collect a pending picture is asked again, and how often at most. */
const ASK_AGAIN = 5000;
const FAILURES = 5;
/** Milliseconds. */
const HEAD_START = 1500;

export class Server {
  #host;
  #first = {};

  constructor(host) {
    this.#host = host;
  }

  /** Return a picture small, as the chat's results have it. */
  async preview(handle, { signal } = {}) {
    return imageIn(await this.#call("show_image", { handle }, LIMIT.picture, signal));
  }

  /** Return a picture as sharp as it can be had in one piece. */
  sharp(handle, { signal } = {}) {
    return this.#oneOf("sharp", [
      () => this.#resource(`${IMAGES}${handle}`, signal),
      async () => imageIn(await this.#call("show_image", { handle, preview: "large" }, LIMIT.picture, signal)),
    ]);
  }

  /** Return a picture's whole file; rejects with what to do instead where the host reads no resources. */
  async whole(handle, { signal } = {}) {
    try {
      return await this.#joined(handle, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Error("This host does not hand over the whole file. Open its link or path instead.", { cause: error });
    }
  }

  /** Return what an edit was made from, or null if it cannot be shown. */
  before(handle, { signal } = {}) {
    return this.#resource(`${IMAGES}${handle}/before`, signal).catch((error) => {
      if (signal?.aborted) throw error;
      return null;
    });
  }

  /**
   * Return what a call would cost, without making it.
   *
   * @returns {Promise<{low: number|null, likely: number|null, high: number|null, text: string, model: string, refused?: string}>}
   */
  async price(tool, args, { signal } = {}) {
    const shown = readResult(await this.#call(tool, { ...args, dry_run: true }, LIMIT.price, signal), args);
    const { low = null, likely = null, high = null } = shown.price ?? {};
    const refused = shown.error ? shown.text : undefined;
    return { low, likely, high, text: shown.text, model: shown.model, refused };
  }

  /**
   * Carry out a call to its end: a pending result is collected until it is done.
   *
   * @param {(shown: Object) => void} [onPending] Called each time it is not done yet.
   */
  async run(tool, args, { signal, onPending } = {}) {
    const shown = readResult(await this.#call(tool, args, LIMIT.making, signal), args);
    return shown.state === "pending" ? this.collect(shown, { signal, onPending }) : shown;
  }

  /** Collect what is pending until it is done. */
  async collect(shown, { signal, onPending } = {}) {
    const { generation, prompt } = shown;
    let failures = 0;
    while (shown.state === "pending") {
      onPending?.(shown);
      try {
        const result = await this.#call("get_generation", { generation }, LIMIT.making, signal);
        shown = readResult(result, { prompt });
        failures = 0;
      } catch (error) {
        failures += 1;
        if (signal?.aborted || failures === FAILURES) throw error;
        await pause(ASK_AGAIN, signal);
      }
    }
    return shown;
  }

  /** Return an earlier picture with all that is known of it. */
  async show(handle, { signal } = {}) {
    return readResult(await this.#call("show_image", { handle }, LIMIT.picture, signal));
  }

  /** Return earlier pictures, newest first. */
  async list(query = "", limit = 24, { signal } = {}) {
    return readResult(await this.#call("list_images", { query, limit }, LIMIT.picture, signal));
  }

  #call(name, args, seconds, signal) {
    return this.#host.callTool(name, args, { signal, seconds });
  }

  async #contents(uri, signal) {
    const [contents] = await this.#host.readResource(uri, { signal, seconds: LIMIT.picture });
    if (!contents) throw new Error("The host did not return the file.");
    return contents;
  }

  async #resource(uri, signal) {
    const { blob, mimeType } = await this.#contents(uri, signal);
    if (typeof blob !== "string") throw new Error("The host did not return the file.");
    return fromBase64(blob, mimeType);
  }

  /** Return a file joined from its parts, of which the record tells the number. */
  async #joined(handle, signal) {
    const { images } = JSON.parse((await this.#contents(`${IMAGES}${handle}/record`, signal)).text);
    const files = images.flatMap((image) => [image, image.original ?? image]);
    const { parts, media_type: type } = files.find((file) => file.handle === handle);
    const pieces = [];
    for (let part = 1; part <= parts; part += 1) {
      pieces.push(await this.#resource(`${IMAGES}${handle}/parts/${part}`, signal));
    }
    return new Blob(pieces, { type });
  }

  /** Return what the first of several ways brings; a slow one gets a head start before the next. */
  async #oneOf(what, ways) {
    const first = this.#first[what] ?? 0;
    const attempts = [];
    for (let turn = 0; turn < ways.length; turn += 1) {
      const way = (first + turn) % ways.length;
      attempts.push(ways[way]().then((found) => ((this.#first[what] = way), found)));
      const any = Promise.any(attempts);
      const works = any.then(() => true, () => false);
      if (await Promise.race([works, pause(HEAD_START).then(() => false)])) return any;
    }
    return Promise.any(attempts).catch(({ errors }) => Promise.reject(errors.at(-1)));
  }
}

function imageIn(result) {
  const block = result.content?.find(({ type }) => type === "image");
  if (block) return fromBase64(block.data, block.mimeType);
  const { heading } = readResult(result);
  throw new Error(heading || "There is no picture to see.");
}

/** Wait; rejects when the signal comes. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
