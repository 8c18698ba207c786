/** Who is signed in, and the way out. */

import { button, el, fill, icon, theirs } from "../dom.js";
import { LEAVE } from "./icons.js";

export class PersonMenu {
  #session;

  /**
   * @param {import("./session.js").Session} session Tells who it is.
   * @param {() => void} onLeave Called when the person signs out.
   */
  constructor(session, onLeave) {
    this.#session = session;
    this.name = theirs("strong", "");
    const leave = button([icon(LEAVE), "Sign out"], onLeave, { class: "link" });
    this.menu = el("div", { class: "person-menu", popover: "auto" }, el("p", {}, "Signed in as ", this.name), leave);
    this.initial = button("", null, { class: "person", label: "Your account", popoverTargetElement: this.menu });
    this.element = el("div", {}, this.initial, this.menu);
  }

  /** Ask the server who is signed in, and show it. */
  async refresh() {
    const { name } = await this.#session.json("studio/person");
    fill(this.name, name);
    fill(this.initial, [...name][0].toUpperCase());
    this.initial.setAttribute("aria-label", `Signed in as ${name}`);
    this.initial.title = name;
  }
}
