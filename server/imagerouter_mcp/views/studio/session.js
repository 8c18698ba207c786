/** The tab's session with its server: every request shows who is there. */

/** The server does not know this tab, or not any more. */
export class SessionEnded extends Error {}

export class Session extends EventTarget {
  /**
   * @param {URL} base The address that the server's paths are relative to.
   * @param {import("./one_time_link.js").OneTimeLink|import("./sign_in.js").SignIn} access Has the token.
   */
  constructor(base, access) {
    super();
    this.base = base;
    this.access = access;
  }

  /**
   * Send a request with the token.
   * @param {string} path Relative to the server's address.
   * @param {RequestInit} options As for fetch.
   * @returns {Promise<Response>} An answer whose status is a success.
   * @throws {Error} A sentence: the server did not answer, or refused.
   */
  async fetch(path, options = {}) {
    try {
      const answer = await this.#sent(path, options);
      if (answer.status === 401) throw new SessionEnded(await reason(answer));
      if (!answer.ok && !isRpc(answer)) throw new Error(await reason(answer));
      return answer;
    } catch (error) {
      if (error instanceof SessionEnded) this.#end();
      throw error;
    }
  }

  /** Send a request and return its JSON; an object becomes the body of a POST. */
  async json(path, { post, signal } = {}) {
    const body = post && { method: "POST", body: JSON.stringify(post), headers: { "content-type": "application/json" } };
    return (await this.fetch(path, { ...body, signal })).json();
  }

  /** Send a request; if the server no longer accepts the token, send it once more with another one. */
  async #sent(path, options) {
    const token = await this.access.token();
    const answer = await this.#sendWith(token, path, options);
    return answer.status === 401 && (await this.access.renew(token)) ? this.#sendWith(await this.access.token(), path, options) : answer;
  }

  #sendWith(token, path, options) {
    return send(new URL(path, this.base), { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });
  }

  #end() {
    this.access.forget();
    this.dispatchEvent(new Event("ended"));
  }
}

/** Send a request that takes no cookie and no referrer along; a failure becomes a sentence. */
export async function send(url, options) {
  try {
    return await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error.name === "TimeoutError") throw new Error("The server did not answer in time.", { cause: error });
    throw new Error("The server does not answer. Check that imagerouter-mcp is still running.");
  }
}

/** Return why a request was refused, in the server's words where it gave some. */
export async function reason(answer) {
  const fallback = `The server refused this (status ${answer.status}). Nothing was charged.`;
  const text = await answer.text();
  try {
    const error = JSON.parse(text).error;
    return (typeof error === "string" ? error : error?.message) || fallback;
  } catch {
    return fallback;
  }
}

/** Tell whether the answer is MCP's own, whose error is in its JSON. */
function isRpc(answer) {
  return answer.url.endsWith("/mcp") && [400, 404, 500].includes(answer.status);
}
