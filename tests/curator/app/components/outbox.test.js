// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Outbox } from "../../../../curator/app/components/outbox.js";
import { DOWN, later, open, settled, stored } from "./browser.js";

/** @type {import("./browser.js").Server} */
let server;
/** @type {Outbox[]} */
let tabs;

beforeEach(() => {
  server = open();
  tabs = [];
});

afterEach(() => tabs.forEach((one) => one.close()));

/** @param {ConstructorParameters<typeof Outbox>[1]} options */
function tab(options = { token: "t" }) {
  const outbox = new Outbox("Ada", options);
  tabs.push(outbox);
  return outbox;
}

/** Takes every verdict, numbering them from 1, each client id once; `refuses` has sentences by example. */
function taking(refuses = {}) {
  /** @type {Map<string, number>} */
  const ids = new Map();
  /** @type {{example: number, decision: string}[]} */
  const committed = [];
  server.answer = ({ body }) => {
    const refused = [];
    for (const [index, { client_id, example, decision }] of body.verdicts.entries()) {
      if (example in refuses) refused.push({ index, client_id, error: Reflect.get(refuses, example) });
      else if (!ids.has(client_id)) {
        committed.push({ example, decision });
        ids.set(client_id, committed.length);
      }
    }
    return { ids: Object.fromEntries(ids), refused };
  };
  return committed;
}

/** @param {number} example @returns {{example: number, photo: string, decision: "keep"}} */
const keep = (example) => ({ example, photo: `${example}.png`, decision: "keep" });
const sent = () => server.requests.map(({ body }) => body.verdicts.map((/** @type {Item} */ { example }) => example));

test("verdicts given together are sent in one request and then forgotten by the browser", async () => {
  const committed = taking();
  /** @type {number[]} */
  const saved = [];
  const outbox = tab({ token: "t", saved: (items) => saved.push(...items.map(({ example }) => example)) });
  outbox.add(keep(1));
  outbox.add({ example: 2, decision: "reject", reason: "too_coarse" });
  assert.equal(stored("winnow.verdict.Ada.").length, 2);
  await settled();
  assert.deepEqual(sent(), [[1, 2]]);
  assert.deepEqual(committed, [{ example: 1, decision: "keep" }, { example: 2, decision: "reject" }]);
  assert.deepEqual([saved, outbox.items, stored("winnow.verdict.Ada.")], [[1, 2], [], []]);
});

test("the mask that was seen goes with the verdict, and a repaired one leaves those that wait for a second look", async () => {
  taking();
  const outbox = tab();
  const mask = "a".repeat(64);
  const fix = /** @type {const} */ ({ example: 1, decision: "fix", mask, from: "repaired" });
  outbox.add(fix);
  const counts = { keep: 0, fix: 2, repaired: 1, reject: 0, open: 5 };
  assert.deepEqual(outbox.tallied(counts, 6, 0), { keep: 0, fix: 3, repaired: 0, reject: 0, open: 5, left: 5 });
  outbox.add({ example: 1, decision: "undo", from: "fix", to: "repaired" });
  assert.deepEqual(outbox.tallied(counts, 6, 0), { ...counts, left: 6 });
  await settled();
  assert.deepEqual(server.requests.map(({ body }) => body.verdicts.map((/** @type {Item} */ item) => item.mask)), [[mask, undefined]]);
});

test("nothing is lost while the network is down, and all is sent with the same client ids when it is back", async () => {
  server.answer = () => DOWN;
  const outbox = tab();
  const ids = [outbox.add(keep(1)), outbox.add(keep(2))].map(({ client_id }) => client_id);
  await settled();
  assert.equal(outbox.says(), ""); // a short delay needs no words
  await later(1000);
  assert.equal(
    outbox.says(),
    "Winnow cannot be reached right now. 2 verdicts are not saved yet. They are kept in this browser; trying again.",
  );
  assert.equal(stored("winnow.verdict.Ada.").length, 2);
  const committed = taking();
  await later(15_000);
  assert.deepEqual(committed.map(({ example }) => example), [1, 2]);
  for (const { body } of server.requests) assert.deepEqual(body.verdicts.map((/** @type {Item} */ item) => item.client_id), ids);
  assert.deepEqual([outbox.says(), stored("winnow.verdict.Ada.")], ["", []]);
});

test("a failing server is asked less and less often, and at once when the browser is online again", async () => {
  server.answer = () => ({ status: 500, error: "Broken." });
  const outbox = tab();
  outbox.add(keep(1));
  await settled();
  for (const [wait, requests] of [[999, 1], [1, 2], [1999, 2], [1, 3], [4000, 4], [8000, 5], [15_000, 6], [14_999, 6], [1, 7]]) {
    await later(wait);
    assert.equal(server.requests.length, requests);
  }
  const committed = taking();
  window.dispatchEvent(new Event("online"));
  await settled();
  assert.equal(committed.length, 1);
});

test("a verdict whose answer was lost is sent again by the next page, with the same client id, and counts once", async () => {
  const committed = taking();
  const { answer } = server;
  server.answer = (request) => {
    answer(request);
    return DOWN; // committed, but the page never hears of it
  };
  const before = tab();
  const { client_id } = before.add(keep(1));
  await settled();
  before.close();
  server.answer = answer;
  const after = tab();
  assert.deepEqual(after.items.map((item) => item.client_id), [client_id]);
  after.flush();
  await settled();
  assert.deepEqual(committed, [{ example: 1, decision: "keep" }]);
  assert.deepEqual(stored("winnow.verdict.Ada."), []);
});

test("an undo never overtakes what it undoes, even when the clock was set back", async () => {
  server.answer = () => DOWN;
  const outbox = tab();
  outbox.add(keep(1));
  await settled();
  const { now } = Date;
  Date.now = () => now() - 3_600_000;
  outbox.add({ example: 1, decision: "undo", from: "keep" });
  Date.now = now;
  const committed = taking();
  for (const [name, value] of Object.entries(window.localStorage).reverse()) { // a storage has no order of its own
    window.localStorage.removeItem(name);
    window.localStorage.setItem(name, value);
  }
  const reloaded = tab();
  assert.deepEqual(reloaded.items.map(({ decision }) => decision), ["keep", "undo"]);
  reloaded.flush();
  await settled();
  assert.deepEqual(committed.map(({ decision }) => decision), ["keep", "undo"]);
});

test("what is given while a request is on its way is sent after it, not with it", async () => {
  const committed = taking();
  const { answer } = server;
  /** @type {() => void} */
  let release = () => {};
  server.answer = async (request) => {
    await new Promise((done) => (release = () => done(undefined)));
    return answer(request);
  };
  const outbox = tab();
  outbox.add(keep(1));
  await settled();
  outbox.add({ example: 1, decision: "undo", from: "keep" });
  await settled();
  assert.equal(server.requests.length, 1);
  release();
  await settled();
  release();
  await settled();
  assert.deepEqual(sent(), [[1], [1]]);
  assert.deepEqual(committed.map(({ decision }) => decision), ["keep", "undo"]);
});

test("one bad verdict of a refused batch is set aside alone", async () => {
  const committed = taking();
  const { answer } = server;
  server.answer = (request) =>
    request.body.verdicts.some((/** @type {Item} */ { example }) => example === 2) ? { status: 400, error: "Not that." } : answer(request);
  /** @type {string[]} */
  const refusals = [];
  const outbox = tab({ token: "t", refusal: (item) => refusals.push(`${item.example}: ${item.error}`) });
  for (const example of [1, 2, 3]) outbox.add(keep(example));
  await settled();
  assert.deepEqual(sent(), [[1, 2, 3], [1], [2], [3]]);
  assert.deepEqual(committed.map(({ example }) => example), [1, 3]);
  assert.deepEqual(refusals, ["2: Not that."]);
  assert.equal(outbox.says(), "Not accepted: 2.png. Not that.");
  assert.deepEqual([outbox.items, stored("winnow.verdict.Ada.")], [[], []]);
  outbox.dismiss();
  assert.equal(outbox.says(), "");
});

for (const [what, answer] of /** @type {[string, object][]} */ ([
  ["the disk is full", { status: 507, error: "The disk is full. Ask your lead." }],
  ["the database is busy", { status: 503, error: "Busy." }],
  ["too much came at once", { status: 429, error: "In a moment." }],
  ["something is missing", { status: 404, error: "Not there." }],
  ["something else came first", { status: 409, error: "Taken over." }],
  ["Winnow breaks", { status: 500 }],
  ["a proxy answers in its place", { status: 404 }],
  ["the answer names no verdict", { ids: {}, refused: [] }],
])) {
  test(`no verdict is set aside when ${what}: all are kept and sent again`, async () => {
    server.answer = () => answer;
    const outbox = tab();
    for (const example of [1, 2]) outbox.add(keep(example));
    await settled();
    assert.deepEqual([outbox.items.length, outbox.refused.length, stored("winnow.verdict.Ada.").length], [2, 0, 2]);
    const committed = taking();
    await later(1000);
    assert.deepEqual(committed.map(({ example }) => example), [1, 2]);
    assert.deepEqual(stored("winnow.verdict.Ada."), []);
  });
}

test("a verdict that the server names as refused is set aside, and the others of the batch are saved", async () => {
  const committed = taking({ 2: "Example 2 is not there." });
  const outbox = tab();
  for (const example of [1, 2, 3]) outbox.add(keep(example));
  await settled();
  assert.deepEqual(sent(), [[1, 2, 3]]);
  assert.deepEqual(committed.map(({ example }) => example), [1, 3]);
  assert.deepEqual(outbox.refused.map(({ example }) => example), [2]);
});

test("a token that is too old is renewed once, and the verdicts are sent with the new one", async () => {
  let asked = 0;
  server.answer = () => ({ status: 403, error: "Too old.", code: "stale_page" });
  const outbox = tab({ token: "old", renew: () => asked++ });
  outbox.add(keep(1));
  await settled();
  await later(4000);
  assert.equal(asked, 1);
  const committed = taking();
  outbox.use("new");
  await settled();
  assert.equal(server.requests.at(-1)?.token, "new");
  assert.equal(committed.length, 1);
});

test("a verdict of another tab is known here, and sent from here when that tab is closed before it could", async () => {
  server.answer = () => DOWN;
  /** @type {number[]} */
  const heard = [];
  const [first, second] = [tab(), tab({ token: "t", elsewhere: (item) => heard.push(item.example) })];
  first.add(keep(1));
  await settled();
  assert.deepEqual([heard, second.items.map(({ example }) => example)], [[1], [1]]);
  first.close();
  const committed = taking();
  await later(3000);
  assert.deepEqual(committed, [{ example: 1, decision: "keep" }]);
});

test("two tabs have the same order, and what one has saved the other does not send again", async () => {
  server.answer = () => DOWN;
  const [first, second] = [tab(), tab()];
  first.add(keep(1));
  await settled();
  second.add({ example: 1, decision: "undo", from: "keep" });
  await settled();
  for (const one of [first, second]) assert.deepEqual(one.items.map(({ decision }) => decision), ["keep", "undo"]);
  const committed = taking();
  server.requests.length = 0;
  first.flush();
  await settled();
  assert.deepEqual(committed.map(({ decision }) => decision), ["keep", "undo"]);
  assert.deepEqual([first.items, second.items, stored("winnow.verdict.Ada.")], [[], [], []]);
  await later(20_000);
  assert.equal(server.requests.length, 1);
});

test("a card that is judged again, or whose second verdict is taken back, was not left and is not", () => {
  server.answer = () => DOWN;
  const outbox = tab();
  const counts = { open: 5, keep: 1, reject: 0 };
  outbox.add({ example: 1, decision: "reject", from: "keep" });
  assert.deepEqual(outbox.tallied(counts, 5, 0), { open: 5, keep: 0, reject: 1, left: 5 });
  outbox.add({ example: 1, decision: "undo", from: "reject", to: "keep" });
  assert.deepEqual(outbox.tallied(counts, 5, 0), { ...counts, left: 5 });
});

test("another reviewer's verdicts are not touched", () => {
  window.localStorage.setItem("winnow.verdict.Bo.x", "{}");
  assert.deepEqual(tab().items, []);
  assert.deepEqual(stored("winnow.verdict."), ["winnow.verdict.Bo.x"]);
});

test("the counts are the server's with every newer verdict of ours, once", async () => {
  const outbox = tab();
  const counts = { open: 10, keep: 0, reject: 0 };
  taking();
  outbox.add(keep(1));
  await settled();
  server.answer = () => DOWN;
  outbox.add({ example: 2, decision: "reject" });
  assert.deepEqual(outbox.tallied(counts, 10, 0), { open: 8, keep: 1, reject: 1, left: 8 });
  // The server's next answer knows of the first verdict, which has number 1.
  assert.deepEqual(outbox.tallied({ open: 9, keep: 1, reject: 0 }, 9, 1), { open: 8, keep: 1, reject: 1, left: 8 });
  outbox.add({ example: 1, decision: "undo", from: "keep" });
  assert.deepEqual(outbox.tallied({ open: 9, keep: 1, reject: 0 }, 9, 1), { open: 9, keep: 0, reject: 1, left: 9 });
});
