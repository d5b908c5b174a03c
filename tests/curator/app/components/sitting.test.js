// @ts-check
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";

import { pace, paceInWords, roughly, Sitting } from "../../../../curator/app/components/sitting.js";
import { open, settled, stored } from "./browser.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../../vectors/pace.json", import.meta.url), "utf-8"));
const LIMITS = {
  pause_ms: 1000 * VECTORS.pause, recent_ms: 1000 * VECTORS.recent, forecast_ms: 7_200_000, least_ms: 10_000, enough_ms: 300_000, enough: 30,
};
/** @type {Sitting[]} */
let tabs;

beforeEach(() => {
  open();
  tabs = [];
});

afterEach(() => tabs.forEach((one) => one.close()));

/** A tab; each has a sessionStorage of its own, which outlives its reloads. */
function tab(storage = window.sessionStorage) {
  Reflect.set(window, "sessionStorage", storage);
  const sitting = new Sitting("Ada");
  tabs.push(sitting);
  return sitting;
}

/** @param {number} example @param {"keep" | "reject" | "skip"} did @returns {Entry} */
const entry = (example, did = "keep") => ({
  card: /** @type {Card} */ ({ example }), did, client_id: `id-${example}`, order: [1000 * example, example],
});
const examples = (/** @type {Sitting} */ sitting) => sitting.entries.map(({ card }) => card.example);

test("the newest entry is taken back first, and a reload keeps the others", () => {
  const sitting = tab();
  for (const example of [1, 2, 3]) sitting.add(entry(example));
  assert.equal(sitting.pop()?.card.example, 3);
  sitting.close();
  assert.deepEqual(examples(tab()), [1, 2]);
});

test("there is nothing to take back from an empty sitting", () => {
  assert.equal(tab().pop(), undefined);
});

test("a skip can be taken back, but is no verdict and has no pace", () => {
  const sitting = tab();
  sitting.add(entry(1));
  sitting.add(entry(2, "skip"));
  assert.equal(sitting.verdict?.card.example, 1);
  assert.deepEqual(sitting.times, [1000]);
  assert.equal(sitting.pop()?.card.example, 2);
});

test("tabs share verdicts in their order, but not skips", async () => {
  const [first, second] = [tab(), tab(anotherStorage())];
  await settled();
  first.add(entry(2));
  second.add(entry(1));
  second.add(entry(3, "skip"));
  await settled();
  assert.deepEqual(examples(first), [1, 2]);
  assert.deepEqual(examples(second), [1, 2, 3]);
});

test("an entry stands until its card is judged again or it is taken back, in whichever tab", async () => {
  const [first, second] = [tab(), tab(anotherStorage())];
  first.add(entry(1));
  first.add(entry(2));
  const [one, two] = first.entries;
  await settled();
  second.add({ ...entry(1, "reject"), client_id: "again", order: [9000, 9] });
  await settled();
  assert.deepEqual([first.stands(one), first.stands(two)], [false, true]);
  second.forget("again");
  second.forget(two.client_id);
  await settled();
  assert.deepEqual([first.stands(one), first.stands(two)], [true, false]);
});

test("a new tab hears of what was done before it was opened", async () => {
  const first = tab();
  first.add(entry(1));
  first.add(entry(2));
  first.pop();
  const second = tab(anotherStorage());
  await settled();
  assert.deepEqual(examples(second), [1]);
});

test("what one tab takes back is gone in all, even when the news of it comes late", async () => {
  const [first, second] = [tab(), tab(anotherStorage())];
  await settled();
  first.add(entry(1));
  await settled();
  second.pop();
  await settled();
  first.hear({ added: [entry(1)], taken: [] });
  assert.deepEqual([examples(first), examples(second)], [[], []]);
  assert.deepEqual(stored("winnow.sitting.Ada.", window.sessionStorage), []);
});

test("verdicts of sittings before can be taken back after those of this one, and are no part of its pace", async () => {
  const [first, second] = [tab(), tab(anotherStorage())];
  first.add(entry(9));
  const before = [9, 8, 7].map((example) => ({ ...entry(example), at: example }));
  first.remember(before);
  second.remember(before);
  await settled();
  const past = () => [first, second].map((one) => one.past.map(({ card }) => card.example));
  assert.deepEqual(past(), [[7, 8, 9], [7, 8, 9]]); // none twice
  assert.deepEqual(first.times, [9000]);
  assert.equal(first.pop()?.card.example, 9);
  assert.equal(first.pop()?.card.example, 8);
  await settled();
  assert.deepEqual(past(), [[7], [7]]);
  assert.equal(second.pop(second.past[0])?.card.example, 7);
  assert.deepEqual(stored("winnow.sitting.Ada.", window.sessionStorage), []);
});

test("two thousand entries are kept, the newest", () => {
  const sitting = tab();
  sitting.insert(Array.from({ length: 2005 }, (_, number) => entry(number + 1)));
  assert.deepEqual([sitting.entries.length, examples(sitting)[0]], [2000, 6]);
  assert.equal(stored("winnow.sitting.Ada.", window.sessionStorage).length, 2000);
});

for (const { about, seconds, timed, active } of VECTORS.cases) {
  test(`pace: ${about}`, () => {
    const times = seconds.map((/** @type {number} */ second) => 1_700_000_000_000 + 1000 * second);
    assert.deepEqual(pace(times, LIMITS), { timed, ms: 1000 * active });
  });
}

test("the pace in words is that of the last five minutes of work", () => {
  const words = (/** @type {number[]} */ seconds, /** @type {number} */ left) =>
    paceInWords(seconds.map((second) => 1_700_000_000_000 + 1000 * second), left, LIMITS);
  const everyTwo = Array.from({ length: 200 }, (_, number) => 2 * number);
  assert.equal(words(everyTwo.slice(0, 9), 100), ""); // too few to say
  assert.equal(words(everyTwo.map((second) => second / 100), 100), ""); // nobody judges two hundred in four seconds
  assert.equal(words(everyTwo.slice(0, 10), 100), "30 per minute");
  assert.equal(words(everyTwo.slice(0, 150), 100), "30 per minute"); // 298 seconds are no basis for a forecast
  assert.equal(words(everyTwo.slice(0, 151), 100), "30 per minute, about 3 min left");
  const everyTwelve = Array.from({ length: 31 }, (_, number) => 12 * number);
  assert.equal(words(everyTwelve.slice(0, 30), 100), "5 per minute"); // 29 timed verdicts are none either
  assert.equal(words(everyTwelve, 100), "5 per minute, about 20 min left");
  const afterAPause = [...everyTwo, 4000, ...Array.from({ length: 19 }, (_, number) => 4002 + 2 * number)];
  assert.equal(words(afterAPause, 1000), "30 per minute, about 35 min left");
  const slow = Array.from({ length: 20 }, (_, number) => 30 * number);
  const slowThenFast = [...slow, ...Array.from({ length: 319 }, (_, number) => 571 + number)];
  assert.equal(words(slowThenFast, 0), "60 per minute");
  assert.equal(words(everyTwo, 1_000_000), "30 per minute, about 556 h left");
});

test("an estimate is rounded as on the pages", () => {
  for (const [seconds, words] of VECTORS.roughly) assert.equal(roughly(1000 * seconds), words);
});

/** An empty sessionStorage for another tab. */
function anotherStorage() {
  return Object.create(Object.getPrototypeOf(window.sessionStorage));
}
