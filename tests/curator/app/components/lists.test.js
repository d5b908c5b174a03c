// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { calledVersion, doneWords } from "../../../../curator/app/components/painter/lists.js";

const DONE = { seconds_used: 83.6, seconds_hidden: 0.4, seconds_shown: 120, attempts: 1, seconds_in_all: 83.6, reviewer: "Ada", discarded_by: null, state: "keep" };

test("a version says who made it, and whether it was discarded", () => {
  const version = { origin: "touch_up", by: "Ada", at: null, discarded: true };
  assert.equal(calledVersion({ ...version, origin: "contributor", by: null, discarded: false }), "the contributor's mask");
  assert.equal(calledVersion(version), "touched up by Ada, discarded");
  assert.equal(calledVersion({ ...version, origin: "refinement", discarded: false }), "refined, accepted by Ada");
  assert.match(calledVersion({ ...version, at: "2026-01-02T03:04:05+00:00" }), /^touched up by Ada, [123] Jan, \d\d:\d\d, discarded$/);
});

test("a touch-up that is done says its time, how much of it was hidden, and where the example stands", () => {
  assert.equal(doneWords(DONE), "84 of 120 s by Ada");
  assert.equal(doneWords({ ...DONE, seconds_hidden: 12.2, state: "fix" }), "84 of 120 s by Ada, 12 s of them hidden, to be fixed");
  assert.equal(doneWords({ ...DONE, seconds_shown: null, state: "repaired" }), "84 s by Ada, waits for a second look");
});

test("a touch-up that was started over says how often, and what all attempts took together", () => {
  const words = doneWords({ ...DONE, seconds_used: 0.015, attempts: 7, seconds_in_all: 301.2 });
  assert.equal(words, "0 of 120 s by Ada, 7 attempts, 301 s in all");
});

test("of a discarded touch-up, it is said who discarded it, not where the example stands", () => {
  assert.equal(doneWords({ ...DONE, discarded_by: "Lea", state: "fix" }), "84 of 120 s by Ada, discarded by Lea");
});
