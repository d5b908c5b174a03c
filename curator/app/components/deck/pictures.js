// @ts-check
// The pictures of a deck, fetched and decoded before they are shown.

import { closePicture, decoded } from "../looks.js";
import { RouteError } from "../shared.js";

/** @import { Picture } from "../looks.js" */

const LOADERS = 4; // at a time; the one on screen need not wait for them

export class Pictures {
  /**
   * @param {Tint} tint
   * @param {(example: number) => void} arrived called when the picture of an example is there, or known to be missing
   */
  constructor(tint, arrived) {
    this.tint = tint;
    this.arrived = arrived;
    /** @type {Map<number, Picture>} */
    this.held = new Map(); // by example; empty while it is on its way
    /** @type {Map<number, Card>} */
    this.wanted = new Map();
    this.loading = 0;
  }

  close() {
    this.closed = true;
    this.want([]);
  }

  /** Draw the masks in another colour: all are made anew. @param {Tint} tint */
  use(tint) {
    this.tint = tint;
    for (const [example, picture] of this.held) this.drop(example, picture);
    this.fetch();
  }

  /** The picture of an example, undefined while there is none yet. @param {number} example */
  of(example) {
    const picture = this.held.get(example);
    return picture?.photo || picture?.missing ? picture : undefined;
  }

  /** Hold the pictures of these cards and no others, the first as soon as possible. @param {Card[]} cards */
  want(cards) {
    this.wanted = new Map(cards.map((card) => [card.example, card]));
    for (const [example, picture] of this.held) if (!this.wanted.has(example)) this.drop(example, picture);
    this.fetch();
  }

  fetch() {
    const [first] = this.wanted.keys();
    for (const [example, card] of this.wanted) {
      if (!this.held.has(example) && (example === first || this.loading < LOADERS)) this.load(card);
      if (example === first && !this.of(example)) return; // it has a slow line to itself
    }
  }

  /** @param {Card} card */
  async load(card) {
    /** @type {Picture} */
    const picture = {};
    this.held.set(card.example, picture);
    this.loading++;
    let later = false;
    try {
      Object.assign(picture, await decoded(card, this.tint));
    } catch (error) {
      if (error instanceof RouteError && error.missing) picture.missing = true;
      else later = true; // the network: ask again
    } finally {
      this.loading--;
    }
    if (this.held.get(card.example) !== picture) closePicture(picture); // not wanted any more
    else if (later) {
      this.held.delete(card.example);
      setTimeout(() => this.fetch(), 1000);
      return;
    } else this.arrived(card.example);
    if (!this.closed) this.fetch();
  }

  /** @param {number} example @param {Picture} picture */
  drop(example, picture) {
    this.held.delete(example);
    closePicture(picture);
  }
}
