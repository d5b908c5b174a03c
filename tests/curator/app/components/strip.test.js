// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { lookedAt } from "../../../../curator/app/components/deck/strip.js";

/** @param {number} example @param {"keep" | "reject" | "skip"} did @returns {Entry} */
const entry = (example, did = "keep") => ({ card: /** @type {Card} */ ({ example }), did, client_id: `${example} ${did}`, order: [0, 0] });
const told = (/** @type {Entry[]} */ entries) => entries.map(({ client_id }) => client_id);

test("the last cards are looked at again, oldest first, each once with what was done last", () => {
  const entries = [entry(1), entry(2, "skip"), entry(3), entry(1, "reject"), entry(4)];
  assert.deepEqual(told(lookedAt(entries, 10)), ["2 skip", "3 keep", "1 reject", "4 keep"]);
  assert.deepEqual(told(lookedAt(entries, 2)), ["1 reject", "4 keep"]);
  assert.deepEqual(lookedAt([], 10), []);
});
