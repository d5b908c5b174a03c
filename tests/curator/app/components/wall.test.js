// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import wall from "../../../../curator/app/components/wall/wall.js";
import { later, open, settled } from "./browser.js";

/** @type {import("./browser.js").Server} */
let server;
/** Its place on the page, of which these tests draw nothing. @type {any} */
let root;
let renewed = 0;

beforeEach(() => {
  server = open();
  renewed = 0;
  const parts = ["wall", "photos", "words"].map((part) => ({ dataset: { part }, replaceChildren() {}, prepend() {}, children: [] }));
  root = { querySelectorAll: () => parts };
});

/** @param {string} token */
const drawn = (token) => wall({ data: { job: 7, token, tint: /** @type {any} */ (null) }, parentElement: root, setTriggerValue: () => renewed++ });
const tokens = () => server.requests.map(({ token }) => token);

test("it asks for what came since until the ingest is over", async () => {
  server.answer = () => ({ tiles: [], photos: 0, runs: true });
  drawn("t");
  await settled();
  server.answer = () => ({ tiles: [], photos: 3, runs: false });
  await later(1500);
  await later(60_000);
  assert.deepEqual(server.requests.map(({ body }) => body), [{ job: 7, after: 0 }, { job: 7, after: 0 }]);
});

test("a token that is too old is renewed once, and the new one is tried no sooner than after other failures", async () => {
  server.answer = () => ({ status: 403, error: "Too old.", code: "stale_page" });
  drawn("old");
  await settled();
  assert.equal(renewed, 1);
  await later(5000); // no new one yet
  assert.deepEqual([renewed, tokens()], [1, ["old", "old"]]);
  drawn("new"); // the page's next run brings it
  await later(4999);
  assert.deepEqual(tokens(), ["old", "old"]);
  await later(1);
  assert.deepEqual([renewed, tokens()], [2, ["old", "old", "new"]]); // refused as well
});

test("a wall that is left asks no more", async () => {
  server.answer = () => ({ tiles: [], photos: 0, runs: true });
  const leave = /** @type {() => void} */ (drawn("t"));
  await settled();
  leave();
  await later(60_000);
  assert.equal(server.requests.length, 1);
});
