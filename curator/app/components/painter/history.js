// @ts-check
// Undo and redo. A step keeps only the tiles of the alpha that it changed, before and after.

import { union } from "./alpha.js";

/** @import { Box } from "./alpha.js" */
/** @typedef {{tile: number, before: Uint8Array, after: Uint8Array}[]} Step */

const TILE = 32; // pixels
const STEPS = 100; // that can be undone

export class History {
  /** @type {Step[]} */
  past = [];
  /** @type {Step[]} */
  future = [];

  /** @param {number} side of the alpha, a multiple of 32 */
  constructor(side) {
    this.side = side;
  }

  /**
   * Remember what changed within a box. Returns whether anything did.
   * @param {Uint8Array} before @param {Uint8Array} after @param {Box} box
   */
  record(before, after, box) {
    /** @type {Step} */
    const step = [];
    for (const tile of this.tiles(box)) {
      const [old, now] = [this.cut(before, tile), this.cut(after, tile)];
      if (old.some((value, i) => value !== now[i])) step.push({ tile, before: old, after: now });
    }
    if (!step.length) return false;
    this.past.push(step);
    if (this.past.length > STEPS) this.past.shift();
    this.future = [];
    return true;
  }

  /** Take back the last step. @param {Uint8Array} alpha @returns {Box | null} what changed */
  undo(alpha) {
    return this.move(alpha, this.past, this.future, "before");
  }

  /** Do it again. @param {Uint8Array} alpha @returns {Box | null} what changed */
  redo(alpha) {
    return this.move(alpha, this.future, this.past, "after");
  }

  /** @param {Uint8Array} alpha @param {Step[]} from @param {Step[]} to @param {"before" | "after"} which @returns {Box | null} */
  move(alpha, from, to, which) {
    const step = from.pop();
    if (!step) return null;
    to.push(step);
    /** @type {Box | null} */
    let changed = null;
    for (const part of step) {
      const { left, top, right, bottom } = this.boxOf(part.tile);
      for (let y = top, at = 0; y < bottom; y++, at += TILE) alpha.set(part[which].subarray(at, at + TILE), y * this.side + left);
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

  /** @param {Uint8Array} alpha @param {number} tile */
  cut(alpha, tile) {
    const { left, top, bottom } = this.boxOf(tile);
    const found = new Uint8Array(TILE * TILE);
    for (let y = top, at = 0; y < bottom; y++, at += TILE) {
      const from = y * this.side + left;
      found.set(alpha.subarray(from, from + TILE), at);
    }
    return found;
  }
}
