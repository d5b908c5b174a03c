// @ts-check
// How an alpha is seen over its photo: as a tint, an outline, a cut-out, or hair of another colour.

import { HALF, whole, within } from "./alpha.js";

/** @import { Box } from "./alpha.js" */
/** @typedef {"tint" | "outline" | "cutout" | "colour"} Look */
/** @typedef {"grey" | "black" | "white" | "checks"} Backdrop */
/** @typedef {{look: Look, backdrop: Backdrop, colour: [number, number, number], opacity: number}} Seeing opacity: 0 to 1 */

const CHECK = 16; // pixels
/** @type {Record<Backdrop, [number, number]>} */
const GREYS = { grey: [128, 128], black: [0, 0], white: [255, 255], checks: [200, 120] };
const DARK = 24; // grey of the outline's outer line
const HAIR = [0.299, 0.587, 0.114]; // weights of red, green and blue in luma (ITU-R BT.601)

/**
 * Draw an alpha into the layer over the photo, within a box.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} layer @param {Uint8Array} alpha @param {number} side
 * @param {Seeing} seeing @param {Uint8ClampedArray} photo RGBA, or the hair's own colours @param {Box} [changed] all of it when left out
 */
export function drawLayer(layer, alpha, side, seeing, photo, changed = whole(side)) {
  // An edge is seen in the pixels beside it, too.
  const box = within({ left: changed.left - 1, top: changed.top - 1, right: changed.right + 1, bottom: changed.bottom + 1 }, side);
  if (!box) return;
  const image = new ImageData(box.right - box.left, box.bottom - box.top);
  const paint = PAINTERS[seeing.look];
  for (let y = box.top, at = 0; y < box.bottom; y++) {
    for (let x = box.left; x < box.right; x++, at += 4) paint(image.data, at, alpha, y * side + x, x, y, side, seeing, photo);
  }
  layer.putImageData(image, box.left, box.top);
}

/** Whether the hair ends between a pixel and a pixel beside it. @param {Uint8Array} alpha @param {number} i @param {number} x @param {number} y @param {number} side */
function atEdge(alpha, i, x, y, side) {
  const hair = alpha[i] >= HALF;
  return (
    (x > 0 && alpha[i - 1] >= HALF !== hair) || (x < side - 1 && alpha[i + 1] >= HALF !== hair) ||
    (y > 0 && alpha[i - side] >= HALF !== hair) || (y < side - 1 && alpha[i + side] >= HALF !== hair)
  );
}

/** @param {Uint8ClampedArray} data @param {number} at @param {number} red @param {number} green @param {number} blue @param {number} opacity 0 to 255 */
function put(data, at, red, green, blue, opacity) {
  data[at] = red;
  data[at + 1] = green;
  data[at + 2] = blue;
  data[at + 3] = opacity;
}

/**
 * What each look makes of a pixel.
 * @type {Record<Look, (data: Uint8ClampedArray, at: number, alpha: Uint8Array, i: number, x: number, y: number, side: number, seeing: Seeing, photo: Uint8ClampedArray) => void>}
 */
const PAINTERS = {
  tint(data, at, alpha, i, x, y, side, { colour: [red, green, blue], opacity }) {
    const edge = alpha[i] >= HALF && atEdge(alpha, i, x, y, side);
    put(data, at, red, green, blue, edge ? 255 * Math.min(1, 2.5 * opacity) : alpha[i] * opacity);
  },
  outline(data, at, alpha, i, x, y, side, { colour: [red, green, blue], opacity }) {
    if (!atEdge(alpha, i, x, y, side)) return;
    if (alpha[i] >= HALF) put(data, at, red, green, blue, 255 * opacity);
    else put(data, at, DARK, DARK, DARK, 200 * opacity); // dark beside light is seen on every photo
  },
  cutout(data, at, alpha, i, x, y, _side, { backdrop, opacity }) {
    const grey = GREYS[backdrop][(Math.floor(x / CHECK) + Math.floor(y / CHECK)) % 2];
    put(data, at, grey, grey, grey, (255 - alpha[i]) * opacity);
  },
  colour(data, at, alpha, i, _x, _y, _side, { colour, opacity }, photo) {
    const light = HAIR[0] * photo[4 * i] + HAIR[1] * photo[4 * i + 1] + HAIR[2] * photo[4 * i + 2];
    const own = HAIR[0] * colour[0] + HAIR[1] * colour[1] + HAIR[2] * colour[2];
    // The photo's light and the colour's tone; dark hair shows the colour as little as dyed dark hair does.
    const tone = Math.min(1, 0.35 + light / 160);
    const [red, green, blue] = colour.map((part) => light + (part - own) * tone);
    put(data, at, red, green, blue, alpha[i] * opacity);
  },
};
