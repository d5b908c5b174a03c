// The pictures of a deck, fetched and decoded before they are wanted.

import { bitmap, EDGE, maskBytes, SIDE, tintOf } from "../shared.js";

const LOADERS = 4; // at a time; the one on screen needn't wait for them
const SOLID = [0, 132, 255, 255]; // the tint's colour; how much of it is seen is a matter of the view
const CLEAR = [0, 0, 0, 0];

/** example -> {photo, alpha, edge} once decoded (bitmaps: the photo, what the mask covers, a line along its edge), or {missing}. */
export class Pictures {
  constructor(arrived) {
    this.arrived = arrived; // called with an example whose picture is there, or is known to be missing
    this.held = new Map();
    this.wanted = new Map();
    this.loading = 0;
  }

  close() {
    this.closed = true;
    this.want([]);
  }

  /** The picture of an example, undefined while there is none yet. */
  of(example) {
    const picture = this.held.get(example);
    return picture?.photo || picture?.missing ? picture : undefined;
  }

  /** Hold the pictures of these cards, the first as soon as can be, and of no others. */
  want(cards) {
    this.wanted = new Map(cards.map((card) => [card.example, card]));
    for (const [example, picture] of this.held) if (!this.wanted.has(example)) this.drop(example, picture);
    this.fetch();
  }

  fetch() {
    let first = true;
    for (const [example, card] of this.wanted) {
      if (!this.held.has(example) && (first || this.loading < LOADERS)) this.load(card);
      first = false;
    }
  }

  async load(card) {
    const picture = {};
    this.held.set(card.example, picture);
    this.loading++;
    let later = false;
    try {
      Object.assign(picture, await decoded(card));
    } catch (error) {
      if (error.missing) picture.missing = true;
      else later = true; // the network: ask again
    } finally {
      this.loading--;
    }
    if (this.held.get(card.example) !== picture) this.release(picture); // not wanted any more
    else if (later) {
      this.held.delete(card.example);
      setTimeout(() => this.fetch(), 1000);
      return;
    } else this.arrived(card.example);
    if (!this.closed) this.fetch();
  }

  drop(example, picture) {
    this.held.delete(example);
    this.release(picture);
  }

  release({ photo, alpha, edge }) {
    for (const layer of [photo, alpha, edge]) layer?.close();
  }
}

async function decoded(card) {
  const [photo, painted] = await Promise.all([bitmap(card.image), bitmap(card.mask)]);
  const mask = maskBytes(painted);
  painted.close();
  const layers = [[SOLID, SOLID], [CLEAR, EDGE]].map((colours) => tintOf(mask, 0, 0, SIDE, SIDE, colours));
  const [alpha, edge] = await Promise.all(layers.map((layer) => createImageBitmap(layer)));
  return { photo, alpha, edge };
}
