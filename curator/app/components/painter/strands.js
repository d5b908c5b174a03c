// @ts-check
// Strands of hair: which way the hair runs at each place of the photo, and a stroke that runs with it.
//
// The direction is that of the structure tensor's smaller eigenvalue: across it, the brightness changes least (Bigün and
// Granlund 1987, "Optimal orientation detection of linear symmetry", ICCV).

const WINDOW = 4; // pixels around a place that decide together
const STEP = 2; // pixels of a strand at a time
const TRUST = 0.8; // the most that the photo decides; the hand decides the rest
const ENOUGH = 4; // of gradient energy, squared grey levels: less is a flat place, where the hand decides alone

/** @typedef {{side: number, x: Float32Array, y: Float32Array, sure: Float32Array}} Field a unit vector a pixel, and how sure it is, 0 to 1 */

/**
 * The field of a photo.
 * @param {Uint8ClampedArray} rgba the photo's pixels @param {number} side
 * @returns {Field}
 */
export function hairField(rgba, side) {
  const grey = new Float32Array(side * side);
  for (let i = 0; i < grey.length; i++) grey[i] = 0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2];
  const [xx, xy, yy] = [0, 0, 0].map(() => new Float32Array(grey.length));
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      const i = y * side + x;
      const [dx, dy] = [(grey[i + 1] - grey[i - 1]) / 2, (grey[i + side] - grey[i - side]) / 2];
      [xx[i], xy[i], yy[i]] = [dx * dx, dx * dy, dy * dy];
    }
  }
  const [a, b, c] = [xx, xy, yy].map((part) => averaged(part, side));
  /** @type {Field} */
  const field = { side, x: a, y: b, sure: c };
  for (let i = 0; i < grey.length; i++) {
    const energy = a[i] + c[i];
    const spread = Math.hypot(a[i] - c[i], 2 * b[i]);
    const across = Math.atan2(2 * b[i], a[i] - c[i]) / 2; // where the brightness changes most
    [field.x[i], field.y[i]] = [-Math.sin(across), Math.cos(across)];
    field.sure[i] = energy > ENOUGH ? spread / energy : 0;
  }
  return field;
}

/** The mean over the window around each pixel. @param {Float32Array} values @param {number} side */
function averaged(values, side) {
  for (const step of [1, side]) {
    const out = new Float32Array(values.length);
    for (let line = 0; line < side; line++) {
      const start = step === 1 ? line * side : line;
      let sum = 0;
      for (let at = -WINDOW; at < side; at++) {
        if (at + WINDOW < side) sum += values[start + (at + WINDOW) * step];
        if (at - WINDOW - 1 >= 0) sum -= values[start + (at - WINDOW - 1) * step];
        if (at >= 0) out[start + at * step] = sum / (2 * WINDOW + 1);
      }
    }
    values = out;
  }
  return values;
}

/**
 * The places of a strand from one place to another: it runs with the hair where the photo shows which way that is, and
 * otherwise straight. It ends where it comes no nearer to the other place.
 * @param {Field} field @param {Point} from @param {Point} to
 * @returns {Point[]} at least the first place
 */
export function strand(field, from, to) {
  /** @type {Point[]} */
  const places = [from];
  let [x, y] = from;
  let left = Math.hypot(to[0] - x, to[1] - y);
  const most = (2 * left) / STEP; // a detour of twice the length is no strand
  while (left > STEP && places.length <= most + 1) {
    const [toX, toY] = [(to[0] - x) / left, (to[1] - y) / left];
    const i = Math.min(field.side - 1, Math.max(0, Math.floor(y))) * field.side + Math.min(field.side - 1, Math.max(0, Math.floor(x)));
    const sign = field.x[i] * toX + field.y[i] * toY < 0 ? -1 : 1;
    // Close to its end, the hand decides more and more: a strand ends where the pen is.
    const trust = TRUST * field.sure[i] * Math.min(1, left / (8 * STEP));
    const [dx, dy] = [trust * sign * field.x[i] + (1 - trust) * toX, trust * sign * field.y[i] + (1 - trust) * toY];
    const length = Math.hypot(dx, dy) || 1;
    [x, y] = [x + (STEP * dx) / length, y + (STEP * dy) / length];
    places.push([x, y]);
    left = Math.hypot(to[0] - x, to[1] - y);
  }
  if (left > 0) places.push(to);
  return places;
}

/**
 * How wide a strand is at a share of its length, 0 to 1: full over most of it, then tapering to a point.
 * @param {number} share
 */
export const taper = (share) => (share < 0.35 ? 1 : Math.max(0.08, Math.sqrt((1 - share) / 0.65)));
