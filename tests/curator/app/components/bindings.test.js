// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { actsOf, boundKeys, keyInWords, keysOfAct, readChanges, whyNot } from "../../../../curator/app/components/deck/bindings.js";

const REASONS = [{ name: "no_face", label: "No face", key: "1" }, { name: "unsaid", label: "No reason given", key: null }];
const ACTS = actsOf(REASONS, true);

test("every act has its keys, reasons too, and no key does two things", () => {
  const keys = ACTS.flatMap((act) => act.keys);
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual([boundKeys(ACTS, {}).k, boundKeys(ACTS, {}).a, boundKeys(ACTS, {})["1"]], ["keep", "keep", "no_face"]);
  assert.ok(actsOf(REASONS, false).every(({ act }) => act !== "gold"));
});

test("a key that was chosen takes the place of those before", () => {
  const changes = { keep: "j" };
  const bound = boundKeys(ACTS, changes);
  assert.deepEqual([bound.j, bound.k, bound.a, bound.f], ["keep", undefined, undefined, "fix"]);
  assert.deepEqual(keysOfAct(ACTS[0], changes).map(keyInWords), ["J"]);
  assert.equal(whyNot(ACTS, changes, "fix", "k"), ""); // free now
});

test("a key that is taken, or the browser's, is refused with a sentence", () => {
  assert.equal(whyNot(ACTS, {}, "keep", "x"), "X is taken: Reject. Choose another key, or change that one first.");
  assert.equal(whyNot(ACTS, {}, "keep", "k"), "");
  for (const key of ["Tab", "F5", "Dead", "Enter"]) assert.match(whyNot(ACTS, {}, "keep", key), /belongs to the browser/);
  assert.equal(whyNot(ACTS, {}, "keep", "ArrowUp"), "");
});

test("of what a browser remembers, only what can be read is used", () => {
  assert.deepEqual(readChanges({ keep: "j", nonsense: "q", fix: 3, reject: "" }, ACTS), { keep: "j" });
  for (const broken of [null, "x", 3]) assert.deepEqual(readChanges(broken, ACTS), {});
});
