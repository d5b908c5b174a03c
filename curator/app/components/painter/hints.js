// @ts-check
// Hints: what a person says of a pixel, so that Refine solves the mask again around it. One byte a pixel, row by row: 0 for no hint,
// or one of those below, as in curator/touchup/refine.py.

import { HALF, whole, within } from "./alpha.js";

/** @import { Box } from "./alpha.js" */
/** A hint that is drawn: at least half of a pixel covered, of 255, says its kind there. @typedef {{kind: number, drawn: Uint8Array, box: Box}} Hint */

export const [SAYS_HAIR, SAYS_NOT_HAIR, SAYS_UNKNOWN] = [1, 2, 3];
export const HINTS = [SAYS_HAIR, SAYS_NOT_HAIR, SAYS_UNKNOWN];
/** Told apart by their patterns, too: yellow and orange are not for everybody. @type {Record<number, [number, number, number]>} */
export const HINT_COLOURS = { [SAYS_HAIR]: [255, 225, 60], [SAYS_NOT_HAIR]: [255, 122, 26], [SAYS_UNKNOWN]: [255, 255, 255] };
const BESIDE = 20; // grey beside the pattern, which is seen on light photos by it
const PERIOD = 6; // pixels from line to line
const MARGIN = 16; // pixels around a hint that are solved again: the band (BAND in curator/touchup/refine.py) on both its sides
const REACH = 24; // pixels: what lies farther from what is solved has no part in it

/** What the right button says instead. @param {number} kind */
export const opposite = (kind) => ({ [SAYS_HAIR]: SAYS_NOT_HAIR, [SAYS_NOT_HAIR]: SAYS_HAIR })[kind] ?? kind;

/** @param {Box} box @param {number} by pixels @param {number} side @returns {Box} */
const grown = ({ left, top, right, bottom }, by, side) => within({ left: left - by, top: top - by, right: right + by, bottom: bottom + by }, side) ?? whole(side);

/** What is solved again around a hint. @param {Hint} hint @param {number} side */
export const solvedBox = ({ box }, side) => grown(box, MARGIN, side);

/** Write a hint over those there are. @param {Uint8Array} hints @param {number} side @param {Hint} hint */
export function mark(hints, side, { kind, drawn, box }) {
  for (let y = box.top; y < box.bottom; y++) {
    for (let i = y * side + box.left; i < y * side + box.right; i++) if (drawn[i] >= HALF) hints[i] = kind;
  }
}

/**
 * Forget the hints where the alpha has been changed since by hand: what was said last holds.
 * @param {Uint8Array} hints @param {number} side @param {Uint8Array} before @param {Uint8Array} after @param {Box} box
 */
export function forgetPainted(hints, side, before, after, box) {
  for (let y = box.top; y < box.bottom; y++) {
    for (let i = y * side + box.left; i < y * side + box.right; i++) if (before[i] !== after[i]) hints[i] = 0;
  }
}

/**
 * Whether everything is still the same that has a part in what is solved within a box.
 * @param {Uint8Array} one @param {Uint8Array} other @param {number} side @param {Box} box
 */
export function sameNear(one, other, side, box) {
  const near = grown(box, REACH, side);
  for (let y = near.top; y < near.bottom; y++) {
    for (let i = y * side + near.left; i < y * side + near.right; i++) if (one[i] !== other[i]) return false;
  }
  return true;
}

/** Copy what lies in a box. @param {Uint8Array} from @param {Uint8Array} to @param {number} side @param {Box} box */
export function copyWithin(from, to, side, { left, top, right, bottom }) {
  for (let y = top; y < bottom; y++) to.set(from.subarray(y * side + left, y * side + right), y * side + left);
}

/**
 * Draw hints within a box: rising lines for hair, falling ones for not hair, dots for unknown, and a line around each.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} layer @param {Uint8Array} hints @param {number} side @param {Box} changed
 */
export function drawHints(layer, hints, side, changed) {
  const box = grown(changed, 1, side); // a rim is seen in the pixels beside it, too
  const image = new ImageData(box.right - box.left, box.bottom - box.top);
  for (let y = box.top, at = 0; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++, at += 4) {
      const kind = hints[y * side + x];
      if (!kind) continue;
      const step = atRim(hints, x, y, side) ? 0 : patternAt(kind, x, y);
      if (step === 0) image.data.set([...HINT_COLOURS[kind], 255], at);
      else if (step === 1) image.data.set([BESIDE, BESIDE, BESIDE, 150], at);
    }
  }
  layer.putImageData(image, box.left, box.top);
}

/** 0 on the pattern, 1 beside it. @param {number} kind @param {number} x @param {number} y */
function patternAt(kind, x, y) {
  if (kind === SAYS_HAIR) return (x + y) % PERIOD;
  if (kind === SAYS_NOT_HAIR) return (x + (PERIOD - 1) * y) % PERIOD;
  return Math.max(x % PERIOD, y % PERIOD);
}

/** @param {Uint8Array} hints @param {number} x @param {number} y @param {number} side */
function atRim(hints, x, y, side) {
  const i = y * side + x;
  const kind = hints[i];
  return (
    (x > 0 && hints[i - 1] !== kind) || (x < side - 1 && hints[i + 1] !== kind) ||
    (y > 0 && hints[i - side] !== kind) || (y < side - 1 && hints[i + side] !== kind)
  );
}
