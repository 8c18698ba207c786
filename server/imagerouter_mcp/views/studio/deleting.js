/** Deleting: one picture, or all that are older than a day. What was spent stays recorded. */

import { announce, button, el, fill, theirs } from "../dom.js";
import { dollars, fileSize } from "../wording.js";
import { openDialog } from "./dialogs.js";

const CHOOSE = "Choose a day to see how many pictures are older.";
/** The first day whose beginning the server can compute in every time zone. */
const FIRST_DAY = "1970-01-02";
const MOST_NOTES = 10;

/**
 * Ask before a picture is deleted, and delete it.
 * @param {import("./session.js").Session} session Sends the request.
 * @param {Object} picture As the gallery lists it.
 * @returns {Promise<boolean>} Whether it was deleted.
 */
export async function deletePicture(session, { handle, kind, prompt, cost_usd: cost }) {
  const thing = kind === "video" ? "video" : "picture";
  const paid = cost ? `Its cost (${dollars(cost)}) stays recorded` : "It stays listed under Spending";
  const text = `“${shortened(prompt)}” is removed from the gallery, and its file from the disk. ${paid}. This cannot be undone.`;
  let notes = [];
  const done = await confirmed(`Delete this ${thing}?`, text, `Delete ${thing}`, async () => {
    const answer = await session.fetch(`studio/pictures/${encodeURIComponent(handle)}`, { method: "DELETE" });
    ({ notes } = await answer.json());
  });
  if (done) tellDeleted(`The ${thing} was deleted.`, notes);
  return done;
}

/** Ask for a day, say how many pictures are older, and delete them. */
export function deleteOlder(session) {
  const day = el("input", { type: "date", id: "delete-before", required: true, min: FIRST_DAY });
  const summary = el("p", { class: "quiet", role: "status" }, CHOOSE);
  const wrong = el("p", { class: "wrong", role: "alert" });
  const go = button("Delete", () => sure(), { class: "danger", disabled: true });
  const label = el("label", { htmlFor: day.id }, "Older than");
  const dialog = openDialog("Delete old pictures", "ask", el("div", { class: "field" }, label, day), summary, wrong, choices(() => dialog.close(), go));
  const ask = (confirm) => session.json("studio/delete", { post: { before: day.value, confirm } });

  async function count() {
    const asked = day.value;
    fill(wrong);
    fill(go, "Delete");
    go.disabled = true;
    if (!day.validity.valid) return fill(summary, CHOOSE);
    await reporting(wrong, async () => {
      const { pictures, bytes } = await ask(false);
      if (day.value !== asked) return;
      fill(summary, pictures ? olderWords(pictures, bytes) : "No picture is older than that.");
      fill(go, pictures ? `Delete ${picturesIn(pictures)}` : "Delete");
      go.disabled = !pictures;
    });
  }

  async function sure() {
    go.disabled = true;
    await reporting(wrong, async () => {
      const { pictures, notes } = await ask(true);
      dialog.close();
      tellDeleted(`${picturesIn(pictures)} deleted.`, notes);
    });
  }

  day.addEventListener("input", count);
  day.focus();
}

/** Say that pictures were deleted, and show which of them, or of their files, were kept. */
function tellDeleted(sentence, notes) {
  announce(sentence);
  if (!notes.length) return;
  const more = notes.length - MOST_NOTES;
  const shown = notes.slice(0, MOST_NOTES).map((note) => theirs("li", note));
  openDialog(sentence, "ask", el("ul", { class: "kept" }, shown, more > 0 && el("li", {}, `${more.toLocaleString()} more were kept.`)));
}

function olderWords(pictures, bytes) {
  const [are, their] = pictures === 1 ? ["is", "its file"] : ["are", "their files"];
  const what = `${picturesIn(pictures)} ${are} removed from the gallery, and ${their} (${fileSize(bytes)}) from the disk.`;
  return `${what} What was spent stays recorded. This cannot be undone.`;
}

function picturesIn(number) {
  return number === 1 ? "1 picture" : `${number.toLocaleString()} pictures`;
}

function confirmed(title, text, action, act) {
  return new Promise((resolve) => {
    let done = false;
    const wrong = el("p", { class: "wrong", role: "alert" });
    const go = button(action, perform, { class: "danger" });
    const dialog = openDialog(title, "ask", el("p", { dir: "auto" }, text), wrong, choices(() => dialog.close(), go));
    dialog.addEventListener("close", () => resolve(done));
    go.focus();

    async function perform() {
      go.disabled = true;
      done = await reporting(wrong, act);
      go.disabled = false;
      if (done) dialog.close();
    }
  });
}

/** Do something, and show its failure as a sentence; return whether it succeeded. */
async function reporting(place, act) {
  try {
    await act();
    return true;
  } catch (error) {
    fill(place, error.message);
    return false;
  }
}

function choices(cancel, go) {
  return el("div", { class: "choices" }, button("Cancel", cancel), go);
}

function shortened(text) {
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
