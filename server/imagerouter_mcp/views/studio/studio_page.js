/** The page itself: header, gallery, form and dialogs, and what the address bar says of them. */

import { announce, button, el, fill, icon } from "../dom.js";
import { Server } from "../server.js";
import { isFiltered, readAddress, serverFilters, writeAddress } from "./address.js";
import { inShort } from "./budgets.js";
import { ChangesStream } from "./changes_stream.js";
import { deleteOlder, deletePicture } from "./deleting.js";
import { Filters } from "./filters.js";
import { FormPlace } from "./form_place.js";
import { GalleryGrid } from "./gallery_grid.js";
import { GalleryPages } from "./gallery_pages.js";
import { CHART, DELETE, PLUS, SPARK, UP } from "./icons.js";
import { MakeForm } from "./make_form.js";
import { PageHost } from "./page_host.js";
import { PersonMenu } from "./person_menu.js";
import { PictureDialog } from "./picture_dialog.js";
import { RunningCalls } from "./running_calls.js";
import { receiveFiles } from "./sources.js";
import { SpendingPage } from "./spending_page.js";
import { THUMBNAIL, Thumbnails } from "./gallery_thumbnails.js";
import { stillOf } from "./video_stills.js";

/** Milliseconds within which changes count as one. */
const TOGETHER = 250;
/** Milliseconds that other requests wait for the first pictures at most. */
const FIRST_SCREEN = 500;
const TYPED_INTO = "input, textarea, select, [contenteditable]";

export class StudioPage {
  #session;
  #host;
  #server;
  #filters = new Filters();
  #address = readAddress(location.hash);
  #spendingDialog = null;
  #fresh = 0;

  /**
   * @param {import("./session.js").Session} session Sends all requests.
   * @param {Object} [options]
   * @param {() => void} [options.leave] Signs the person out, where people sign in.
   */
  constructor(session, { leave } = {}) {
    this.#session = session;
    this.person = leave && new PersonMenu(session, leave);
    this.#host = new PageHost(session);
    this.#server = new Server(this.#host);
    this.pages = new GalleryPages((query, signal) => session.json(`studio/gallery?${new URLSearchParams(query)}`, { signal }));
    this.thumbnails = new Thumbnails((handles, signal) => this.#loadThumbnails(handles, signal));
    this.stills = new Thumbnails((handles, signal) => this.#loadStill(handles, signal), { atOnce: 1, together: 1 });
    this.grid = new GalleryGrid(this.pages, this.thumbnails, this.stills, { open: ({ handle }) => this.#go(handle), remove: (picture) => this.#delete(picture) });
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
      onMissed: (call, shown) => this.running.explain(call, shown),
    });
    this.#build();
  }

  /** Put the page into an element, and begin. */
  async show(place) {
    history.scrollRestoration = "manual";
    fill(place, this.header, this.body, this.formPlace.dialog, this.viewer.element);
    this.#filters.show(this.#address.filters);
    this.#listen();
    await this.#load();
    this.#route();
    await this.#firstScreen();
    this.form.models().catch((error) => announce(error.message));
    this.person?.refresh().catch((error) => announce(error.message));
    this.#offerFilters();
    this.#refreshMoney();
    this.#follow();
  }

  #build() {
    this.money = button([icon(CHART), el("span", {}, "Spending")], () => this.#go("spending"), { class: "money" });
    const make = button([icon(PLUS), el("span", {}, "New")], () => this.#new(), { class: "primary new", "aria-keyshortcuts": "n" });
    const mark = el("h1", { class: "mark" }, icon(SPARK), el("span", {}, "Studio"));
    this.header = el("header", { class: "top" }, mark, el("search", {}, this.#filters.search, this.#filters.choices), el("div", { class: "top-end" }, this.money, make, this.person?.element));
    this.count = el("p", { class: "count", role: "status" });
    this.clear = button("Clear filters", () => this.#filter({}), { class: "link", hidden: true });
    this.older = button([icon(DELETE), "Delete old pictures"], () => deleteOlder(this.#session), { class: "link quiet", hidden: true });
    this.pill = button("", () => this.#renew({ toTop: true }), { class: "pill", hidden: true });
    this.lost = el("p", { class: "lost", role: "alert", hidden: true });
    this.empty = el("div", { class: "empty", hidden: true }, nothingFound(() => this.#filter({})));
    const head = el("div", { class: "gallery-head" }, this.count, this.clear, el("span", { class: "space" }), this.older);
    this.formPlace = new FormPlace(this.form, () => this.#address.place === "make" && this.#leave());
    const main = el("main", {}, this.lost, this.running.element, head, this.formPlace.welcome, this.empty, this.grid.element, this.pill);
    this.body = el("div", { class: "body" }, this.formPlace.aside, main);
  }

  #listen() {
    addEventListener("popstate", () => this.#route());
    addEventListener("keydown", (event) => this.#press(event));
    addEventListener("scroll", () => this.#fresh && this.grid.atTop && this.#renew({ toTop: true }), { passive: true });
    this.#filters.addEventListener("change", () => this.#filter(this.#filters.values));
    this.pages.addEventListener("loaded", () => this.#tellCount());
    this.pages.addEventListener("failed", ({ detail }) => announce(detail.message));
    receiveFiles((files) => this.#receive(files));
  }

  /** Wait until the pictures in sight are here, so that what is less in sight does not hold them up. */
  async #firstScreen() {
    if (!this.pages.total) return;
    const seen = new Promise((resolve) => this.thumbnails.addEventListener("settled", resolve, { once: true }));
    await Promise.race([seen, new Promise((resolve) => setTimeout(resolve, FIRST_SCREEN))]);
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

  async #loadThumbnails(handles, signal) {
    const query = new URLSearchParams({ size: THUMBNAIL, handles });
    const answer = await this.#session.fetch(`studio/thumbnails?${query}`, { signal });
    return partsOf(answer.headers.get("thumbnails"), await answer.blob());
  }

  async #loadStill([handle], signal) {
    const answer = await this.#session.fetch(`studio/pictures/${encodeURIComponent(handle)}`, { signal, priority: "low" });
    return [[handle, await stillOf(await answer.blob())]];
  }

  async #offerFilters() {
    const { models } = await this.#session.json("studio/filters").catch(() => ({ models: [] }));
    this.#filters.offerModels(models.map(({ model }) => model));
  }

  /** Show what is left of the person's budget, or how many calls of other programs are under way. */
  async #refreshMoney() {
    const { structuredContent: spending } = await this.#host.callTool("spending", {}).catch(() => ({}));
    if (!spending) return;
    const others = spending.unfinished.filter(({ state }) => ["preparing", "queued", "working"].includes(state)).length - this.running.count;
    const words = others > 0 ? `${others} under way` : inShort(spending);
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
    this.empty.hidden = total > 0 || !filtered;
    this.formPlace.alone = !total && !filtered;
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

  #new() {
    if (this.formPlace.isOver) this.#go("make");
    else this.formPlace.open();
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

  #use(handle) {
    const name = this.#pictureOf(handle).prompt ?? handle;
    const picture = el("img", { alt: "" });
    this.thumbnails.show(picture, handle);
    this.viewer.close();
    if (this.formPlace.isOver) {
      this.#go("make", { replace: true });
    } else {
      this.#leave();
      this.formPlace.open();
    }
    this.form.use({ handle, name, picture });
  }

  #receive(files) {
    if (document.querySelector("dialog:modal:not(.panel)")) return;
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
    if (place === "make") this.formPlace.open();
    else this.formPlace.close();
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
  return [el("h2", {}, "Nothing found"), el("p", {}, "No picture matches your search and filters."), button("Clear filters", clear)];
}

/** Cut an answer with several thumbnails; the header names each with its size. */
function partsOf(header, bytes) {
  let end = 0;
  return header.split(",").map((part) => {
    const [handle, size] = part.split("=");
    const start = end;
    end += Number(size);
    return [handle, bytes.slice(start, end, "image/jpeg")];
  });
}
