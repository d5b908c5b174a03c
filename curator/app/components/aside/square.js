// @ts-check
// The square on a photo, as curator/pictures/crop.py has it: pixels of the upright photo, and the degrees that the photo is
// turned to the left to stand upright in the crop. On the photo the square lies turned to the right by as much.
// tests/vectors/square.json binds the two.

const [AROUND, BELOW, ABOVE] = [1.6, 1.2, 0.1]; // a first square: of the hair's width, of its height, of itself above the hair

/** A point of the photo in the square's own directions, from its middle. @param {Square} square @param {Point} point @returns {Point} */
export function within(square, [x, y]) {
  const [cos, sin] = [Math.cos(radians(square)), Math.sin(radians(square))];
  const [dx, dy] = [x - middle(square)[0], y - middle(square)[1]];
  return [dx * cos + dy * sin, dy * cos - dx * sin];
}

/** The inverse of `within`. @param {Square} square @param {Point} point @returns {Point} */
export function onPhoto(square, [across, down]) {
  const [cos, sin] = [Math.cos(radians(square)), Math.sin(radians(square))];
  return [middle(square)[0] + across * cos - down * sin, middle(square)[1] + across * sin + down * cos];
}

/** @param {Square} square */
export const radians = (square) => (square.rotation * Math.PI) / 180;

/** @param {Square} square @returns {Point} */
export const middle = (square) => [square.left + square.side / 2, square.top + square.side / 2];

/** Top left, top right, bottom right, bottom left of the crop, on the photo. @param {Square} square @returns {Point[]} */
export function corners(square) {
  const half = square.side / 2;
  /** @type {Point[]} */
  const places = [[-half, -half], [half, -half], [half, half], [-half, half]];
  return places.map((place) => onPhoto(square, place));
}

/**
 * The square of that middle, side and rotation that is nearest to what makes a crop: its middle on the photo, its side
 * within the limits, its rotation -180 (included) to 180 degrees.
 * @param {Point} middle @param {number} side @param {number} rotation
 * @param {Size} photo @param {SideLimits} limits
 * @returns {Square}
 */
export function squareAt([x, y], side, rotation, { width, height }, { least, most }) {
  side = Math.min(most * Math.max(width, height), Math.max(least, side));
  [x, y] = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  rotation = ((((rotation + 180) % 360) + 360) % 360) - 180;
  return { top: y - side / 2, left: x - side / 2, side, rotation };
}

/**
 * Where a person begins: around the painted hair, with room for the face below it; without hair, the middle of the photo.
 * @param {Size} photo
 * @param {Uint8Array} mask 0 or 1 a pixel, row by row; it may be smaller than the photo
 * @param {number} maskWidth pixels of a row of the mask
 * @param {SideLimits} limits
 */
export function firstSquare(photo, mask, maskWidth, limits) {
  const { width, height } = photo;
  /** @type {number[][]} */
  const [xs, ys] = [[], []];
  const step = Math.max(1, Math.round(maskWidth / 300));
  for (let i = 0; i < mask.length; i++) {
    const [x, y] = [i % maskWidth, Math.floor(i / maskWidth)];
    if (mask[i] && x % step === 0 && y % step === 0) {
      xs.push(x);
      ys.push(y);
    }
  }
  if (!xs.length) return squareAt([width / 2, height / 2], Math.min(width, height), 0, photo, limits);
  const scale = width / maskWidth;
  const spread = (/** @type {number[]} */ places) => {
    places.sort((a, b) => a - b); // crowds leave specks: the outermost hundredth does not count
    return [places[Math.floor(places.length * 0.01)] * scale, places[Math.ceil(places.length * 0.99) - 1] * scale];
  };
  const [[left, right], [top, bottom]] = [spread(xs), spread(ys)];
  const side = Math.max(AROUND * (right - left), BELOW * (bottom - top));
  return squareAt([(left + right) / 2, top + side * (0.5 - ABOVE)], side, 0, photo, limits);
}
