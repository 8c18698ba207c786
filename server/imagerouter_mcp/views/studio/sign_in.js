/**
 * Signing in where a server has several people. The page is an OAuth client of the server's own authorization
 * server: an authorization code with PKCE. Its tokens are in this object alone, so a page that is loaded again
 * signs in again, and tokens of a page that is left end.
 */

import { SessionEnded, reason, send } from "./session.js";

const CLIENT = "studio";
/** Where the tab keeps what it needs when the browser comes back: nothing that opens anything by itself. */
const BEGUN = "imagerouter-studio-sign-in";
/** Milliseconds before its end at which a token is renewed. */
const EARLY = 60_000;

export class SignIn {
  #issuer;
  #access = "";
  #refresh = "";
  #endsAt = 0;
  #renewing = null;
  /** Why a session that began by signing in ends. */
  ended = "You have been signed out: the server was told to, or this page slept for too long.";

  /** @param {string} issuer The origin at which people sign in. */
  constructor(issuer) {
    this.#issuer = issuer;
    addEventListener("pagehide", ({ persisted }) => persisted || this.#revoke().catch(() => {}));
  }

  /** Go to where people sign in. The browser comes back to this page. */
  async begin() {
    if (location.origin !== this.#issuer) return location.replace(`${this.#page}${location.hash}`);
    const verifier = secret();
    const begun = { state: secret(), verifier, fragment: location.hash };
    sessionStorage.setItem(BEGUN, JSON.stringify(begun));
    const asked = new URLSearchParams({
      response_type: "code",
      client_id: CLIENT,
      redirect_uri: this.#page,
      state: begun.state,
      code_challenge: await digestOf(verifier),
      code_challenge_method: "S256",
      resource: `${this.#issuer}/mcp`,
    });
    location.replace(`${this.#issuer}/authorize?${asked}`);
  }

  /**
   * Sign in with what the browser came back with, which is taken out of the address bar first.
   * @returns {Promise<boolean>} Whether somebody is signed in; if not, nobody has begun to.
   * @throws {SessionEnded} It was refused, or did not begin in this tab.
   */
  async open() {
    const brought = Object.fromEntries(new URLSearchParams(location.search));
    const begun = JSON.parse(sessionStorage.getItem(BEGUN) ?? "{}");
    sessionStorage.removeItem(BEGUN);
    if (!brought.code && !brought.error) return false;
    const isOurs = Boolean(begun.state) && brought.state === begun.state && brought.iss === this.#issuer;
    history.replaceState(null, "", `${location.pathname}${isOurs ? begun.fragment : "#/"}`);
    if (!isOurs) throw new SessionEnded("This sign-in did not begin in this tab, so nobody was signed in.");
    if (brought.error) throw new SessionEnded("You were not signed in: it was not allowed.");
    await this.#exchange({ grant_type: "authorization_code", code: brought.code, code_verifier: begun.verifier, redirect_uri: this.#page });
    return true;
  }

  /** Return the access token, a new one if it is about to end. */
  async token() {
    if (Date.now() > this.#endsAt - EARLY) await this.renew(this.#access);
    return this.#access;
  }

  /** Replace an access token, once, however many requests want that at the same time. */
  async renew(token) {
    if (token !== this.#access) return true;
    if (!this.#refresh) throw new SessionEnded("Nobody is signed in.");
    this.#renewing ??= this.#exchange({ grant_type: "refresh_token", refresh_token: this.#refresh }).finally(() => (this.#renewing = null));
    await this.#renewing;
    return true;
  }

  /** End the tokens, and sign the browser out. */
  async leave() {
    await this.#revoke();
    const form = new URLSearchParams({ request: "" });
    await send(`${this.#issuer}/sign-out`, { method: "POST", body: form, credentials: "same-origin", redirect: "manual" });
  }

  /** Forget the tokens, which have ended. */
  forget() {
    this.#access = this.#refresh = "";
    this.#endsAt = 0;
  }

  get #page() {
    return `${this.#issuer}/studio`;
  }

  async #exchange(fields) {
    const form = new URLSearchParams({ ...fields, client_id: CLIENT, resource: `${this.#issuer}/mcp` });
    const answer = await send(`${this.#issuer}/token`, { method: "POST", body: form });
    if ([400, 401].includes(answer.status)) throw new SessionEnded("This sign-in has ended. Sign in again.");
    if (!answer.ok) throw new Error(await reason(answer));
    const tokens = await answer.json();
    this.#access = tokens.access_token;
    this.#refresh = tokens.refresh_token;
    this.#endsAt = Date.now() + tokens.expires_in * 1000;
  }

  /** End all tokens of this sign-in, even while the page is being left. */
  async #revoke() {
    if (!this.#refresh) return;
    const form = new URLSearchParams({ client_id: CLIENT, token: this.#refresh });
    const answer = await send(`${this.#issuer}/revoke`, { method: "POST", body: form, keepalive: true });
    if (!answer.ok) throw new Error(await reason(answer));
    this.forget();
  }
}

/** Return 256 random bits as text. */
function secret() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** Return the SHA-256 of a text. */
async function digestOf(text) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
