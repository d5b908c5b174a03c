// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { arranged, onScreen } from "../../../../curator/app/components/grid/grid.js";
import { keysOf, opinionsInWords, reasonInWords } from "../../../../curator/app/components/review.js";

test("only a drawn tile in the window that somebody may look at counts as seen", () => {
  const yes = { drawn: true, share: 0.6, looking: true };
  assert.equal(onScreen(1400, 100, yes), 1500);
  assert.equal(onScreen(1400, 100, { ...yes, share: 0.59 }), 1400);
  assert.equal(onScreen(1400, 100, { ...yes, drawn: false }), 1400);
  assert.equal(onScreen(1400, 100, { ...yes, looking: false }), 1400);
  assert.equal(onScreen(1400, 3_600_000, yes), 1650); // the computer was asleep
});

test("tiles are as large as the room allows and never too small", () => {
  assert.deepEqual(arranged(40, 1158, 735), { columns: 8, side: 139 }); // a laptop: all forty on screen
  assert.deepEqual(arranged(40, 1158, 400), { columns: 8, side: 139 }); // too low for forty: as wide, and it scrolls
  assert.deepEqual(arranged(40, 700, 560), { columns: 5, side: 135 });
  assert.deepEqual(arranged(40, 300, 500), { columns: 2, side: 147 });
});

test("reasons have the keys and words that they are given", () => {
  const reasons = [{ name: "spills_over", label: "Spills over", key: "4" }, { name: "unsaid", label: "No reason given", key: null }];
  assert.deepEqual(keysOf(reasons), { 4: "spills_over" });
  assert.equal(reasonInWords(reasons, "unsaid"), "no reason given");
  const opinions = [
    { reviewer: "Ada", decision: /** @type {const} */ ("keep"), reason: null },
    { reviewer: "Bo", decision: /** @type {const} */ ("reject"), reason: "spills_over" },
  ];
  assert.deepEqual(opinionsInWords(/** @type {Card} */ ({ opinions }), reasons), ["Ada: kept", "Bo: rejected (spills over)"]);
});
