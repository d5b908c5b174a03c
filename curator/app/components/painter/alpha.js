// @ts-check
// Operations on an alpha: one byte a pixel, 0 for no hair to 255 for hair, row by row. Each changes it in place and returns the
// box of what it may have changed, in pixels, ends exclusive. Places are (x, y) in pixels; a pixel's centre is at half.

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */

export const HALF = 128; // this much and more is hair, where a yes or no is needed
const SMALL = 0.005; // of all pixels: holes and islands up to this size are slips of the hand
const SUBLINES = 4; // a pixel row is cut into, for a polygon's edge

/** @param {number} side @returns {Box} */
export const whole = (side) => ({ left: 0, top: 0, right: side, bottom: side });

/** The smallest box around both; null is nothing. @param {Box | null} one @param {Box | null} other */
export function union(one, other) {
  if (!one || !other) return one ?? other;
  return {
    left: Math.min(one.left, other.left), top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right), bottom: Math.max(one.bottom, other.bottom),
  };
}

/** The part of a box that lies in the picture; null if none does. @param {Box} box @param {number} side @returns {Box | null} */
export function within({ left, top, right, bottom }, side) {
  const box = {
    left: Math.max(0, Math.floor(left)), top: Math.max(0, Math.floor(top)),
    right: Math.min(side, Math.ceil(right)), bottom: Math.min(side, Math.ceil(bottom)),
  };
  return box.left < box.right && box.top < box.bottom ? box : null;
}

/**
 * One stroke, from pen down to pen up. It remembers how much of each pixel it has covered, so that going over a place twice
 * within a stroke does not double a faint brush.
 */
export class Stroke {
  /**
   * @param {Uint8Array<ArrayBuffer>} alpha what it changes
   * @param {number} side of the picture
   * @param {object} brush
   * @param {number | Uint8Array} brush.value 255 paints hair, 0 erases; or another alpha, which is brushed in
   * @param {number} brush.radius pixels
   * @param {number} [brush.hardness] 0 to 1: the share of the radius that is covered wholly
   * @param {number} [brush.opacity] 0 to 1
   */
  constructor(alpha, side, { value, radius, hardness = 1, opacity = 1 }) {
    this.alpha = alpha;
    this.before = alpha.slice();
    this.cover = new Float32Array(alpha.length);
    this.side = side;
    this.value = value;
    this.radius = radius;
    this.hardness = hardness;
    this.opacity = opacity;
    /** @type {Box | null} */
    this.box = null; // of everything it has changed
  }

  /**
   * Cover the line between two places, as wide as the brush times its pressure there.
   * @param {Point} from @param {Point} to @param {number} [startPressure] 0 to 1 @param {number} [endPressure] 0 to 1
   * @returns {Box | null}
   */
  line([fromX, fromY], [toX, toY], startPressure = 1, endPressure = startPressure) {
    const [startRadius, endRadius] = [this.radius * startPressure, this.radius * endPressure];
    const reach = Math.max(startRadius, endRadius) + 1;
    const box = within({
      left: Math.min(fromX, toX) - reach, top: Math.min(fromY, toY) - reach,
      right: Math.max(fromX, toX) + reach, bottom: Math.max(fromY, toY) + reach,
    }, this.side);
    if (!box) return null;
    const [dx, dy] = [toX - fromX, toY - fromY];
    const length = dx * dx + dy * dy;
    for (let row = box.top; row < box.bottom; row++) {
      for (let column = box.left; column < box.right; column++) {
        const [px, py] = [column + 0.5 - fromX, row + 0.5 - fromY];
        const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        const radius = startRadius + along * (endRadius - startRadius);
        const away = Math.hypot(px - along * dx, py - along * dy);
        if (away < radius + 0.5) this.touch(row * this.side + column, coverage(away, radius, this.hardness));
      }
    }
    this.box = union(this.box, box);
    return box;
  }

  /** Cover a pixel by this much, 0 to 1, if it is not covered more already. @param {number} i @param {number} covered */
  touch(i, covered) {
    if (covered <= this.cover[i]) return;
    this.cover[i] = covered;
    const before = this.before[i];
    const value = typeof this.value === "number" ? this.value : this.value[i];
    this.alpha[i] = Math.round(before + (value - before) * covered * this.opacity);
  }

  /** Take everything back that this stroke did so far. @returns {Box | null} */
  clear() {
    const { box } = this;
    this.alpha.set(this.before);
    this.cover.fill(0);
    this.box = null;
    return box;
  }
}

/**
 * How much of a pixel a round brush covers, 0 to 1, by the distance of the pixel's centre from the brush's.
 * @param {number} away @param {number} radius @param {number} hardness 0 to 1
 */
export function coverage(away, radius, hardness) {
  const fade = Math.max(1, radius * (1 - hardness)); // at least a pixel, so that no edge is jagged
  const depth = Math.min(1, Math.max(0, (radius + 0.5 - away) / fade));
  return fade > 1 ? depth * depth * (3 - 2 * depth) : depth;
}

/**
 * Fill a polygon with a value; where lines cross, the even-odd rule holds.
 * @param {Uint8Array} alpha @param {number} side @param {Point[]} corners @param {number} value 0 to 255
 * @returns {Box | null}
 */
export function fillPolygon(alpha, side, corners, value) {
  if (corners.length < 3) return null;
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  const box = within({ left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) }, side);
  if (!box) return null;
  const covered = new Float32Array(side);
  for (let row = box.top; row < box.bottom; row++) {
    covered.fill(0);
    for (let line = 0; line < SUBLINES; line++) {
      const y = row + (line + 0.5) / SUBLINES;
      const crossings = crossed(corners, y);
      for (let at = 0; at + 1 < crossings.length; at += 2) addSpan(covered, crossings[at], crossings[at + 1], 1 / SUBLINES);
    }
    for (let column = box.left; column < box.right; column++) {
      const i = row * side + column;
      alpha[i] = Math.round(alpha[i] + (value - alpha[i]) * Math.min(1, covered[column]));
    }
  }
  return box;
}

/** Where a polygon's edges cross a horizontal line, from left to right. @param {Point[]} corners @param {number} y */
function crossed(corners, y) {
  const found = [];
  for (let at = 0; at < corners.length; at++) {
    const [[x1, y1], [x2, y2]] = [corners[at], corners[(at + 1) % corners.length]];
    if (y1 <= y !== y2 <= y) found.push(x1 + ((y - y1) / (y2 - y1)) * (x2 - x1));
  }
  return found.sort((a, b) => a - b);
}

/** @param {Float32Array} covered @param {number} from @param {number} to @param {number} weight */
function addSpan(covered, from, to, weight) {
  const [left, right] = [Math.max(0, from), Math.min(covered.length, to)];
  for (let column = Math.floor(left); column < right; column++) {
    covered[column] += weight * (Math.min(right, column + 1) - Math.max(left, column));
  }
}

/**
 * Fill the holes that are slips of the hand: not hair, surrounded by hair, and small.
 * @param {Uint8Array} alpha @param {number} side
 * @returns {Box}
 */
export function fillHoles(alpha, side) {
  for (const part of parts(alpha, side, (value) => value < HALF)) {
    if (!part.atBorder && part.pixels.length <= SMALL * alpha.length) for (const i of part.pixels) alpha[i] = 255;
  }
  return whole(side);
}

/**
 * Remove the islands that are slips of the hand: small, and joined to other hair by nothing.
 * @param {Uint8Array} alpha @param {number} side
 * @returns {Box}
 */
export function dropIslands(alpha, side) {
  for (const { pixels } of parts(alpha, side, (value) => value > 0)) {
    const solid = pixels.filter((i) => alpha[i] >= HALF).length;
    if (solid <= SMALL * alpha.length) for (const i of pixels) alpha[i] = 0;
  }
  return whole(side);
}

/**
 * The connected parts (by sides) of the pixels whose value counts.
 * @param {Uint8Array} alpha @param {number} side @param {(value: number) => boolean} counts
 */
function parts(alpha, side, counts) {
  const seen = new Uint8Array(alpha.length);
  const found = [];
  for (let first = 0; first < alpha.length; first++) {
    if (seen[first] || !counts(alpha[first])) continue;
    const pixels = [first];
    let atBorder = false;
    seen[first] = 1;
    for (let at = 0; at < pixels.length; at++) {
      const i = pixels[at];
      const x = i % side;
      atBorder ||= x === 0 || x === side - 1 || i < side || i >= alpha.length - side;
      for (const next of [x > 0 ? i - 1 : i, x < side - 1 ? i + 1 : i, i - side, i + side]) {
        if (next >= 0 && next < alpha.length && !seen[next] && counts(alpha[next])) {
          seen[next] = 1;
          pixels.push(next);
        }
      }
    }
    found.push({ pixels, atBorder });
  }
  return found;
}

/** Grow the hair by a pixel. @param {Uint8Array} alpha @param {number} side @returns {Box} */
export const grow = (alpha, side) => neighbours(alpha, side, Math.max);

/** Shrink the hair by a pixel. @param {Uint8Array} alpha @param {number} side @returns {Box} */
export const shrink = (alpha, side) => neighbours(alpha, side, Math.min);

/** @param {Uint8Array} alpha @param {number} side @param {(...values: number[]) => number} choose @returns {Box} */
function neighbours(alpha, side, choose) {
  const was = alpha.slice();
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const left = x > 0 ? was[i - 1] : was[i];
      const right = x < side - 1 ? was[i + 1] : was[i];
      const above = y > 0 ? was[i - side] : was[i];
      const below = y < side - 1 ? was[i + side] : was[i];
      alpha[i] = choose(was[i], left, right, above, below);
    }
  }
  return whole(side);
}

/**
 * Round the outline: corners and frays of a pixel or two go; flat parts stay as they are.
 * @param {Uint8Array} alpha @param {number} side
 * @returns {Box}
 */
export function smooth(alpha, side) {
  let values = Float32Array.from(alpha);
  for (const step of [1, side, 1, side]) values = blurred(values, side, step);
  // A blur alone would make every hard edge soft: twice as steep around one half, it stays about as soft as it was.
  for (let i = 0; i < alpha.length; i++) alpha[i] = Math.min(255, Math.max(0, Math.round(2 * (values[i] - 127.5) + 127.5)));
  return whole(side);
}

/** Blurred by 1, 4, 6, 4, 1 along rows (step 1) or columns. @param {Float32Array} values @param {number} side @param {number} step */
function blurred(values, side, step) {
  const out = new Float32Array(values.length);
  const last = side - 1;
  for (let i = 0; i < values.length; i++) {
    const at = step === 1 ? i % side : Math.floor(i / side);
    const near = (/** @type {number} */ by) => values[i + (Math.min(last, Math.max(0, at + by)) - at) * step];
    out[i] = (near(-2) + near(2) + 4 * (near(-1) + near(1)) + 6 * values[i]) / 16;
  }
  return out;
}

/**
 * Fill the superpixels that a line touches.
 * @param {Uint8Array} alpha @param {Uint16Array} labels one a pixel @param {number} side
 * @param {Point} from @param {Point} to @param {number} value 0 to 255 @param {Set<number>} filled those filled already
 * @returns {Box | null}
 */
export function fillSuperpixels(alpha, labels, side, [fromX, fromY], [toX, toY], value, filled) {
  const steps = Math.max(1, Math.ceil(Math.hypot(toX - fromX, toY - fromY)));
  const fresh = new Set();
  for (let step = 0; step <= steps; step++) {
    const [x, y] = [fromX + ((toX - fromX) * step) / steps, fromY + ((toY - fromY) * step) / steps];
    if (x < 0 || y < 0 || x >= side || y >= side) continue;
    const label = labels[Math.floor(y) * side + Math.floor(x)];
    if (!filled.has(label)) fresh.add(label);
  }
  if (!fresh.size) return null;
  /** @type {Box | null} */
  let box = null;
  for (let i = 0; i < labels.length; i++) {
    if (!fresh.has(labels[i])) continue;
    alpha[i] = value;
    const [x, y] = [i % side, Math.floor(i / side)];
    box = union(box, { left: x, top: y, right: x + 1, bottom: y + 1 });
  }
  for (const label of fresh) filled.add(label);
  return box;
}
