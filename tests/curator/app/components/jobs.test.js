// @ts-check
// What a browser tells of jobs, once each, and what stands in its title.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chipOf, remembered, titled, untold } from "../../../../curator/app/components/bar/jobs.js";

/** @param {number} number @param {Partial<RunningJob>} [other] @returns {RunningJob} */
const running = (number, other) => ({ number, name: "Ingest", page: "ingest", progress: 0.459, message: "27 of 60", left: "", seconds: 9, ...other });

/** @param {number} number @returns {EndedJob} */
const ended = (number, good = true) => ({ number, told: { good, title: good ? "Ingest done" : "Ingest failed", words: "…", steps: [] } });

/** @param {RunningJob[]} jobs @param {number} newest @returns {NavigationAnswer} */
const answer = (jobs, newest) => ({ counts: {}, clock: false, running: jobs, ended: [], newest });

test("the end of a job is told once: it is newer than all told, or was running then", () => {
  const memory = remembered(answer([running(3)], 5));
  assert.deepEqual(memory, { after: 5, watched: [3] });
  assert.deepEqual(untold(memory, [ended(3), ended(4), ended(6)]).map(({ number }) => number), [3, 6]);
  assert.deepEqual(untold(remembered(answer([], 6)), [ended(3), ended(6)]), []);
});

test("a browser that was never here is told of nothing that is over", () => {
  assert.deepEqual(untold(null, [ended(1)]), []);
});

test("the chip shows the job that was begun last, its time left if that is known, and how many others run", () => {
  assert.equal(chipOf([]), null);
  const { all, ...chip } = chipOf([running(1, { name: "Training", left: "2 min" }), running(2)]) ?? {};
  assert.deepEqual(chip, { page: "ingest", name: "Ingest +1", percent: "45 %", says: "27 of 60" });
  assert.equal(all, "Training, 45 %, 2 min left, 27 of 60\nIngest, 45 %, 27 of 60");
  assert.equal(chipOf([running(1, { left: "2 min" })])?.says, "2 min left");
  assert.equal(chipOf([running(1, { message: "" })])?.says, "starting …");
});

test("the title says what has ended, else how far the job is", () => {
  assert.equal(titled("Review · Winnow", undefined, []), "Review · Winnow");
  assert.equal(titled("Review · Winnow", undefined, [running(1)]), "45 % Ingest · Review · Winnow");
  assert.equal(titled("Winnow", ended(1), [running(2)]), "✓ Ingest done · Winnow");
  assert.equal(titled("Winnow", ended(1, false), []), "! Ingest failed · Winnow");
});
