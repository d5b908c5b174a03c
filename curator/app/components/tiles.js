// @ts-check
// Tiles side by side, on the review grid and in the tray: how large they are, where a key goes, what Shift marks, and how one
// that is marked looks.

const LEAST = 124; // CSS pixels: on a smaller tile nobody can see a wrong mask, so the tiles scroll instead
export const GAP = 6; // CSS pixels between tiles, as in tiles.css
export const STEPS = ["left", "right", "up", "down", "first", "last"];
/** The keys of the steps. @type {Record<string, string>} */
export const STEP_KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last" };

/** The largest square tiles of which `count` fit. @param {number} count @param {number} width CSS pixels @param {number} height */
function fitting(count, width, height) {
  let best = { columns: 1, side: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const side = Math.floor(Math.min((width + GAP) / columns, (height + GAP) / rows) - GAP);
    if (side > best.side) best = { columns, side };
  }
  return best;
}

/** Whether `count` tiles fit, none of them too small. @param {number} count @param {number} width CSS pixels @param {number} height */
export const allFit = (count, width, height) => fitting(count, width, height).side >= LEAST;

/**
 * Columns and side of `count` square tiles, as large as the room allows; where they would be too small, they scroll.
 * @param {number} count @param {number} width of the room in CSS pixels @param {number} height
 */
export function arranged(count, width, height) {
  const best = fitting(count, width, height);
  if (best.side >= LEAST) return best;
  const columns = Math.max(2, Math.floor((width + GAP) / (LEAST + GAP)));
  return { columns, side: Math.floor((width + GAP) / columns) - GAP };
}

/**
 * The place that a step leads to, or the same one where there is none.
 * @param {number} at @param {string} step @param {number} columns @param {number} count of tiles
 */
export function stepped(at, step, columns, count) {
  /** @type {Record<string, number>} */
  const places = { left: at - 1, right: at + 1, up: at - columns, down: at + columns, first: 0, last: count - 1 };
  const to = places[step];
  return to >= 0 && to < count ? to : at;
}

/**
 * The marks once those from one place to another, both included, have this one; the others are as they were before.
 * @template Mark
 * @param {Mark[]} before @param {number} from @param {number} to @param {Mark} mark
 */
export function ranged(before, from, to, mark) {
  const [first, last] = [Math.min(from, to), Math.max(from, to)];
  return before.map((was, place) => (place >= first && place <= last ? mark : was));
}

/**
 * The element of a tile: a canvas, and a sign with a word for what it is marked as, in a corner, so that all else of the
 * picture stays in sight. Which sign it is, `data-decision` says: reject or fix.
 * @param {string} title
 */
export function tileElement(title) {
  const element = document.createElement("div");
  Object.assign(element, { className: "tile", tabIndex: -1, title });
  element.setAttribute("role", "option");
  element.innerHTML =
    "<canvas></canvas>" +
    '<span class="mark" aria-hidden="true">' +
    '<svg class="cross" viewBox="0 0 24 24"><path d="M5 5 19 19M19 5 5 19"/></svg>' +
    '<svg class="brush" viewBox="0 0 24 24"><path d="M20 4 11 13M9 14c-2 0-3 1.5-3 3 0 1.2-.9 2-2.5 2.2C4.6 20 6 20.5 7.5 20.5 10 20.5 12 19 12 17s-1.2-3-3-3Z"/></svg>' +
    '<span class="why"></span></span>' +
    '<span class="absent" aria-hidden="true"></span>';
  return element;
}
