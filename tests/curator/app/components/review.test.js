// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { didInWords, nothingLeft, settlesIt, undoOf, verdictOn } from "../../../../curator/app/components/review.js";
import { clockTime, cutInMiddle } from "../../../../curator/app/components/shared.js";

const UNDO = "Press U to undo the last verdict.";
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
  const [, text] = says({}, { repaired: 1 }, { undo: UNDO });
  assert.equal(text, "Every picture that can be reviewed has a verdict. 1 mask that you repaired waits for another reviewer. Press U to undo the last verdict.");
});

test("the end of a filter says what is true of the filter, and what is left elsewhere", () => {
  for (const wanted of [{ source: 1 }, { split: "test" }, { consent: "none" }, { show: "fix" }, { reason: "no_face" }, { reviewer: "Bo" }]) {
    assert.deepEqual(says(wanted, { open: 68, elsewhere: 68 }), ["This filter is done", "68 are left elsewhere.", "clear"]);
  }
  assert.deepEqual(says({ source: 1 }, { elsewhere: 1 }, { undo: UNDO })[1], "1 is left elsewhere. Press U to undo the last verdict.");
  assert.deepEqual(says({ source: 1 }, {}), ["This filter is done", "Nothing is left elsewhere either.", "clear"]);
  assert.equal(says({ show: "disputed" }, {}, { judged: false })[0], "This filter leaves nothing to review");
});

test("what others have in hand is theirs until their leases end, and what came since is fetched", () => {
  const [title, text, offers] = says({}, { left: 2, others: 2, until: NOON }, { undo: UNDO });
  assert.equal(title, "Nothing left for you just now");
  assert.equal(text, `Other reviewers have 2 pictures in hand, until ${clockTime(NOON)} if they do not go on. What they leave comes to you by itself.`);
  assert.equal(offers, "");
  assert.equal(says({ source: 1 }, { left: 1, others: 1, until: NOON, elsewhere: 3 })[2], "clear");
  assert.deepEqual(says({}, { left: 1 }), ["Nothing left for you just now", "This page looks for more.", ""]); // more than was known came in
});

test("a verdict on a card that is judged again says where it stood, and its undo where it stands again", () => {
  const card = /** @type {Card} */ ({ example: 1, photo: "a.png", mask: "m", repaired_by: null });
  assert.deepEqual([verdictOn(card, "keep").from, verdictOn(card, "keep", "reject").from], ["open", "reject"]);
  assert.deepEqual([undoOf(card, "keep").to, undoOf(card, "keep", "reject").to], ["open", "reject"]);
});

test("a lead settles what others disagree on and their own repair, and judged again it is as before", () => {
  const card = /** @type {Card} */ ({ example: 1, repaired_by: null });
  const [lead, settled] = [{ lead: true, wanted: {}, outbox: { reviewer: "Lea" } }, /** @type {Entry} */ ({ card, did: "keep", settles: true })];
  const disputed = { ...lead, wanted: { show: "disputed" } };
  assert.deepEqual([settlesIt(lead, card), settlesIt(lead, { ...card, repaired_by: "Lea" }), settlesIt(disputed, card)], [false, true, true]);
  assert.equal(settlesIt(lead, card, settled), true);
  assert.equal(settlesIt(disputed, card, { ...settled, settles: false }), false);
  assert.equal(settlesIt({ ...disputed, lead: false }, card, settled), false); // a lead no more
});

test("what was decided is said in words", () => {
  const card = /** @type {Card} */ ({ example: 1 });
  const said = (/** @type {Partial<Entry>} */ entry) =>
    didInWords({ card, did: "keep", client_id: "a", order: [1, 1], ...entry }, [{ name: "hair_missing", label: "Hair missing", key: "3" }]);
  assert.equal(said({}), "kept by you");
  assert.equal(said({ did: "reject", reason: "hair_missing" }), "rejected by you: hair missing");
  assert.equal(said({ did: "reject", reason: null }), "rejected by you");
  assert.equal(said({ did: "skip" }), "skipped by you");
});

test("a long name loses its middle, and no half characters", () => {
  assert.equal(cutInMiddle("head-001.png"), "head-001.png");
  assert.equal(cutInMiddle("IMG_20240501_final_version_0158.jpg", 21), "IMG_202405…n_0158.jpg");
  assert.equal(cutInMiddle("🧑🧑🧑🧑🧑🧑", 5), "🧑🧑…🧑🧑");
});
