/** The studio page: let the tab in, then show the page. */

import { button, el, fill, icon, theirs } from "../dom.js";
import { codeIn } from "./address.js";
import { SPARK } from "./icons.js";
import { OneTimeLink } from "./one_time_link.js";
import { Session, SessionEnded } from "./session.js";
import { SignIn } from "./sign_in.js";
import { StudioPage } from "./studio_page.js";

const page = document.getElementById("studio");
const base = new URL(".", location.href);
const link = new OneTimeLink(base);
const signIn = page.dataset.issuer ? new SignIn(page.dataset.issuer) : null;
addEventListener("hashchange", () => codeIn(location.hash) && location.reload());
if (signIn && !codeIn(location.hash) && !link.isOpen) enterSignedIn();
else enterByLink(codeIn(location.hash));

/** Let the tab in with the link's code, which is taken out of the address bar first. */
async function enterByLink(code) {
  if (code) history.replaceState(null, "", `${location.pathname}#/`);
  try {
    await link.open(code);
  } catch (error) {
    if (error instanceof SessionEnded) return showEnd(error.message);
    return showTrouble(error, () => enterByLink(code));
  }
  const session = new Session(base, link);
  session.addEventListener("ended", () => showEnd(link.ended));
  new StudioPage(session).show(page);
}

/** Let a person in who is signed in; anybody else is led to where people sign in. */
async function enterSignedIn() {
  try {
    if (!(await signIn.open())) return await signIn.begin();
  } catch (error) {
    if (error instanceof SessionEnded) return showSignIn("You are not signed in", error.message);
    return showTrouble(error, () => signIn.begin());
  }
  const session = new Session(base, signIn);
  const tellEnd = () => showSignIn("You are signed out", signIn.ended);
  session.addEventListener("ended", tellEnd);
  new StudioPage(session, { leave: () => (session.removeEventListener("ended", tellEnd), leave()) }).show(page);
}

/** Sign out of the page and of the browser. */
async function leave() {
  try {
    await signIn.leave();
  } catch (error) {
    return showTrouble(error, leave);
  }
  showSignIn("You are signed out", "Nobody is signed in with this browser any more. Your pictures are kept.");
}

function showSignIn(title, why) {
  showNotice(title, theirs("p", why), button("Sign in", () => signIn.begin(), { class: "primary" }));
}

function showEnd(why) {
  const commands = [
    ["On this computer", "imagerouter-mcp studio"],
    ["Where imagerouter-mcp http runs", "imagerouter-mcp studio --link"],
  ];
  const list = commands.map(([where, command]) => [el("dt", {}, where), el("dd", {}, el("code", {}, command))]);
  const text = "For another link, press Enter in the terminal where the studio runs, or type the command again. Nothing is lost: what was made is in the gallery, and what was under way is listed under Spending.";
  const instead = signIn && button("Sign in instead", () => signIn.begin(), { class: "primary" });
  showNotice("The studio is closed", theirs("p", why), el("p", {}, text), el("dl", { class: "commands" }, list), instead);
}

function showTrouble(error, again) {
  showNotice("The studio cannot be reached", theirs("p", error.message), button("Try again", again, { class: "primary" }));
}

function showNotice(title, ...content) {
  for (const dialog of document.querySelectorAll("dialog")) dialog.remove();
  fill(page, el("main", { class: "closed" }, icon(SPARK), el("h1", {}, title), content));
}
