/** The page itself: header, gallery, form and dialogs, and what the address bar says of them. */

import { announce, button, el, fill, icon } from "../dom.js";
import { Server } from "../server.js";
import { dollars } from "../wording.js";
import { isFiltered, readAddress, serverFilters, writeAddress } from "./address.js";
import { ChangesStream } from "./changes_stream.js";
import { deleteOlder, deletePicture } from "./deleting.js";
import { Filters } from "./filters.js";
import { GalleryGrid } from "./gallery_grid.js";
import { GalleryPages } from "./gallery_pages.js";
import { CHART, CLOSE, DELETE, PLUS, SPARK, UP } from "./icons.js";
import { MakeForm } from "./make_form.js";
import { offeredModels } from "./offered_models.js";
import { PageHost } from "./page_host.js";
import { PictureDialog } from "./picture_dialog.js";
import { RunningCalls } from "./running_calls.js";
import { receiveFiles } from "./sources.js";
import { SpendingPage } from "./spending_page.js";
import { THUMBNAIL, Thumbnails } from "./gallery_thumbnails.js";

/** From this width on the form stands beside the gallery. */
const DOCKED = matchMedia("(min-width: 1080px)");
/** Milliseconds within which changes count as one. */
const TOGETHER = 250;
const TYPED_INTO = "input, textarea, select, [contenteditable]";

export class StudioPage {
  #session;
  #host;
  #server;
  #filters = new Filters();
  #address = readAddress(location.hash);
  #spendingDialog = null;
  #fresh = 0;

  /** @param {import("./session.js").Session} session Sends all requests. */
  constructor(session) {
    this.#session = session;
    this.#host = new PageHost(session);
    this.#server = new Server(this.#host);
    this.pages = new GalleryPages((query, signal) => session.json(`studio/gallery?${new URLSearchParams(query)}`, { signal }));
    this.thumbnails = new Thumbnails((handle, signal) => this.#thumbnail(handle, signal));
    this.grid = new GalleryGrid(this.pages, this.thumbnails, { open: ({ handle }) => this.#go(handle), remove: (picture) => this.#delete(picture) });
    this.running = new RunningCalls(this.#host, this.#server, () => this.#renew({ toTop: true }));
    this.form = new MakeForm({ host: this.#host, session, server: this.#server, onMake: (call) => this.#make(call) });
    this.spending = new SpendingPage(this.#host, (generation) => this.#collect(generation));
    this.viewer = new PictureDialog({
      host: this.#host,
      server: this.#server,
      pages: this.pages,
      onMove: (handle) => this.#move(handle),
      onClose: () => this.#leave(),
      onUse: (handle) => this.#use(handle),
      onDelete: (handle) => this.#delete(this.#pictureOf(handle)),
    });
    this.#build();
  }

  /** Put the page into an element, and begin. */
  async show(place) {
    fill(place, this.header, this.body, this.viewer.element);
    this.#filters.show(this.#address.filters);
    this.#dock();
    this.#listen();
    await this.#load();
    this.#route();
    this.#offerModels();
    this.#offerFilters();
    this.#refreshMoney();
    this.#follow();
  }

  #build() {
    this.money = button([icon(CHART), el("span", {}, "Spending")], () => this.#go("spending"), { class: "money" });
    const make = button([icon(PLUS), el("span", {}, "New")], () => this.#new(), { class: "primary new", "aria-keyshortcuts": "n" });
    const mark = el("h1", { class: "mark" }, icon(SPARK), el("span", {}, "Studio"));
    this.header = el("header", { class: "top" }, mark, el("search", {}, this.#filters.search, this.#filters.choices), el("div", { class: "top-end" }, this.money, make));
    this.count = el("p", { class: "count", role: "status" });
    this.clear = button("Clear filters", () => this.#filter({}), { class: "link", hidden: true });
    this.older = button([icon(DELETE), "Delete old pictures"], () => deleteOlder(this.#session), { class: "link quiet", hidden: true });
    this.pill = button("", () => this.#renew({ toTop: true }), { class: "pill", hidden: true });
    this.lost = el("p", { class: "lost", role: "alert", hidden: true });
    this.empty = el("div", { class: "empty", hidden: true });
    const head = el("div", { class: "gallery-head" }, this.count, this.clear, el("span", { class: "space" }), this.older);
    this.main = el("main", {}, this.lost, this.running.element, head, this.empty, this.grid.element, this.pill);
    const close = button(icon(CLOSE), () => this.panel.close(), { label: "Close the form", class: "icon-button" });
    const panelHead = el("div", { class: "dialog-head" }, el("h2", { id: "make-title" }, "New picture"), close);
    this.panel = el("dialog", { class: "panel", "aria-labelledby": "make-title" }, panelHead, this.form.element);
    this.panel.addEventListener("close", () => this.#address.place === "make" && this.#leave());
    this.body = el("div", { class: "body" }, this.panel, this.main);
  }

  #listen() {
    addEventListener("popstate", () => this.#route());
    addEventListener("keydown", (event) => this.#press(event));
    addEventListener("scroll", () => this.#fresh && this.grid.atTop && this.#renew({ toTop: true }), { passive: true });
    DOCKED.addEventListener("change", () => this.#dock());
    this.#filters.addEventListener("change", () => this.#filter(this.#filters.values));
    this.pages.addEventListener("loaded", () => this.#tellCount());
    this.pages.addEventListener("failed", ({ detail }) => announce(detail.message));
    receiveFiles((files) => this.#receive(files));
  }

  #follow() {
    const changes = new ChangesStream(this.#session);
    let timer;
    changes.addEventListener("change", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#renew(), TOGETHER);
    });
    changes.addEventListener("lost", ({ detail }) => this.#tellLost(detail));
    changes.addEventListener("back", () => this.#tellBack());
    this.retry = () => changes.retry();
    changes.follow();
  }

  async #load() {
    try {
      await this.pages.open(serverFilters(this.#address.filters));
      this.grid.toTop();
    } catch (error) {
      fill(this.count, error.message);
    }
  }

  /** Take in what has changed in the gallery. */
  async #renew({ toTop = false } = {}) {
    try {
      this.#fresh = await this.pages.renew(toTop || this.grid.atTop);
      if (toTop) this.grid.toTop();
    } catch (error) {
      announce(error.message);
    }
    this.pill.hidden = !this.#fresh;
    fill(this.pill, icon(UP), `${this.#fresh} new`);
    this.#refreshMoney();
  }

  async #thumbnail(handle, signal) {
    const path = `studio/pictures/${encodeURIComponent(handle)}?size=${THUMBNAIL}`;
    return (await this.#session.fetch(path, { signal, priority: "low" })).blob();
  }

  async #offerModels() {
    try {
      this.form.offer(await offeredModels(this.#host));
    } catch (error) {
      announce(error.message);
    }
  }

  async #offerFilters() {
    const { models } = await this.#session.json("studio/filters").catch(() => ({ models: [] }));
    this.#filters.offerModels(models.map(({ model }) => model));
  }

  /** Show what is left of today's budget, and how much others have under way. */
  async #refreshMoney() {
    const { structuredContent: spending } = await this.#host.callTool("spending", {}).catch(() => ({}));
    if (!spending) return;
    const others = spending.unfinished.filter(({ state }) => ["preparing", "queued", "working"].includes(state)).length - this.running.count;
    const left = spending.budget_left_usd ? dollars(spending.budget_left_usd) : "$0.00";
    const words = others > 0 ? `${others} under way` : `${left} left today`;
    fill(this.money, icon(CHART), el("span", {}, words));
    this.money.setAttribute("aria-label", `Spending: ${words}`);
    if (this.#spendingDialog?.open) this.spending.refresh();
  }

  #tellCount() {
    const { total } = this.pages;
    const filtered = isFiltered(this.#address.filters);
    fill(this.count, total ? `${total.toLocaleString()} ${total === 1 ? "picture" : "pictures"}${filtered ? " found" : ""}` : "");
    this.clear.hidden = !filtered || !total;
    this.older.hidden = filtered || !total;
    this.#tellEmpty(!total, filtered);
  }

  #tellEmpty(empty, filtered) {
    const welcome = empty && !filtered;
    if (this.empty.hidden === !empty && this.body.classList.contains("welcome") === welcome) return;
    this.empty.hidden = !empty;
    this.body.classList.toggle("welcome", welcome);
    fill(this.empty, welcome ? this.#welcome() : nothingFound(() => this.#filter({})));
    if (!welcome && !this.panel.contains(this.form.element)) this.panel.append(this.form.element);
    this.#dock();
  }

  #welcome() {
    const title = el("h2", {}, "Make your first picture");
    const text = el("p", {}, "Describe it, and look at the button: it always says what a picture costs. A free model is chosen to begin with.");
    queueMicrotask(() => this.form.focus());
    return [title, text, this.form.element];
  }

  #tellLost(seconds) {
    const again = button("Try now", () => this.retry(), { class: "link" });
    fill(this.lost, `The server does not answer. Trying again in ${Math.round(seconds)} s.`, again);
    this.lost.hidden = false;
  }

  #tellBack() {
    if (this.lost.hidden) return;
    this.lost.hidden = true;
    announce("The server is back.");
    this.#renew();
  }

  /** Have the form beside the gallery where there is room. */
  #dock() {
    const beside = DOCKED.matches && !this.body.classList.contains("welcome");
    if (this.panel.open) this.panel.close();
    this.panel.classList.toggle("docked", beside);
    if (!beside) return;
    const before = document.activeElement;
    this.panel.show();
    if (before === document.body) document.activeElement.blur();
    else before.focus();
  }

  #new() {
    if (this.body.classList.contains("welcome")) return this.form.focus();
    if (!DOCKED.matches) return this.#go("make");
    if (!this.panel.open) this.panel.show();
    this.form.focus();
  }

  #make(call) {
    this.running.start(call);
    if (this.#address.place === "make") this.#leave();
    scrollTo({ top: 0 });
  }

  #collect(generation) {
    this.#leave();
    this.running.collect(generation);
    scrollTo({ top: 0 });
  }

  /** Show another picture instead of this one, and have the gallery follow. */
  #move(handle) {
    this.grid.reveal(this.pages.placeOf(handle));
    this.#go(handle, { replace: true });
  }

  async #use(handle) {
    const name = this.#pictureOf(handle).prompt ?? handle;
    const blob = await this.#thumbnail(handle).catch(() => new Blob());
    this.viewer.close();
    if (DOCKED.matches) {
      this.#leave();
      this.#new();
    } else {
      this.#go("make", { replace: true });
    }
    this.form.use({ handle, name, blob });
  }

  #receive(files) {
    if (document.querySelector("dialog:modal") && !this.panel.open) return;
    this.#new();
    this.form.sources.take(files);
  }

  async #delete(picture) {
    const index = this.pages.placeOf(picture.handle);
    const viewing = this.#address.place === picture.handle;
    if (!(await deletePicture(this.#session, picture))) return;
    this.viewer.close();
    if (viewing) this.#leave();
    await this.#renew();
    this.grid.focus(index);
  }

  #pictureOf(handle) {
    return this.pages.at(this.pages.placeOf(handle)) ?? { handle, prompt: handle, kind: "image" };
  }

  #filter(filters) {
    history.replaceState(history.state, "", writeAddress(this.#address.place, filters));
    this.#address = readAddress(location.hash);
    this.#filters.show(this.#address.filters);
    this.#load();
  }

  /** Go to a place of the page, so that the browser's back button leads here again. */
  #go(place, { replace = false } = {}) {
    const address = writeAddress(place, this.#address.filters);
    if (replace) history.replaceState(history.state, "", address);
    else history.pushState({ within: true }, "", address);
    this.#route();
  }

  /** Go back to the gallery. */
  #leave() {
    if (!this.#address.place) return;
    this.#address.place = "";
    if (history.state?.within) history.back();
    else this.#go("", { replace: true });
  }

  #route() {
    const before = this.#address;
    this.#address = readAddress(location.hash);
    const { place, filters } = this.#address;
    if (writeAddress("", filters) !== writeAddress("", before.filters)) {
      this.#filters.show(filters);
      this.#load();
    }
    if (place.startsWith("img_")) this.viewer.open(place);
    else this.viewer.close();
    if (place === "spending") this.#openSpending();
    else this.#spendingDialog?.close();
    if (place === "make" && !DOCKED.matches && !this.panel.open) this.#openPanel();
    else if (place !== "make" && !DOCKED.matches && this.panel.open) this.panel.close();
  }

  #openPanel() {
    this.panel.showModal();
    this.form.focus();
  }

  #openSpending() {
    if (this.#spendingDialog?.open) return;
    this.#spendingDialog = this.spending.open();
    this.#spendingDialog.addEventListener("close", () => this.#address.place === "spending" && this.#leave());
  }

  #press(event) {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey || target.closest?.(TYPED_INTO) || document.querySelector("dialog:modal")) return;
    if (key === "/") this.#filters.query.focus();
    else if (key === "n") this.#new();
    else if (key === "ArrowDown" && target === document.body) this.grid.focus();
    else return;
    event.preventDefault();
  }
}

function nothingFound(clear) {
  return [el("h2", {}, "Nothing found"), el("p", {}, "No picture has all these words, or passes all these filters."), button("Clear filters", clear)];
}
