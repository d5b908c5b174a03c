// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { lensPlace, onScreen } from "../../../../curator/app/components/grid/grid.js";
import { keysOf, opinionsInWords, reasonInWords } from "../../../../curator/app/components/review.js";
import { allFit, arranged, ranged, stepped } from "../../../../curator/app/components/tiles.js";

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

test("more tiles are offered only where none gets too small", () => {
  assert.deepEqual([40, 60, 84].map((count) => allFit(count, 1158, 735)), [true, false, false]);
  assert.deepEqual([40, 60, 84].map((count) => allFit(count, 2300, 1240)), [true, true, true]);
});

test("a step leads to the next tile or row, and stays where there is none", () => {
  const steps = (/** @type {number} */ at) => ["left", "right", "up", "down", "first", "last"].map((step) => stepped(at, step, 4, 10));
  assert.deepEqual(steps(0), [0, 1, 0, 4, 0, 9]);
  assert.deepEqual(steps(5), [4, 6, 1, 9, 0, 9]);
  assert.deepEqual(steps(9), [8, 9, 5, 9, 0, 9]);
});

test("a range marks all between two places in either direction, and what it leaves is as it was before", () => {
  const before = [null, "fix", null, null, "unsaid"];
  assert.deepEqual(ranged(before, 1, 3, "unsaid"), [null, "unsaid", "unsaid", "unsaid", "unsaid"]);
  assert.deepEqual(ranged(before, 1, 0, "unsaid"), ["unsaid", "unsaid", null, null, "unsaid"]);
  assert.deepEqual(ranged(before, 3, 3, null), before);
});

test("the lens stays within the tiles' room, beside its tile where that shows more", () => {
  const room = { left: 20, top: 120, right: 1180, bottom: 890 };
  for (let left = 20; left + 139 <= 1180; left += 145) {
    const { left: x, top, side } = lensPlace({ left, right: left + 139 }, room);
    assert.ok(x >= 20 && x + side + 24 <= 1180 && top >= 120 && top + side + 60 <= 890);
    assert.ok(x >= left + 139 || x + side + 24 <= left, `over its tile at ${left}`);
    assert.ok(side > 2 * 139);
  }
  const phone = { left: 10, top: 8, right: 380, bottom: 560 };
  assert.deepEqual(lensPlace({ left: 198, right: 380 }, phone), { left: 10, top: 81, side: 346 });
  const { side } = lensPlace({ left: 400, right: 764 }, room); // six large tiles: over them, or it would show no more
  assert.equal(side, 640);
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
