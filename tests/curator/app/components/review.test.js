// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { nothingLeft } from "../../../../curator/app/components/review.js";
import { clockTime } from "../../../../curator/app/components/shared.js";

const NOON = Date.UTC(2026, 0, 1, 12);
const NONE = { keep: 4, fix: 0, reject: 1, open: 0, repaired: 0, left: 0, elsewhere: 0, others: 0, until: 0 };

/** @param {Wanted} wanted @param {Partial<typeof NONE>} tally @param {{judged?: boolean, undo?: string}} sitting */
function says(wanted, tally, sitting = {}) {
  const { title, text, offers } = nothingLeft(wanted, { ...NONE, ...tally }, { judged: true, undo: "", ...sitting });
  return [title, text, offers];
}

test("the end of the queue says that all is done, and leads on", () => {
  assert.deepEqual(says({}, {}), ["Nothing left to review", "Every picture that can be reviewed has a verdict.", "steps"]);
  assert.deepEqual(says({ order: "random" }, {}), says({}, {})); // an order leaves nothing out
  const [, text] = says({}, { repaired: 1 }, { undo: "the last verdict" });
  assert.equal(text, "Every picture that can be reviewed has a verdict. 1 mask that you repaired waits for another reviewer. Press U to undo the last verdict.");
});

test("the end of a filter says what is true of the filter, and what is left elsewhere", () => {
  for (const wanted of [{ source: 1 }, { split: "test" }, { consent: "none" }, { show: "fix" }, { reason: "no_face" }, { reviewer: "Bo" }]) {
    assert.deepEqual(says(wanted, { open: 68, elsewhere: 68 }), ["This filter is done", "68 are left elsewhere.", "clear"]);
  }
  assert.deepEqual(says({ source: 1 }, { elsewhere: 1 }, { undo: "the last commit" })[1], "1 is left elsewhere. Press U to undo the last commit.");
  assert.deepEqual(says({ source: 1 }, {}), ["This filter is done", "Nothing is left elsewhere either.", "clear"]);
  assert.equal(says({ show: "disputed" }, {}, { judged: false })[0], "This filter leaves nothing to review");
});

test("what others have in hand is theirs until their leases end, and what came since is fetched", () => {
  const [title, text, offers] = says({}, { left: 2, others: 2, until: NOON }, { undo: "the last verdict" });
  assert.equal(title, "Nothing left for you just now");
  assert.equal(text, `Other reviewers have 2 pictures in hand, until ${clockTime(NOON)} if they do not go on. What they leave comes to you by itself.`);
  assert.equal(offers, "");
  assert.equal(says({ source: 1 }, { left: 1, others: 1, until: NOON, elsewhere: 3 })[2], "clear");
  assert.match(says({}, { left: 1 })[1], /^More have come in/);
});
