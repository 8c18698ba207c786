import assert from "node:assert/strict";
import test from "node:test";
import { GalleryPages, PAGE } from "../../server/imagerouter_mcp/views/studio/gallery_pages.js";
import { Thumbnails } from "../../server/imagerouter_mcp/views/studio/gallery_thumbnails.js";

/** Return what loads, and its calls, each answered by `answer` unless it is stopped before. */
function loading() {
  const calls = [];
  const load = (what, signal) =>
    new Promise((answer, stop) => {
      signal?.addEventListener("abort", () => stop(signal.reason));
      calls.push({ what, signal, answer });
    });
  return { calls, load };
}

function picture() {
  return Object.assign(new EventTarget(), { removeAttribute() {} });
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a picture that moves to another place while it loads is shown there", async () => {
  const { calls, load } = loading();
  const thumbnails = new Thumbnails(load);
  const [here, there] = [picture(), picture()];
  there.addEventListener("error", () => assert.fail("It was called broken."));
  thumbnails.show(here, "img_1");
  thumbnails.forget(here);
  thumbnails.show(there, "img_1");
  await settled();
  calls.at(-1).answer([["img_1", new Blob(["pixels"])]]);
  await settled();
  assert.match(there.src, /^blob:/);
});

test("pictures that come into sight together are asked for together, and again if they were not ready", async () => {
  const { calls, load } = loading();
  const thumbnails = new Thumbnails(load);
  const tiles = Array.from({ length: 10 }, picture);
  let broken = 0;
  for (const [number, tile] of tiles.entries()) {
    tile.addEventListener("error", () => (broken += 1));
    thumbnails.show(tile, `img_${number}`);
  }
  await settled();
  assert.deepEqual(calls.map(({ what }) => what.length), [10]);
  calls[0].answer(calls[0].what.slice(0, 9).map((handle, place) => [handle, new Blob(place ? ["pixels"] : [])]));
  await settled();
  assert.equal(broken, 1, "the empty one");
  assert.deepEqual(calls[1].what, ["img_9"]);
  calls[1].answer([]);
  await settled();
  assert.equal(broken, 2, "the one that the server did not make");
  assert.equal(calls.length, 2);
  assert.equal(tiles.filter(({ src }) => src).length, 8);
});

test("nothing is asked for while pictures fly past, and then what is in sight", async () => {
  const { calls, load } = loading();
  const thumbnails = new Thumbnails(load);
  const [passed, seen] = [picture(), picture()];
  thumbnails.pace(0);
  thumbnails.show(passed, "img_1");
  await settled();
  thumbnails.forget(passed);
  thumbnails.show(seen, "img_2");
  await settled();
  assert.equal(calls.length, 0);
  thumbnails.pace(Infinity);
  await settled();
  assert.deepEqual(calls.map(({ what }) => what), [["img_2"]]);
});

test("pictures appear a few in each frame while the gallery is scrolled, and all at once when it stands", async (context) => {
  const frames = [];
  globalThis.requestAnimationFrame = (draw) => frames.push(draw);
  context.after(() => delete globalThis.requestAnimationFrame);
  const { calls, load } = loading();
  const thumbnails = new Thumbnails(load);
  const tiles = Array.from({ length: 7 }, picture);
  const appeared = () => tiles.filter(({ src }) => src).length;
  thumbnails.pace(2);
  tiles.forEach((tile, number) => thumbnails.show(tile, `img_${number}`));
  await settled();
  calls[0].answer(calls[0].what.map((handle) => [handle, new Blob(["pixels"])]));
  await settled();
  const seen = [appeared()];
  frames.shift()();
  seen.push(appeared());
  thumbnails.pace(Infinity);
  frames.shift()();
  seen.push(appeared());
  assert.deepEqual(seen, [2, 4, 7]);
  assert.equal(calls.length, 1, "those that wait for their frame are not fetched again");
});

test("a flight past many pictures stops what nobody sees any more", async () => {
  const { calls, load } = loading();
  const thumbnails = new Thumbnails(load);
  const [passed, seen] = [picture(), picture()];
  thumbnails.show(passed, "img_1");
  await settled();
  thumbnails.forget(passed);
  thumbnails.show(seen, "img_2");
  await settled();
  assert.deepEqual(calls.map(({ signal }) => signal.aborted), [true, false]);
});

test("a page that was left and come back to is stopped when other pictures are looked for", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { calls, load } = loading();
  const pages = new GalleryPages(load);
  const opened = (filters) => {
    const open = pages.open(filters);
    calls.at(-1).answer({ total: 9 * PAGE, anchor: 1, pictures: [] });
    return open;
  };
  const look = async (page) => {
    pages.want(page * PAGE, page * PAGE);
    context.mock.timers.tick(1000);
  };
  await opened({});
  await look(1);
  pages.want(5 * PAGE, 5 * PAGE);
  await look(1);
  await settled();
  const { signal } = calls.at(-1);
  await opened({ query: "fox" });
  assert.ok(signal.aborted);
});

test("an older answer that comes later does not take the place of a newer one", async () => {
  const { calls, load } = loading();
  const pages = new GalleryPages(load);
  const opened = pages.open({});
  const renewed = pages.renew(true);
  calls[1].answer({ total: 1, anchor: 1, pictures: [{ handle: "img_1" }] });
  await renewed;
  calls[0].answer({ total: 0, anchor: 0, pictures: [] });
  await opened;
  assert.equal(pages.total, 1);
  assert.equal(pages.at(0).handle, "img_1");
});

test("the newest picture, deleted, is not taken for a new one", async () => {
  const { calls, load } = loading();
  const pages = new GalleryPages(load);
  const answer = (...handles) => calls.at(-1).answer({ total: handles.length, anchor: 1, pictures: handles.map((handle) => ({ handle })) });
  const opened = pages.open({});
  answer("img_2", "img_1");
  await opened;
  const fresh = pages.renew(false);
  answer("img_1");
  assert.equal(await fresh, 0);
  const later = pages.renew(false);
  answer("img_4", "img_3", "img_1");
  assert.equal(await later, 2);
});
