/** A link that lets one tab in: its code becomes a token, which the tab keeps while it is open. */

import { SessionEnded, reason, send } from "./session.js";

const TOKEN = "imagerouter-studio-token";

export class OneTimeLink {
  #base;
  /** Why a session that began with a link ends. */
  ended = "This session has ended: the server was restarted, or twelve hours passed.";

  /** @param {URL} base The address that the server's paths are relative to. */
  constructor(base) {
    this.#base = base;
  }

  /** Whether this tab was let in before. */
  get isOpen() {
    return Boolean(sessionStorage.getItem(TOKEN));
  }

  /**
   * Exchange the link's code for a token, or go on with this tab's.
   * @param {string} code The code, "" if the address has none.
   * @throws {SessionEnded} The code is used up, or there is no token either.
   */
  async open(code) {
    if (code) {
      const answer = await send(new URL("studio/session", this.#base), { method: "POST", body: JSON.stringify({ code }) });
      if (answer.ok) sessionStorage.setItem(TOKEN, (await answer.json()).token);
      else if (!this.isOpen) throw new SessionEnded(await reason(answer));
    }
    if (!this.isOpen) throw new SessionEnded("The studio opens with a link that works once.");
  }

  /** Return the token. */
  token() {
    return sessionStorage.getItem(TOKEN) ?? "";
  }

  /** Tell that there is no other token. */
  renew() {
    return false;
  }

  /** Forget the token, which has ended. */
  forget() {
    sessionStorage.removeItem(TOKEN);
  }
}
