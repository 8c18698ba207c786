import assert from "node:assert/strict";
import test from "node:test";
import { fileSize, forPeople } from "../../server/imagerouter_mcp/views/wording.js";

const TOLD = [
  [
    "Ask for less or for a cheaper model (search_models with max_price); the person can raise IMAGEROUTER_MAX_COST_USD.",
    "Ask for less or for a cheaper model. Whoever runs the server can raise the limit.",
  ],
  [
    "This is the result of the same call made before; nothing was charged again. again=true makes another one.",
    "This is the result of the same call made before; nothing was charged again.",
  ],
  ["Choose cheaper models (search_models with max_price), or allow more.", "Choose cheaper models, or allow more."],
  ["Wait until tomorrow (or ask for less); free models work.", "Wait until tomorrow (or ask for less); free models work."],
  ["Nothing was sent. Call it again without dry_run to make it.", "Nothing was sent."],
  ["find one with search_models", ""],
  ["", ""],
];

test("people read what they can do, and neither tools, parameters nor settings", () => {
  for (const [text, words] of TOLD) assert.equal(forPeople(text), words);
});

test("sizes are short, from kilobytes to gigabytes", () => {
  const sizes = [10, 183_000, 1_234_567, 3_100_000_000].map(fileSize);
  assert.deepEqual(sizes, ["1\u00a0kB", "183\u00a0kB", "1.2\u00a0MB", "3.1\u00a0GB"]);
});
