// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { coverage, dropIslands, fillHoles, fillPolygon, fillSuperpixels, grow, shrink, smooth, Stroke, whole } from "../../../../curator/app/components/painter/alpha.js";
import { Easel } from "../../../../curator/app/components/painter/easel.js";
import { History } from "../../../../curator/app/components/painter/history.js";
import { drawLayer } from "../../../../curator/app/components/painter/layers.js";
import { hairField, strand, taper } from "../../../../curator/app/components/painter/strands.js";
import { CLOSEST, moved, pinched, placeUnder, settled, wholeView, zoomed } from "../../../../curator/app/components/painter/view.js";
import { open } from "./browser.js";

const SIDE = 64;

/** @param {number} [value] */
const flat = (value = 0) => new Uint8Array(SIDE * SIDE).fill(value);

/** @param {Uint8Array} alpha @param {number} left @param {number} top @param {number} right @param {number} bottom @param {number} value */
function block(alpha, left, top, right, bottom, value = 255) {
  for (let y = top; y < bottom; y++) alpha.fill(value, y * SIDE + left, y * SIDE + right);
  return alpha;
}

/** Numbers that look random, the same each time. @param {number} seed */
function seeded(seed) {
  return () => (seed = (seed * 16807) % 2147483647) / 2147483647;
}

/** @param {Uint8Array} before @param {Uint8Array} after @param {import("../../../../curator/app/components/painter/alpha.js").Box | null} box */
function changedOnlyWithin(before, after, box) {
  for (let i = 0; i < before.length; i++) {
    if (before[i] === after[i]) continue;
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    assert.ok(box && x >= box.left && x < box.right && y >= box.top && y < box.bottom, `${x}, ${y} changed outside the box`);
  }
}

/** @param {Uint8Array} alpha */
const sum = (alpha) => alpha.reduce((total, value) => total + value, 0);

// --- strokes --------------------------------------------------------------------------------------------------------

test("a hard brush covers a disc of its radius, with an edge of one pixel", () => {
  const alpha = flat();
  new Stroke(alpha, SIDE, { value: 255, radius: 10 }).line([32, 32], [32, 32]);
  assert.ok(Math.abs(sum(alpha) / 255 - Math.PI * 100) < 4);
  assert.deepEqual([alpha[32 * SIDE + 32], alpha[32 * SIDE + 40], alpha[32 * SIDE + 44]], [255, 255, 0]);
});

test("a soft brush fades from its core to its rim, and never beyond", () => {
  const along = Array.from({ length: 25 }, (_, away) => coverage(away, 20, 0.3));
  assert.ok(along.every((value, at) => at === 0 || value <= along[at - 1]));
  assert.deepEqual([along[0], along[6], along[21]], [1, 1, 0]);
  assert.ok(along[12] > 0.2 && along[12] < 0.8);
});

test("within a stroke a faint brush does not add up; another stroke does", () => {
  const alpha = flat();
  const stroke = new Stroke(alpha, SIDE, { value: 255, radius: 8, opacity: 0.5 });
  for (let times = 0; times < 5; times++) stroke.line([20, 20], [40, 20]);
  assert.equal(alpha[20 * SIDE + 30], 128);
  new Stroke(alpha, SIDE, { value: 255, radius: 8, opacity: 0.5 }).line([30, 20], [30, 20]);
  assert.equal(alpha[20 * SIDE + 30], 192);
});

test("a stroke erases, brushes another alpha in, and can be taken back before it ends", () => {
  const alpha = flat(255);
  new Stroke(alpha, SIDE, { value: 0, radius: 5 }).line([10, 10], [20, 10]);
  assert.equal(alpha[10 * SIDE + 15], 0);
  const source = flat(77);
  const stroke = new Stroke(alpha, SIDE, { value: source, radius: 5 });
  const before = alpha.slice();
  changedOnlyWithin(before, alpha, stroke.line([40, 40], [50, 50]));
  assert.equal(alpha[45 * SIDE + 45], 77);
  changedOnlyWithin(alpha.slice(), before, stroke.clear());
  assert.deepEqual(alpha, before);
});

test("strokes anywhere change nothing outside the box they tell, nor beyond the picture", () => {
  const next = seeded(7);
  for (let times = 0; times < 40; times++) {
    const alpha = flat(Math.floor(255 * next()));
    const before = alpha.slice();
    const [from, to] = [0, 1].map(() => /** @type {Point} */ ([next() * 120 - 30, next() * 120 - 30]));
    const stroke = new Stroke(alpha, SIDE, { value: 255 * Math.round(next()), radius: 0.5 + 20 * next(), hardness: next(), opacity: next() });
    changedOnlyWithin(before, alpha, stroke.line(from, to, next(), next()));
  }
});

test("pressure makes a stroke thinner", () => {
  const widths = [1, 0.3].map((pressure) => {
    const alpha = flat();
    new Stroke(alpha, SIDE, { value: 255, radius: 12 }).line([20, 32], [44, 32], pressure);
    return sum(alpha);
  });
  assert.ok(widths[1] < 0.4 * widths[0]);
});

// --- polygons, areas, whole masks -------------------------------------------------------------------------------------

test("a polygon is filled to its area, also where it crosses its border or itself", () => {
  const alpha = flat();
  const box = fillPolygon(alpha, SIDE, [[10, 10], [50, 10], [50, 30.5], [10, 30.5]], 255);
  assert.deepEqual(box, { left: 10, top: 10, right: 50, bottom: 31 });
  assert.ok(Math.abs(sum(alpha) / 255 - 40 * 20.5) < 2);
  assert.equal(alpha[30 * SIDE + 20], 128); // half a row
  const outside = flat();
  fillPolygon(outside, SIDE, [[-20, -20], [20, -20], [20, 20], [-20, 20]], 255);
  assert.ok(Math.abs(sum(outside) / 255 - 400) < 2);
  const star = flat();
  fillPolygon(star, SIDE, [[10, 10], [50, 50], [50, 10], [10, 50]], 255); // a bow tie
  assert.ok(Math.abs(sum(star) / 255 - 800) < 20);
  assert.equal(fillPolygon(star, SIDE, [[1, 1], [9, 9]], 255), null);
});

test("small holes are filled, the face in a ring of hair is not", () => {
  const alpha = block(block(block(flat(), 4, 4, 60, 60), 20, 20, 44, 44, 0), 8, 8, 11, 11, 0);
  fillHoles(alpha, SIDE);
  assert.equal(alpha[9 * SIDE + 9], 255);
  assert.equal(alpha[30 * SIDE + 30], 0);
  assert.equal(alpha[0], 0);
});

test("small islands are dropped with their soft rims, large ones stay", () => {
  const alpha = block(block(flat(), 30, 30, 60, 60), 4, 4, 7, 7);
  block(alpha, 3, 3, 8, 4, 40);
  dropIslands(alpha, SIDE);
  assert.equal(sum(alpha), 255 * 900);
});

test("growing and shrinking a square are a pixel each, and undo each other", () => {
  const alpha = block(flat(), 20, 20, 40, 40);
  const before = alpha.slice();
  grow(alpha, SIDE);
  assert.equal(sum(alpha), 255 * (400 + 80));
  shrink(alpha, SIDE);
  assert.deepEqual(alpha, before);
});

test("smoothing rounds corners and leaves flat parts as they are", () => {
  const alpha = block(flat(), 20, 20, 44, 44);
  alpha[20 * SIDE + 50] = 255; // a fray
  smooth(alpha, SIDE);
  assert.deepEqual([alpha[32 * SIDE + 32], alpha[5 * SIDE + 5], alpha[20 * SIDE + 50]], [255, 0, 0]);
  assert.ok(alpha[20 * SIDE + 20] < 128 && alpha[20 * SIDE + 32] > 128);
});

test("superpixels are filled whole, once, along the line", () => {
  const labels = Uint16Array.from({ length: SIDE * SIDE }, (_, i) => Math.floor((i % SIDE) / 16));
  const alpha = flat();
  const filled = new Set();
  const box = fillSuperpixels(alpha, labels, SIDE, [5, 5], [20, 5], 255, filled);
  assert.deepEqual(box, { left: 0, top: 0, right: 32, bottom: SIDE });
  assert.equal(sum(alpha), 255 * 32 * SIDE);
  assert.equal(fillSuperpixels(alpha, labels, SIDE, [5, 5], [6, 6], 255, filled), null);
  assert.equal(fillSuperpixels(alpha, labels, SIDE, [-5, 5], [-1, 6], 255, filled), null);
});

// --- undo -------------------------------------------------------------------------------------------------------------

test("undo and redo give back each alpha and its hints exactly, a hundred steps far", () => {
  const [planes, history, next] = [{ alpha: flat(), hints: flat() }, new History(SIDE), seeded(3)];
  const copy = () => ({ alpha: planes.alpha.slice(), hints: planes.hints.slice() });
  const states = [copy()];
  for (let step = 0; step < 120; step++) {
    const before = copy();
    const plane = step % 3 ? planes.alpha : planes.hints;
    const value = step % 3 ? 255 * (step % 2) : step % 4;
    const box = new Stroke(plane, SIDE, { value, radius: 1 + 6 * next() }).line([64 * next(), 64 * next()], [64 * next(), 64 * next()]);
    if (box && history.record(before, planes, box)) states.push(copy());
  }
  assert.ok(states.some(({ hints }) => sum(hints) > 0));
  let undone = 0;
  while (history.past.length) {
    const before = copy();
    const box = history.undo(planes);
    changedOnlyWithin(before.alpha, planes.alpha, box);
    changedOnlyWithin(before.hints, planes.hints, box);
    undone++;
    assert.deepEqual(planes, states[states.length - 1 - undone]);
  }
  assert.equal(undone, 100);
  while (history.redo(planes));
  assert.deepEqual(planes, states[states.length - 1]);
});

test("a step that changes nothing is none, and a new one ends what could be redone", () => {
  const [planes, history] = [{ alpha: flat(), hints: flat() }, new History(SIDE)];
  const copy = () => ({ alpha: planes.alpha.slice(), hints: planes.hints.slice() });
  assert.equal(history.record(planes, copy(), whole(SIDE)), false);
  const before = copy();
  block(planes.alpha, 1, 1, 3, 3);
  assert.equal(history.record(before, planes, { left: 1, top: 1, right: 3, bottom: 3 }), true);
  assert.equal(history.past[0].length, 1); // tile
  history.undo(planes);
  assert.equal(sum(planes.alpha), 0);
  const empty = copy();
  block(planes.alpha, 50, 50, 51, 51);
  history.record(empty, planes, whole(SIDE));
  assert.equal(history.redo(planes), null);
});

// --- the view -----------------------------------------------------------------------------------------------------------

const PANE = { width: 1200, height: 800, side: 512 };

test("zooming keeps what is under the pointer there, and keeps the picture in sight", () => {
  const next = seeded(11);
  for (let times = 0; times < 200; times++) {
    const view = settled({ zoom: 1 + 15 * next(), x: 600 * next(), y: 600 * next() }, PANE);
    const at = /** @type {Point} */ ([1200 * next(), 800 * next()]);
    const factor = Math.exp(2 * next() - 1);
    const after = zoomed(view, factor, at, PANE);
    assert.ok(after.zoom >= 1 && after.zoom <= CLOSEST);
    const [[x, y], [toX, toY]] = [placeUnder(view, PANE, at), placeUnder(after, PANE, at)];
    // Nothing is under the pointer beside the picture, and at its edge the picture stays in sight instead.
    const scale = (800 * after.zoom) / 512;
    const inner = after.x > 600 / scale + 1e-6 && after.x < 512 - 600 / scale - 1e-6 && after.y > 400 / scale + 1e-6 && after.y < 512 - 400 / scale - 1e-6;
    if (inner) assert.ok(Math.hypot(x - toX, y - toY) < 1e-6);
    assert.deepEqual(settled(after, PANE), after);
  }
  assert.deepEqual(zoomed(wholeView(512), 0.5, [0, 0], PANE), wholeView(512));
});

test("two fingers zoom and move: what was under them stays under them", () => {
  const view = { zoom: 4, x: 256, y: 256 };
  /** @type {[Point, Point]} */
  const from = [[500, 400], [700, 400]];
  const after = pinched(view, from, [[450, 420], [850, 420]], PANE);
  assert.equal(after.zoom, 8);
  const [x, y] = placeUnder(view, PANE, [600, 400]);
  const [toX, toY] = placeUnder(after, PANE, [650, 420]);
  assert.ok(Math.hypot(x - toX, y - toY) < 1e-9);
});

test("the picture moves with the hand", () => {
  const view = { zoom: 4, x: 256, y: 256 };
  const [before, after] = [placeUnder(view, PANE, [300, 300]), placeUnder(moved(view, 40, -20, PANE), PANE, [340, 280])];
  assert.ok(Math.hypot(before[0] - after[0], before[1] - after[1]) < 1e-9);
});

// --- strands --------------------------------------------------------------------------------------------------------------

/** Stripes whose lines run at an angle. @param {number} angle radians */
function stripes(angle) {
  const rgba = new Uint8ClampedArray(4 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const across = (i % SIDE) * -Math.sin(angle) + Math.floor(i / SIDE) * Math.cos(angle);
    rgba.fill(128 + 100 * Math.sin(across), 4 * i, 4 * i + 3);
  }
  return rgba;
}

test("the field runs along stripes of any angle, and is sure of it", () => {
  for (const angle of [0, 0.4, 1, Math.PI / 2, 2.3]) {
    const field = hairField(stripes(angle), SIDE);
    const i = 32 * SIDE + 32;
    const aligned = Math.abs(field.x[i] * Math.cos(angle) + field.y[i] * Math.sin(angle));
    assert.ok(aligned > 0.995, `${aligned} at ${angle}`);
    assert.ok(field.sure[i] > 0.9);
  }
  assert.equal(hairField(new Uint8ClampedArray(4 * SIDE * SIDE).fill(90), SIDE).sure[32 * SIDE + 32], 0);
});

test("a strand bends with the hair, ends under the pen, and is straight where the photo is flat", () => {
  const field = hairField(stripes(0.5), SIDE);
  const places = strand(field, [10, 20], [50, 28]);
  assert.deepEqual([places[0], places[places.length - 1]], [[10, 20], [50, 28]]);
  const bend = (/** @type {Point[]} */ path) => Math.max(...path.map(([x, y]) => Math.abs((y - 20) * 40 - (x - 10) * 8) / Math.hypot(40, 8)));
  assert.ok(bend(places) > 2);
  const plain = hairField(new Uint8ClampedArray(4 * SIDE * SIDE), SIDE);
  assert.ok(bend(strand(plain, [10, 20], [50, 28])) < 1e-6);
  assert.deepEqual(strand(plain, [5, 5], [5, 5]), [[5, 5]]);
});

test("a strand tapers towards its end", () => {
  const widths = [0, 0.3, 0.6, 0.9, 1].map(taper);
  assert.deepEqual(widths.toSorted((a, b) => b - a), widths);
  assert.ok(widths[0] === 1 && widths[4] < 0.1);
});

// --- what is seen -----------------------------------------------------------------------------------------------------------

/** @param {any} seeing @param {Uint8Array} alpha */
function seen(seeing, alpha) {
  open();
  /** @type {any} */
  const layer = { putImageData: (/** @type {ImageData} */ image) => (layer.data = image.data) };
  const photo = new Uint8ClampedArray(4 * SIDE * SIDE).fill(100);
  drawLayer(layer, alpha, SIDE, { backdrop: "grey", colour: [0, 132, 255], opacity: 1, ...seeing }, photo);
  return (/** @type {number} */ x, /** @type {number} */ y) => [...layer.data.slice(4 * (y * SIDE + x), 4 * (y * SIDE + x) + 4)];
}

test("a tint is as strong as the alpha, with a line along the edge of one half", () => {
  const at = seen({ look: "tint", opacity: 0.4 }, block(block(flat(), 10, 10, 30, 30), 40, 40, 50, 50, 100));
  assert.deepEqual(at(20, 20), [0, 132, 255, 102]);
  assert.deepEqual(at(10, 20), [0, 132, 255, 255]);
  assert.deepEqual(at(45, 45), [0, 132, 255, 40]);
  assert.equal(at(5, 5)[3], 0);
});

test("a cut-out hides what is not hair, an outline shows the edge alone, recolouring keeps the light", () => {
  const alpha = block(block(flat(), 10, 10, 30, 30), 40, 40, 50, 50, 100);
  const cut = seen({ look: "cutout", backdrop: "white" }, alpha);
  assert.deepEqual([cut(20, 20)[3], cut(45, 45), cut(5, 5)], [0, [255, 255, 255, 155], [255, 255, 255, 255]]);
  const line = seen({ look: "outline" }, alpha);
  assert.deepEqual([line(20, 20)[3], line(10, 20)[3] > 0, line(9, 20)[3] > 0, line(5, 5)[3]], [0, true, true, 0]);
  const [red, green, blue, opacity] = seen({ look: "colour" }, alpha)(20, 20);
  assert.ok(blue > green && green > red && opacity === 255);
  assert.ok(Math.abs(0.299 * red + 0.587 * green + 0.114 * blue - 100) < 2);
});

// --- unknown pixels -------------------------------------------------------------------------------------------------

test("what is painted where the source says nothing is taken back before it is a step", () => {
  const unknown = block(flat(), 0, 0, 32, SIDE, 1);
  const easel = { side: SIDE, unknown, alpha: flat(), hints: flat(), remark() {}, history: new History(SIDE) };
  Object.setPrototypeOf(easel, Easel.prototype);
  const before = flat();
  const box = new Stroke(easel.alpha, SIDE, { value: 255, radius: 8 }).line([20, 20], [44, 20]);
  assert.ok(box && Easel.prototype.record.call(easel, before, box));
  assert.equal(easel.alpha[20 * SIDE + 31], 0);
  assert.equal(easel.alpha[20 * SIDE + 32], 255);
  const within = new Stroke(easel.alpha, SIDE, { value: 255, radius: 4 }).line([10, 50], [12, 50]);
  assert.ok(within && !Easel.prototype.record.call(easel, easel.alpha.slice().fill(0, 40 * SIDE), within), "nothing was painted");
});
