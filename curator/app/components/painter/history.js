// @ts-check
// Undo and redo. A step keeps only the tiles of the alpha and of the hints that it changed, before and after.

import { union } from "./alpha.js";

/** @import { Box } from "./alpha.js" */
/** What is painted: one byte a pixel each, row by row. @typedef {{alpha: Uint8Array, hints: Uint8Array}} Planes */
/** @typedef {{plane: keyof Planes, tile: number, before: Uint8Array, after: Uint8Array}[]} Step */

const TILE = 32; // pixels
const STEPS = 100; // that can be undone
/** @type {(keyof Planes)[]} */
const PLANES = ["alpha", "hints"];

export class History {
  /** @type {Step[]} */
  past = [];
  /** @type {Step[]} */
  future = [];

  /** @param {number} side of the picture, a multiple of 32 */
  constructor(side) {
    this.side = side;
  }

  /**
   * Remember what changed within a box. Returns whether anything did.
   * @param {Planes} before @param {Planes} after @param {Box} box
   */
  record(before, after, box) {
    /** @type {Step} */
    const step = [];
    for (const plane of PLANES) {
      for (const tile of this.tiles(box)) {
        const [old, now] = [this.cut(before[plane], tile), this.cut(after[plane], tile)];
        if (old.some((value, i) => value !== now[i])) step.push({ plane, tile, before: old, after: now });
      }
    }
    if (!step.length) return false;
    this.past.push(step);
    if (this.past.length > STEPS) this.past.shift();
    this.future = [];
    return true;
  }

  /** Take back the last step. @param {Planes} planes @returns {Box | null} what changed */
  undo(planes) {
    return this.move(planes, this.past, this.future, "before");
  }

  /** Do it again. @param {Planes} planes @returns {Box | null} what changed */
  redo(planes) {
    return this.move(planes, this.future, this.past, "after");
  }

  /** @param {Planes} planes @param {Step[]} from @param {Step[]} to @param {"before" | "after"} which @returns {Box | null} */
  move(planes, from, to, which) {
    const step = from.pop();
    if (!step) return null;
    to.push(step);
    /** @type {Box | null} */
    let changed = null;
    for (const part of step) {
      const { left, top, right, bottom } = this.boxOf(part.tile);
      for (let y = top, at = 0; y < bottom; y++, at += TILE) planes[part.plane].set(part[which].subarray(at, at + TILE), y * this.side + left);
      changed = union(changed, { left, top, right, bottom });
    }
    return changed;
  }

  /** The tiles that a box touches, by their numbers. @param {Box} box */
  tiles({ left, top, right, bottom }) {
    const found = [];
    for (let row = Math.floor(top / TILE); row * TILE < bottom; row++) {
      for (let column = Math.floor(left / TILE); column * TILE < right; column++) found.push((row * this.side) / TILE + column);
    }
    return found;
  }

  /** @param {number} tile @returns {Box} */
  boxOf(tile) {
    const across = this.side / TILE;
    const [left, top] = [(tile % across) * TILE, Math.floor(tile / across) * TILE];
    return { left, top, right: left + TILE, bottom: top + TILE };
  }

  /** @param {Uint8Array} plane @param {number} tile */
  cut(plane, tile) {
    const { left, top, bottom } = this.boxOf(tile);
    const found = new Uint8Array(TILE * TILE);
    for (let y = top, at = 0; y < bottom; y++, at += TILE) {
      const from = y * this.side + left;
      found.set(plane.subarray(from, from + TILE), at);
    }
    return found;
  }
}
