/**
 * The view inside a chat: connect to the host and show the results that it hands over.
 */

import { withCall } from "./change.js";
import { el, fill, refill } from "./dom.js";
import { ChatHost } from "./host.js";
import { nothingShown, readResult } from "./result.js";
import { resultView } from "./result_view.js";
import { Server } from "./server.js";

const place = document.getElementById("view");
const host = new ChatHost();
const server = new Server(host);
let input = {};
let current = nothingShown();
let work = new AbortController();

host.addEventListener("context", () => applyContext(host.context));
host.addEventListener("input", ({ detail }) => (input = detail ?? {}));
host.addEventListener("result", ({ detail }) => take(withCall(readResult(detail, input), input, toolOf(host))));
host.addEventListener("cancelled", () => current.state === "empty" && show(nothingShown("cancelled")));
host.addEventListener("teardown", () => work.abort());
fill(place, el("p", { class: "quiet" }, "Waiting for the result …"));
host.connect();

/** Show a result; an empty one that follows a picture, as some hosts send, changes nothing. */
function take(shown) {
  if (shown.state === "empty" && current.state !== "empty") return;
  show(shown);
}

function show(shown) {
  work.abort();
  work = new AbortController();
  current = shown;
  refill(place, resultView(shown, { host, server, signal: work.signal, onResult: show, input }));
}

/** Return which tool made the result, where the host tells. */
function toolOf({ context }) {
  return context.toolInfo?.tool?.name;
}

/** Apply the host's theme, colours and size. */
function applyContext({ theme, styles, locale, displayMode, containerDimensions, safeAreaInsets }) {
  const root = document.documentElement;
  root.classList.toggle("fullscreen", displayMode === "fullscreen");
  const { maxHeight } = containerDimensions ?? {};
  if (maxHeight > 0) root.style.setProperty("--room", `${maxHeight}px`);
  for (const [side, pixels] of Object.entries(safeAreaInsets ?? {})) {
    if (pixels >= 0) root.style.setProperty(`--inset-${side}`, `${pixels}px`);
  }
  if (theme === "dark" || theme === "light") {
    root.dataset.theme = theme;
    root.style.colorScheme = theme;
  }
  if (typeof locale === "string") root.dataset.locale = locale;
  for (const [name, value] of Object.entries(styles?.variables ?? {})) {
    const loads = /url|image|src/i.test(value);
    if (name.startsWith("--") && typeof value === "string" && !loads) root.style.setProperty(name, value);
  }
}
