// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { drawHints, forgetPainted, SAYS_HAIR, HINTS, mark, SAYS_NOT_HAIR, opposite, sameNear, solvedBox, SAYS_UNKNOWN } from "../../../../curator/app/components/painter/hints.js";
import { open } from "./browser.js";

const SIDE = 128;
const BOX = { left: 50, top: 60, right: 70, bottom: 80 };

const flat = () => new Uint8Array(SIDE * SIDE);

/** @param {number} x @param {number} y */
const at = (x, y) => y * SIDE + x;

/** @param {Uint8Array} plane @param {{left: number, top: number, right: number, bottom: number}} box @param {number} value */
function filled(plane, { left, top, right, bottom }, value) {
  for (let y = top; y < bottom; y++) plane.fill(value, at(left, y), at(right, y));
  return plane;
}

test("the right button says the opposite of hair and of not hair; unknown has none", () => {
  assert.deepEqual(HINTS.map(opposite), [SAYS_NOT_HAIR, SAYS_HAIR, SAYS_UNKNOWN]);
});

test("a hint says its kind where at least half of a pixel is covered, over what was said before", () => {
  const hints = filled(flat(), { left: 55, top: 60, right: 60, bottom: 80 }, SAYS_HAIR);
  const drawn = filled(filled(flat(), BOX, 128), { left: 50, top: 60, right: 52, bottom: 80 }, 127);
  mark(hints, SIDE, { kind: SAYS_NOT_HAIR, drawn, box: BOX });
  assert.deepEqual([hints[at(51, 65)], hints[at(52, 65)], hints[at(56, 65)], hints[at(70, 65)]], [0, SAYS_NOT_HAIR, SAYS_NOT_HAIR, 0]);
});

test("the band on both sides of a hint is solved again, as far as the picture reaches", () => {
  const drawn = flat();
  assert.deepEqual(solvedBox({ kind: SAYS_HAIR, drawn, box: BOX }, SIDE), { left: 34, top: 44, right: 86, bottom: 96 });
  const corner = { left: 0, top: 100, right: 5, bottom: SIDE };
  assert.deepEqual(solvedBox({ kind: SAYS_HAIR, drawn, box: corner }, SIDE), { left: 0, top: 84, right: 21, bottom: SIDE });
});

test("a hint is forgotten where the alpha was changed by hand, and holds elsewhere", () => {
  const hints = filled(flat(), BOX, SAYS_UNKNOWN);
  const [before, after] = [flat(), filled(flat(), { left: 60, top: 0, right: 65, bottom: 70 }, 9)];
  forgetPainted(hints, SIDE, before, after, { left: 60, top: 0, right: 65, bottom: 70 });
  assert.deepEqual([hints[at(59, 65)], hints[at(60, 65)], hints[at(64, 69)], hints[at(62, 70)]], [SAYS_UNKNOWN, 0, 0, SAYS_UNKNOWN]);
});

test("a change near what was solved counts, one far away does not", () => {
  const changed = (/** @type {number} */ x, /** @type {number} */ y) => !sameNear(flat(), flat().fill(1, at(x, y), at(x, y) + 1), SIDE, BOX);
  assert.deepEqual([changed(60, 70), changed(26, 70), changed(60, 103)], [true, true, true]);
  assert.deepEqual([changed(25, 70), changed(60, 104), changed(0, 0)], [false, false, false]);
});

test("the three kinds are told apart without their colours, and each has a rim", () => {
  open();
  const patterns = HINTS.map((kind) => {
    /** @type {any} */
    const layer = { putImageData: (/** @type {ImageData} */ image, /** @type {number} */ x, /** @type {number} */ y) => (layer.seen = { image, x, y }) };
    drawHints(layer, filled(flat(), BOX, kind), SIDE, BOX);
    const { image: { data }, x, y } = layer.seen;
    assert.deepEqual([x, y], [BOX.left - 1, BOX.top - 1]); // whose rim may have changed, too
    const across = BOX.right - BOX.left + 2;
    const opacity = (/** @type {number} */ column, /** @type {number} */ row) => data[4 * ((row - y) * across + column - x) + 3];
    for (let row = BOX.top; row < BOX.bottom; row++) assert.equal(opacity(BOX.left, row), 255);
    assert.equal(opacity(BOX.left - 1, BOX.top), 0);
    const inside = [];
    for (let row = 62; row < 78; row++) for (let column = 52; column < 68; column++) inside.push(opacity(column, row));
    const clear = inside.filter((value) => value === 0).length / inside.length;
    assert.ok(clear > 0.4, `${clear} of the photo is seen through`);
    return inside.map((value) => (value === 255 ? "#" : " ")).join("");
  });
  assert.equal(new Set(patterns).size, 3);
});
