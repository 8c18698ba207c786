import assert from "node:assert/strict";
import test from "node:test";
import { readResult, shownError } from "../../server/imagerouter_mcp/views/result.js";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";
const TEXT = [
  "Made 1 picture with test/test for $0.04 in 6.9 s.",
  "Saved: /pictures/a fox.webp (1024×768 WebP, 183 kB)",
  "Link: https://storage.imagerouter.io/a.webp (anyone who has it can open it)",
  'Handle: img_7f3a (or "last") names it as a source image.',
  "Note: It is smaller than asked.",
].join("\n");
const IMAGE = { type: "image", mimeType: "image/jpeg", data: PIXEL };
const LINK = {
  type: "resource_link",
  uri: "imagerouter://images/img_7f3a",
  name: "a fox.webp",
  description: "A fox",
  mimeType: "image/webp",
  size: 183_000,
};
const IMAGES = [
  {
    handle: "img_7f3a",
    path: "/pictures/a fox.webp",
    url: "https://storage.imagerouter.io/a.webp",
    media_type: "image/webp",
    width: 1024,
    height: 768,
    bytes: 183_000,
  },
];
const FIELDS = {
  state: "done",
  images: IMAGES,
  model: "test/test",
  prompt: "A fox",
  cost_usd: 0.04,
  latency_ms: 6900,
  notes: ["It is smaller than asked."],
};
const CONTENT = [{ type: "text", text: TEXT }, IMAGE, LINK];
/** What only the structured content tells. */
const ONLY_STRUCTURED = ["handle", "path", "name", "url", "mediaType", "width", "height", "bytes", "model", "cost", "latencyMs", "prompt"];

test("a picture is read alike with structured content and without", () => {
  const [whole, bare] = [readResult({ content: CONTENT, structuredContent: FIELDS }), readResult({ content: CONTENT })];
  for (const shown of [whole, bare]) {
    assert.equal(shown.state, "pictures");
    assert.equal(shown.sheet, `data:image/jpeg;base64,${PIXEL}`);
    assert.deepEqual(shown.notes, ["It is smaller than asked."]);
    assert.equal(shown.pictures.length, 1);
  }
  for (const name of ONLY_STRUCTURED) assert.deepEqual(bare.pictures[0][name], whole.pictures[0][name], name);
});

test("several pictures keep their numbers, models and prices without structured content", () => {
  const lines = [
    "Made 2 pictures with 2 models for $0.05 in 9.0 s.",
    "1 · img_1a · vendor/one · $0.04 · 6.9 s",
    "Saved: /p/one.webp (512×512 WebP, 20 kB)",
    "3 · img_3c · vendor/three · free · 9.0 s",
    "Saved: /p/three.webp (512×512 WebP, 20 kB)",
    "Each handle names its picture as a source image.",
  ];
  const links = ["img_1a", "img_3c"].map((handle) => ({ ...LINK, uri: `imagerouter://images/${handle}` }));
  const { pictures } = readResult({ content: [{ type: "text", text: lines.join("\n") }, IMAGE, ...links] });
  assert.deepEqual(
    pictures.map(({ handle, number, model, cost, latencyMs, path }) => [handle, number, model, cost, latencyMs, path]),
    [
      ["img_1a", 1, "vendor/one", 0.04, 6900, "/p/one.webp"],
      ["img_3c", 3, "vendor/three", 0, 9000, "/p/three.webp"],
    ],
  );
});

test("a pending call names its generation in the text alone", () => {
  const text =
    "Not done yet: test/test is working (it usually takes about 12 s), 5 s so far. It is paid for only once.\n" +
    "Call get_generation with gen_7f3a in about 5 s to collect it (no charge).";
  const { state, generation, elapsed, usual } = readResult({ content: [{ type: "text", text }] });
  assert.deepEqual([state, generation, elapsed, usual], ["pending", "gen_7f3a", 5, 12]);
});

test("an error is told in three parts, and a forged price in a quoted text is not taken for ours", () => {
  const text = 'The provider said "Nothing was charged. Ha." $0.04 was charged. Try another model.';
  const { state, error } = readResult({ isError: true, content: [{ type: "text", text }] });
  assert.equal(state, "error");
  assert.deepEqual(error, {
    kind: "",
    what: 'The provider said "Nothing was charged. Ha."',
    money: "$0.04 was charged.",
    next: "Try another model.",
  });
});

test("a refusal is known by its kind", () => {
  const message = "That would cost more than the day's limit. Nothing was charged. Raise the limit.";
  const error = { kind: "budget", message, charged: "no" };
  assert.equal(readResult({ isError: true, content: [], structuredContent: { error } }).state, "refused");
});

test("a dry run gives the price in numbers, and is known by its text alone", () => {
  const text = "This would ask test/test for a picture.\nIt would cost $0.01 to $0.04.\nNothing was sent.";
  const estimate = { low: 0.01, likely: 0.02, high: 0.04 };
  const fields = { dry_run: true, model: "test/test", estimate_usd: estimate };
  const whole = readResult({ content: [{ type: "text", text }], structuredContent: fields });
  assert.deepEqual([whole.state, whole.price, whole.model], ["price", estimate, "test/test"]);
  const bare = readResult({ content: [{ type: "text", text }] });
  assert.deepEqual([bare.state, bare.price, bare.text], ["price", null, text]);
});

test("earlier pictures are listed, also from the text alone", () => {
  const text = 'img_7f3a · 2026-11-26 12:00 · test/test · $0.04 · "A fox" · /p/a.webp';
  const bare = readResult({ content: [{ type: "text", text }] });
  assert.equal(bare.state, "list");
  assert.deepEqual(bare.pictures.map(({ handle, prompt }) => [handle, prompt]), [["img_7f3a", "A fox"]]);
});

test("an image block that is no picture is not shown", () => {
  for (const block of [{ ...IMAGE, mimeType: "image/svg+xml" }, { ...IMAGE, data: '"><svg onload=1>' }]) {
    assert.equal(readResult({ content: [block] }).sheet, "");
  }
});

test("what goes wrong in the view is an error like another", () => {
  assert.equal(shownError(new Error("The host did not answer in time.")).error.what, "The host did not answer in time.");
});

test("no part of a result breaks the view, whatever its type", () => {
  const wrong = [null, undefined, 0, NaN, "", "text", true, [], {}, [null], [{}], { toString: null }, Symbol.iterator];
  const kinds = [
    FIELDS,
    { images: IMAGES, unfinished: [{ generation: "gen_7f3a", may_cost_usd: 0.04 }], total: 9 },
    { state: "working", generation: "gen_7f3a", elapsed_seconds: 4, ask_again_seconds: 5 },
    { dry_run: true, model: "test/test", estimate_usd: { low: 0.01, likely: 0.02, high: 0.04 } },
    { error: { kind: "budget", message: "No. Nothing was charged." } },
  ];
  const broken = kinds.flatMap((fields) => [...brokenCopies({ content: CONTENT, structuredContent: fields }, wrong)]);
  assert.ok(broken.length > 1000);
  for (const [path, copy] of broken) {
    const shown = readResult(copy, path.length % 2 ? null : { prompt: path });
    assert.ok(Array.isArray(shown.pictures) && Array.isArray(shown.notes), path);
    for (const picture of shown.pictures) {
      assert.match(picture.handle, /^(img_\w+)?$/, path);
      for (const name of ["path", "name", "url", "downloadUrl", "model", "prompt", "mediaType"]) {
        assert.equal(typeof picture[name], "string", `${name} at ${path}`);
      }
      for (const name of ["width", "height", "bytes", "cost", "number", "latencyMs"]) {
        assert.ok(picture[name] === null || Number.isFinite(picture[name]), `${name} at ${path}`);
      }
    }
  }
});

/** Yield copies of a value, each with one part, at any depth, replaced by something wrong. */
function* brokenCopies(value, wrong, path = "") {
  for (const other of wrong) yield [path, other];
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    for (const [below, part] of brokenCopies(value[key], wrong, `${path}.${key}`)) {
      const copy = Array.isArray(value) ? [...value] : { ...value };
      copy[key] = part;
      yield [below, copy];
    }
  }
}
