/** The studio page: let the tab in, then show the page. */

import { button, el, fill, icon, theirs } from "../dom.js";
import { codeIn } from "./address.js";
import { SPARK } from "./icons.js";
import { Session, SessionEnded } from "./session.js";
import { StudioPage } from "./studio_page.js";

const page = document.getElementById("studio");
const session = new Session(new URL(".", location.href));
session.addEventListener("ended", () => showEnd("This session has ended: the server was restarted, or twelve hours passed."));
addEventListener("hashchange", () => codeIn(location.hash) && location.reload());
enter(codeIn(location.hash));

/** Let the tab in with the link's code, which is taken out of the address bar first. */
async function enter(code) {
  if (code) history.replaceState(null, "", `${location.pathname}#/`);
  try {
    await session.open(code);
  } catch (error) {
    if (error instanceof SessionEnded) return showEnd(error.message);
    return showTrouble(error, () => enter(code));
  }
  new StudioPage(session).show(page);
}

function showEnd(why) {
  const commands = [
    ["On this computer", "imagerouter-mcp studio"],
    ["Where imagerouter-mcp http runs", "imagerouter-mcp studio --link"],
  ];
  const list = commands.map(([where, command]) => [el("dt", {}, where), el("dd", {}, el("code", {}, command))]);
  const text = "For another link, press Enter in the terminal where the studio runs, or type the command again. Nothing is lost: what was made is in the gallery, and what was under way is listed under Spending.";
  showNotice("The studio is closed", theirs("p", why), el("p", {}, text), el("dl", { class: "commands" }, list));
}

function showTrouble(error, again) {
  showNotice("The studio cannot be reached", theirs("p", error.message), button("Try again", again, { class: "primary" }));
}

function showNotice(title, ...content) {
  for (const dialog of document.querySelectorAll("dialog")) dialog.remove();
  fill(page, el("main", { class: "closed" }, icon(SPARK), el("h1", {}, title), content));
}
