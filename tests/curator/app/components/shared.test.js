// @ts-check
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";

import { ask, bytesOf, hatched, Shelf, tintOf } from "../../../../curator/app/components/shared.js";
import { DOWN, open } from "./browser.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../../vectors/tint.json", import.meta.url), "utf-8"));
/** @type {import("./browser.js").Server} */
let server;

beforeEach(() => {
  server = open();
});

/** @param {string[]} rows */
const bytes = (rows) => Uint8Array.from(rows.join(""), (cell) => (cell === "#" ? 1 : 0));

for (const { about, mask, tint } of VECTORS.cases) {
  test(`tint: ${about}`, () => {
    const width = mask[0].length;
    const { data } = tintOf(bytes(mask), width, VECTORS.tint);
    const { fill, edge } = VECTORS.tint;
    /** @type {Record<string, number[][]>} */
    const colours = { ".": [[0, 0, 0, 0]], f: [fill], e: [edge], "?": [fill, edge] };
    [...tint.join("")].forEach((cell, i) => {
      const found = [...data.slice(4 * i, 4 * i + 4)];
      const fits = colours[cell].some((colour) => colour.join() === found.join());
      assert.ok(fits, `row ${Math.floor(i / width)}, column ${i % width}: ${found}`);
    });
  });
}

test("the fill lets the photo through as much as in the guide", () => {
  const [red, green, blue, opacity] = VECTORS.tint.fill;
  const over = [red, green, blue].map((value, i) => Math.round(VECTORS.photo[i] + ((value - VECTORS.photo[i]) * opacity) / 255));
  assert.deepEqual(over, VECTORS.filled);
});

test("a box of the tint is that part of the whole", () => {
  const { mask } = VECTORS.cases[0];
  const whole = tintOf(bytes(mask), 9, VECTORS.tint).data;
  const part = tintOf(bytes(mask), 9, VECTORS.tint, { left: 1, top: 2, right: 4, bottom: 4 }).data;
  const rows = [2, 3].flatMap((row) => [...whole.slice(4 * (9 * row + 1), 4 * (9 * row + 4))]);
  assert.deepEqual([...part], rows);
});

test("the hatch lies over unknown pixels alone, in lines that fall to the left, and lets the photo through", () => {
  const width = 16;
  const unknown = Uint8Array.from({ length: width * width }, (_, i) => (i % width >= 8 ? 1 : 0));
  const painted = new ImageData(width, width);
  painted.data.fill(7);
  const { data } = hatched(painted, unknown, width);
  const at = (/** @type {number} */ x, /** @type {number} */ y) => [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 4)];
  assert.deepEqual(at(7, 3), [7, 7, 7, 7]);
  assert.deepEqual([at(8, 0), at(9, 0), at(15, 1), at(14, 2)], [at(8, 0), at(8, 0), at(8, 0), at(8, 0)]);
  assert.notDeepEqual(at(10, 0), at(8, 0));
  for (const [red, green, blue, opacity] of [at(8, 0), at(10, 0)]) {
    assert.ok(red === green && green === blue && opacity > 100 && opacity < 220);
  }
});

test("half and more is mask", () => {
  const grey = new ImageData(3, 1);
  grey.data.set([127, 0, 0, 255, 128, 0, 0, 255, 255, 0, 0, 255]);
  assert.deepEqual([...bytesOf(grey)], [0, 1, 1]);
});

test("an error has the server's sentence, its code and its status, 0 when no answer of Winnow's came", async () => {
  const error = () => ask("/api/x", "t", {}).catch(({ message, status }) => [status, message]);
  server.answer = () => ({ status: 409, error: "Somebody else has it.", code: "already_decided" });
  assert.deepEqual(await error(), [409, "Somebody else has it."]);
  const told = /** @type {import("../../../../curator/app/components/shared.js").RouteError} */ (await ask("/api/x", "t", {}).catch((found) => found));
  assert.deepEqual([told.is("already_decided"), told.is("not_there")], [true, false]);
  for (const status of [404, 502]) { // a proxy's own
    server.answer = () => ({ status });
    assert.deepEqual(await error(), [0, `Winnow cannot be reached right now (${status}).`]);
  }
  server.answer = () => DOWN;
  assert.deepEqual(await error(), [0, "Winnow cannot be reached right now."]);
});

test("a shelf reads only what is its own, and skips what cannot be read", () => {
  const shelf = new Shelf("localStorage", "mine.");
  shelf.put("a", { value: 1 });
  window.localStorage.setItem("mine.broken", "{");
  window.localStorage.setItem("theirs.b", "2");
  assert.deepEqual([shelf.all(), shelf.get("broken"), shelf.get("b")], [[{ value: 1 }], null, null]);
  shelf.drop(["a"]);
  assert.deepEqual(shelf.all(), []);
});

test("a browser that forbids storage, or has no room left, loses nothing but what outlives the page", () => {
  Object.defineProperty(window, "localStorage", { get: () => { throw new Error("forbidden"); } });
  const shelf = new Shelf("localStorage", "mine.");
  shelf.put("a", 1);
  assert.deepEqual([shelf.all(), shelf.get("a")], [[], null]);
  window.sessionStorage.setItem = () => { throw new Error("full"); };
  new Shelf("sessionStorage", "mine.").put("a", 1);
});
