// @ts-check
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { corners, firstSquare, middle, onPhoto, squareAt, within } from "../../../../curator/app/components/aside/square.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../../vectors/square.json", import.meta.url), "utf-8"));
const { limits, photo } = VECTORS;
const CROP_SIDE = 512; // of the vectors' crops

/** @param {number[]} found @param {number[]} wanted */
function near(found, wanted) {
  assert.equal(found.length, wanted.length);
  found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-9, `${found} is not ${wanted}`));
}

test("a place of the photo is where the vectors have it in the crop, and back", () => {
  for (const { square, photo: [row, column], crop: [down, across] } of VECTORS.points) {
    const step = CROP_SIDE / square.side;
    const [x, y] = within(square, [column, row]);
    near([y * step + CROP_SIDE / 2, x * step + CROP_SIDE / 2], [down, across]);
    near(onPhoto(square, [(across - CROP_SIDE / 2) / step, (down - CROP_SIDE / 2) / step]), [column, row]);
  }
});

test("the corners of the crop are where the vectors have them on the photo", () => {
  for (const { square, photo: wanted } of VECTORS.corners) {
    near(corners(square).flatMap(([x, y]) => [y, x]), wanted.flat());
  }
});

test("a square is placed on the photo, within the limits and turned by less than half a turn", () => {
  for (const { middle: [row, column], side, rotation, square } of VECTORS.placed) {
    assert.deepEqual(squareAt([column, row], side, rotation, photo, limits), square);
  }
});

test("no square is drawn that the server would refuse", () => {
  for (const square of VECTORS.refused) {
    assert.notDeepEqual(squareAt(middle(square), square.side, square.rotation, photo, limits), square);
  }
});

test("a first square lies around the painted hair, in pixels of the photo, with room below it", () => {
  const [width, height] = [100, 80]; // of the mask, which is half as large as the photo
  const mask = new Uint8Array(width * height);
  for (let y = 20; y < 40; y++) mask.fill(1, y * width + 30, y * width + 70);
  // Hair 30 to 69 across and 20 to 39 down, in the photo 60 to 138 and 40 to 78: 1.6 * 78 = 124.8 is more than 1.2 * 38.
  const square = firstSquare({ width: 200, height: 160 }, mask, width, limits);
  near([square.side, square.left, square.top, square.rotation], [124.8, 99 - 62.4, 40 - 12.48, 0]);
});

test("specks that a crowd leaves do not make the first square larger", () => {
  const width = 100;
  const mask = new Uint8Array(width * width);
  for (let y = 40; y < 60; y++) mask.fill(1, y * width + 40, y * width + 60);
  const clean = firstSquare({ width, height: width }, mask, width, limits);
  mask[0] = 1; // 1 of 401 pixels
  assert.deepEqual(firstSquare({ width, height: width }, mask, width, limits), clean);
});

test("without hair the first square is the middle of the photo", () => {
  const square = firstSquare({ width: 400, height: 300 }, new Uint8Array(400 * 300), 400, limits);
  assert.deepEqual(square, { top: 0, left: 50, side: 300, rotation: 0 });
});
