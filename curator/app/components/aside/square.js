// The square on a photo, as curator/crop.py has it: pixels of the upright photo, and degrees that the photo is turned to
// the left to stand upright in the crop. On the photo the square lies turned to the right by as much.

const LEAST = 64; // pixels of the photo, as in curator/aside.py
const [AROUND, BELOW, ABOVE] = [1.6, 1.2, 0.1]; // a first square: of the hair's width, of its height, of itself over the hair

/** A place of the photo [x, y] in the square's own directions, from its middle. */
export function within(square, [x, y]) {
  const [cos, sin] = [Math.cos(radians(square)), Math.sin(radians(square))];
  const [dx, dy] = [x - middle(square)[0], y - middle(square)[1]];
  return [dx * cos + dy * sin, dy * cos - dx * sin];
}

/** The inverse of `within`. */
export function onPhoto(square, [across, down]) {
  const [cos, sin] = [Math.cos(radians(square)), Math.sin(radians(square))];
  return [middle(square)[0] + across * cos - down * sin, middle(square)[1] + across * sin + down * cos];
}

export const radians = (square) => (square.rotation * Math.PI) / 180;
export const middle = (square) => [square.left + square.side / 2, square.top + square.side / 2];
export const corners = (square) => [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => onPhoto(square, [(x * square.side) / 2, (y * square.side) / 2]));

/** A square of that side and turn about a middle; the middle stays on the photo, the side within what makes a crop. */
export function squareAt([x, y], side, rotation, { width, height }) {
  side = Math.min(3 * Math.max(width, height), Math.max(LEAST, side));
  [x, y] = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  rotation = ((((rotation + 180) % 360) + 360) % 360) - 180;
  return { top: y - side / 2, left: x - side / 2, side, rotation };
}

/** Where one would begin: around the painted hair, with room for the face below it; else the middle of the photo. */
export function firstSquare({ width, height }, mask, maskWidth) {
  const [xs, ys] = [[], []];
  const step = Math.max(1, Math.round(maskWidth / 300));
  for (let i = 0; i < mask.length; i++) {
    const [x, y] = [i % maskWidth, Math.floor(i / maskWidth)];
    if (mask[i] && x % step === 0 && y % step === 0) {
      xs.push(x);
      ys.push(y);
    }
  }
  if (!xs.length) return squareAt([width / 2, height / 2], Math.min(width, height), 0, { width, height });
  const scale = width / maskWidth;
  const spread = (places) => {
    places.sort((a, b) => a - b); // crowds leave specks: the outermost hundredth doesn't count
    return [places[Math.floor(places.length * 0.01)] * scale, places[Math.ceil(places.length * 0.99) - 1] * scale];
  };
  const [[left, right], [top, bottom]] = [spread(xs), spread(ys)];
  const side = Math.max(AROUND * (right - left), BELOW * (bottom - top));
  return squareAt([(left + right) / 2, top + side * (0.5 - ABOVE)], side, 0, { width, height });
}
