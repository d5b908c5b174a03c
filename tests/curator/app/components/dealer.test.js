// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Dealer } from "../../../../curator/app/components/dealer.js";
import { Outbox } from "../../../../curator/app/components/outbox.js";
import { DOWN, later, open, settled } from "./browser.js";

/** @type {import("./browser.js").Server} */
let server;
/** @type {Outbox} */
let outbox;
/** @type {{held: number[], cards: number[], gone: number[], failed: string[], renewed: number}} */
let page;
/** @type {Dealer[]} */
let dealers;

beforeEach(() => {
  server = open();
  page = { held: [], cards: [], gone: [], failed: [], renewed: 0 };
  outbox = new Outbox("Ada", { token: "t", renew: () => page.renewed++ });
  dealers = [];
});

afterEach(() => [outbox, ...dealers].forEach((one) => one.close()));

/** @param {Wanted} wanted */
function dealer(wanted = {}) {
  const one = new Dealer(wanted, outbox, {
    holds: () => page.held,
    dealt: (cards, gone) => {
      page.cards.push(...cards.map(({ example }) => example));
      page.gone.push(...gone);
    },
    failed: (sentence) => page.failed.push(sentence),
  });
  dealers.push(one);
  return one;
}

/** @param {number[]} cards @param {number[]} gone */
const hand = (cards, gone = []) => ({
  cards: cards.map((example) => ({ example })), gone, counts: { open: 5, keep: 0, reject: 0 }, left: 5, elsewhere: 0, others: 0, until: 0,
  upto: 7, since: 3,
});
const asked = () => server.requests.map(({ body }) => [body.count, body.held]);

test("cards are dealt, and a hand that is not full is the last", async () => {
  const one = dealer();
  server.answer = () => hand([1, 2]);
  await one.ask(2);
  assert.deepEqual([page.cards, one.exhausted], [[1, 2], false]);
  server.answer = () => hand([3]);
  await one.ask(2);
  assert.deepEqual([page.cards, one.exhausted], [[1, 2, 3], true]);
  assert.deepEqual(one.tally, { open: 5, keep: 0, reject: 0, left: 5, elsewhere: 0, others: 0, until: 0 });
  await one.ask(0);
  assert.equal(one.exhausted, true); // a renewal says nothing about what is left
});

test("one request is on its way at a time", async () => {
  const one = dealer();
  server.answer = () => hand([1]);
  await Promise.all([one.ask(1), one.ask(1)]);
  assert.equal(server.requests.length, 1);
});

test("the leases of what the page holds are renewed every four minutes, until it is closed", async () => {
  const one = dealer();
  page.held = [4, 5];
  server.answer = () => hand([]);
  await later(4 * 60 * 1000);
  await later(4 * 60 * 1000);
  assert.deepEqual(asked(), [[0, [4, 5]], [0, [4, 5]]]);
  one.close();
  await later(8 * 60 * 1000);
  assert.equal(asked().filter(([count]) => count === 0).length, 2);
});

test("a page that closes gives back what it holds, but for what it judged and has not sent", async () => {
  const one = dealer();
  server.answer = () => hand([]);
  await one.ask(1);
  server.answer = () => DOWN;
  outbox.add({ example: 5, decision: "keep" });
  page.held = [4, 5];
  const leaving = (/** @type {boolean} */ persisted) => window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted }));
  const given = () => server.requests.filter(({ path }) => path === "/api/deck/leave").map(({ body }) => body);
  leaving(true); // set aside: it may come back
  assert.deepEqual(given(), []);
  leaving(false);
  assert.deepEqual(given(), [{ page: server.requests[0].body.page, held: [4] }]);
});

test("what is in hand is left, whatever the server counted", async () => {
  const one = dealer();
  server.answer = () => ({ ...hand([1, 2, 3]), left: 1, others: 2, until: 99 });
  await one.ask(4);
  page.held = [1, 2, 3];
  assert.deepEqual([one.tally?.left, one.tally?.others], [3, 2]);
  server.answer = () => ({ ...hand([]), left: 1 });
  await one.ask(0); // a renewal does not look for what others have
  page.held = [];
  assert.deepEqual([one.tally?.left, one.tally?.others], [1, 2]);
});

test("cards that are gone are named, except those that were judged here meanwhile", async () => {
  const one = dealer();
  page.held = [1, 2];
  server.answer = () => {
    one.moved.add(2);
    return hand([], [1, 2]);
  };
  await one.ask(0);
  assert.deepEqual(page.gone, [1]);
});

test("a card that the page has, or judged while the answer was on its way, is not dealt again", async () => {
  const one = dealer();
  page.held = [1];
  server.answer = () => {
    one.moved.add(2);
    return hand([1, 2, 3]);
  };
  await one.ask(3);
  assert.deepEqual(page.cards, [3]);
});

test("examples with a verdict that is not saved yet are held as well, so that nobody deals them back", async () => {
  server.answer = () => DOWN;
  outbox.add({ example: 9, decision: "keep" });
  await settled();
  page.held = [1];
  await dealer().ask(5);
  assert.deepEqual(server.requests.at(-1)?.body.held, [1, 9]);
});

test("after a failure it says so and asks again for as many", async () => {
  const one = dealer();
  server.answer = () => DOWN;
  await one.ask(4);
  assert.deepEqual(page.failed, ["Winnow cannot be reached right now. Trying again…"]);
  server.answer = () => hand([1]);
  await later(2000);
  assert.deepEqual([page.cards, asked()], [[1], [[4, []], [4, []]]]);
});

test("a token that is too old is renewed", async () => {
  server.answer = () => ({ status: 403, error: "Too old.", code: "stale_page" });
  await dealer().ask(1);
  assert.deepEqual([page.renewed, page.failed], [1, ["Too old. Trying again…"]]);
});

test("an answer that arrives after the page was closed is dropped", async () => {
  const one = dealer();
  server.answer = () => {
    one.close();
    return hand([1]);
  };
  await one.ask(1);
  assert.deepEqual(page.cards, []);
});

test("a reload continues where the queue was; another queue begins anew", async () => {
  server.answer = () => hand([1]);
  await dealer({ show: "open" }).ask(1);
  await dealer({ show: "open" }).ask(1);
  await dealer({ show: "kept" }).ask(1);
  assert.deepEqual(server.requests.map(({ body }) => body.since), [null, 3, null]);
});
