// @ts-check
// Where the picture lies on its canvas: zoomed around a place, moved, pinched. A view is the place of the picture at the middle of
// the canvas, and how close it is; at 1 the whole picture fits. Places on the canvas are CSS pixels from its corner.

export const CLOSEST = 16;

/** @typedef {{zoom: number, x: number, y: number}} View x and y in pixels of the picture */
/** @typedef {{width: number, height: number, side: number}} Pane the canvas in CSS pixels, the picture in its own */

/** @param {number} side @returns {View} */
export const wholeView = (side) => ({ zoom: 1, x: side / 2, y: side / 2 });

/** CSS pixels a pixel of the picture. @param {View} view @param {Pane} pane */
export const scaleOf = ({ zoom }, { width, height, side }) => (zoom * Math.min(width, height)) / side;

/** The place of the picture under a place of the canvas. @param {View} view @param {Pane} pane @param {Point} at @returns {Point} */
export function placeUnder(view, pane, [x, y]) {
  const scale = scaleOf(view, pane);
  return [view.x + (x - pane.width / 2) / scale, view.y + (y - pane.height / 2) / scale];
}

/** The view with the picture kept in sight: no empty canvas beside it as long as it is larger. @param {View} view @param {Pane} pane @returns {View} */
export function settled(view, pane) {
  const zoom = Math.min(CLOSEST, Math.max(1, view.zoom));
  const scale = scaleOf({ ...view, zoom }, pane);
  const within = (/** @type {number} */ at, /** @type {number} */ length) => {
    const half = Math.min(pane.side / 2, length / 2 / scale);
    return Math.min(pane.side - half, Math.max(half, at));
  };
  return { zoom, x: within(view.x, pane.width), y: within(view.y, pane.height) };
}

/** The view that shows a place of the picture under a place of the canvas. @param {number} zoom @param {Point} place @param {Point} at @param {Pane} pane */
function showing(zoom, [placeX, placeY], [x, y], pane) {
  const close = Math.min(CLOSEST, Math.max(1, zoom));
  const scale = scaleOf({ zoom: close, x: 0, y: 0 }, pane);
  return settled({ zoom: close, x: placeX - (x - pane.width / 2) / scale, y: placeY - (y - pane.height / 2) / scale }, pane);
}

/** Closer or farther by a factor; what is under a place of the canvas stays there. @param {View} view @param {number} factor @param {Point} at @param {Pane} pane */
export const zoomed = (view, factor, at, pane) => showing(view.zoom * factor, placeUnder(view, pane, at), at, pane);

/** Moved with the hand, by CSS pixels. @param {View} view @param {number} right @param {number} down @param {Pane} pane */
export function moved(view, right, down, pane) {
  const scale = scaleOf(view, pane);
  return settled({ ...view, x: view.x - right / scale, y: view.y - down / scale }, pane);
}

/**
 * What two fingers make of a view: what was under them when the second came down stays under them.
 * @param {View} view then @param {[Point, Point]} from where they were @param {[Point, Point]} to and are now @param {Pane} pane
 */
export function pinched(view, from, to, pane) {
  const apart = (/** @type {[Point, Point]} */ [one, other]) => Math.max(10, Math.hypot(one[0] - other[0], one[1] - other[1]));
  const [was, is] = [from, to].map(([one, other]) => /** @type {Point} */ ([(one[0] + other[0]) / 2, (one[1] + other[1]) / 2]));
  return showing((view.zoom * apart(to)) / apart(from), placeUnder(view, pane, was), is, pane);
}
