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
  calls.at(-1).answer(new Blob(["pixels"]));
  await settled();
  assert.match(there.src, /^blob:/);
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
