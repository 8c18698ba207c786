import assert from "node:assert/strict";
import test from "node:test";
import { canRetry, withCall } from "../../server/imagerouter_mcp/views/change.js";

const FREE = "Nothing was charged.";

for (const next of [
  "Wait a minute, then try again.",
  "Try once more, or use another model.",
  "Ask for it again.",
  "Tell the person the price; on a yes, call again with confirm_cost=true.",
]) {
  test(`what failed for nothing is tried again: ${next}`, () => assert.equal(canRetry({ money: FREE, next }), true));
}

for (const [money, next] of [
  ["$0.04 was charged.", "Try once more, or use another model."],
  ["It may still complete and be charged.", "Try again later."],
  ["", "Try again."],
  [FREE, "Use other words or another source image."],
  [FREE, "Correct this and call it again."],
  [FREE, "Try again tomorrow, or use the paid model: the same name without “:free”."],
]) {
  test(`not tried again: ${money} ${next}`, () => assert.equal(canRetry({ money, next }), false));
}

test("a failed call is not taken for a picture where it may have been a video", () => {
  assert.equal(withCall({ error: {} }, { prompt: "A fox" }).call, null);
  assert.equal(withCall({ error: {} }, { prompt: "A fox" }, "generate_video").call.tool, "generate_video");
  assert.equal(withCall({ error: null }, { prompt: "A fox" }).call.tool, "generate_image");
  assert.equal(withCall({ error: null }, { prompt: "A fox" }, "show_image").call, null);
  assert.equal(withCall({ error: {} }, { prompt: "A fox", dry_run: true }, "generate_image").call, null);
});
