/** The tab's session with its server: a one-time code becomes a token, which goes with every request. */

const TOKEN = "imagerouter-studio-token";

/** The server knows this tab no longer, or never did. */
export class SessionEnded extends Error {}

export class Session extends EventTarget {
  /** @param {URL} base The address that the server's paths are relative to. */
  constructor(base) {
    super();
    this.base = base;
  }

  /**
   * Open the session with the link's code, or go on with this tab's token.
   * @param {string} code The code, "" if the address has none.
   * @throws {SessionEnded} The code is used up, or there is no token either.
   */
  async open(code) {
    if (code) {
      const answer = await this.#send("studio/session", { method: "POST", body: JSON.stringify({ code }) });
      if (answer.ok) sessionStorage.setItem(TOKEN, (await answer.json()).token);
      else if (!sessionStorage.getItem(TOKEN)) throw new SessionEnded(await reason(answer));
    }
    if (!sessionStorage.getItem(TOKEN)) throw new SessionEnded("The studio opens with a link that works once.");
  }

  /**
   * Send a request with the token.
   * @param {string} path Relative to the server's address.
   * @param {RequestInit} options As for fetch.
   * @returns {Promise<Response>} An answer whose status is a success.
   * @throws {Error} A sentence: the server did not answer, or refused.
   */
  async fetch(path, options = {}) {
    const headers = { ...options.headers, authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}` };
    const answer = await this.#send(path, { ...options, headers });
    if (answer.status === 401) throw this.#ended(await reason(answer));
    if (!answer.ok && !isRpc(answer)) throw new Error(await reason(answer));
    return answer;
  }

  /** Send a request and return its JSON; an object becomes the body of a POST. */
  async json(path, { post, signal } = {}) {
    const body = post && { method: "POST", body: JSON.stringify(post), headers: { "content-type": "application/json" } };
    return (await this.fetch(path, { ...body, signal })).json();
  }

  async #send(path, options) {
    try {
      return await fetch(new URL(path, this.base), { ...options, credentials: "omit", referrerPolicy: "no-referrer" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (error.name === "TimeoutError") throw new Error("The server did not answer in time.", { cause: error });
      throw new Error("The server does not answer. Check that imagerouter-mcp is still running.");
    }
  }

  #ended(why) {
    sessionStorage.removeItem(TOKEN);
    this.dispatchEvent(new Event("ended"));
    return new SessionEnded(why);
  }
}

/** Tell whether the answer is MCP's own, whose error is in its JSON. */
function isRpc(answer) {
  return answer.url.endsWith("/mcp") && [400, 404, 500].includes(answer.status);
}

/** Return why a request was refused, in the server's words where it gave some. */
async function reason(answer) {
  const fallback = `The server refused this (status ${answer.status}). Nothing was charged.`;
  const text = await answer.text();
  try {
    const told = JSON.parse(text).error;
    return (typeof told === "string" ? told : told?.message) || fallback;
  } catch {
    return fallback;
  }
}
