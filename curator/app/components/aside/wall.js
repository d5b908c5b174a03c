// @ts-check
// The wall: many photos of the tray at a glance. Those that show nobody are chosen and discarded together.

import { RouteError, topOf } from "../shared.js";
import { arranged, GAP, ranged, stepped, tileElement } from "../tiles.js";

/** @import { Photo } from "./aside.js" */

/** A photo and the tint of its mask, decoded, of one size. @typedef {{photo: ImageBitmap, tint: OffscreenCanvas, width: number, height: number}} Decoded */

export const WALL = 24; // photos at a time
export const AGAIN_MS = 1000; // before a picture is fetched again that did not come
const LOADERS = 3; // previews fetched at a time: the server decodes a whole photo for each

/** @type {WeakMap<Element, Hung>} */
const byTile = new WeakMap();

/** The photo on the wall that an element belongs to. @param {EventTarget | null | undefined} target */
export const hungAt = (target) => (target instanceof Element ? byTile.get(target.closest(".tile") ?? target) : undefined);

/** A photo on the wall. */
class Hung {
  chosen = false;
  loading = false;
  failed = false;
  /** @type {Decoded | null} */
  picture = null;

  /** @param {Photo} photo */
  constructor(photo) {
    this.photo = photo;
    this.element = tileElement(photo.photo);
    this.element.dataset.submission = String(photo.submission);
    this.element.dataset.decision = "reject";
    byTile.set(this.element, this);
    this.tell();
  }

  /** @param {boolean} chosen */
  choose(chosen) {
    this.chosen = chosen;
    this.tell();
  }

  tell() {
    const { element, photo, chosen, picture, failed } = this;
    element.setAttribute("aria-label", `${photo.photo}${chosen ? ", to be discarded" : ""}${failed ? ", cannot be shown" : ""}`);
    element.setAttribute("aria-selected", String(chosen));
    element.dataset.state = picture ? "showing" : failed ? "missing" : "loading";
    element.querySelector(".why")?.replaceChildren("discard");
    element.querySelector(".absent")?.replaceChildren(failed ? "Cannot be shown" : "");
  }

  /** @param {boolean} masked */
  draw(masked) {
    const canvas = this.element.querySelector("canvas");
    const context = canvas?.getContext("2d");
    if (!canvas || !context || !this.picture) return;
    const { photo, tint, width, height } = this.picture;
    Object.assign(canvas, { width, height });
    context.drawImage(photo, 0, 0);
    if (masked) context.drawImage(tint, 0, 0);
  }
}

export class Wall {
  /** @type {Hung[]} */
  hung = [];
  /** The one that the keys are about. @type {Hung | null} */
  current = null;
  /** What Shift chooses: from which photo, whether it chooses or not, and what was chosen before. @type {{from: Hung, chosen: boolean, before: boolean[]} | null} */
  range = null;
  columns = 6;
  loading = 0;
  owed = false; // the focus was on a photo, and is given back when one hangs again
  closed = false;

  /**
   * @param {HTMLElement} tiles where they hang
   * @param {object} on
   * @param {(photo: Photo) => Promise<Decoded>} on.decoded a small picture of a photo
   * @param {() => void} on.changed called when other photos are chosen
   * @param {() => boolean} on.masked whether masks are shown
   */
  constructor(tiles, { decoded, changed, masked }) {
    this.tiles = tiles;
    this.decoded = decoded;
    this.changed = changed;
    this.masked = masked;
  }

  /** Fetch no more. */
  close() {
    this.closed = true;
  }

  /** Hang these photos; those that hang already stay as they are. @param {Photo[]} photos */
  hang(photos) {
    const known = new Map(this.hung.map((one) => [one.photo.submission, one]));
    const at = this.current ? this.hung.indexOf(this.current) : 0;
    const { activeElement } = /** @type {ShadowRoot} */ (this.tiles.getRootNode());
    const focused = this.tiles.contains(activeElement) || (this.owed && !activeElement);
    this.owed = focused && !photos.length;
    this.hung = photos.map((photo) => known.get(photo.submission) ?? new Hung(photo));
    this.tiles.replaceChildren(...this.hung.map(({ element }) => element));
    this.range = null;
    const still = this.hung.find((one) => one === this.current);
    this.current = null;
    this.go(still ?? this.hung[Math.min(at, this.hung.length - 1)], focused);
    this.arrange();
    this.prefetch();
    this.changed();
  }

  get photos() {
    return this.hung.map(({ photo }) => photo);
  }

  /** The photos that are chosen. */
  get chosen() {
    return this.hung.filter((one) => one.chosen).map(({ photo }) => photo);
  }

  /** Make the tiles as large as the window leaves room for. */
  arrange() {
    const room = window.innerHeight - topOf(this.tiles) - 2 * GAP;
    const { columns, side } = arranged(WALL, this.tiles.clientWidth, room);
    this.columns = columns;
    this.tiles.style.gridTemplateColumns = `repeat(${columns}, ${side}px)`;
  }

  /** @param {Hung | undefined} one */
  go(one, focuses = true) {
    if (!one) return;
    for (const other of this.hung) {
      other.element.tabIndex = other === one ? 0 : -1;
      other.element.toggleAttribute("data-current", other === one);
    }
    this.current = one;
    if (focuses) one.element.focus();
  }

  /** Go a step; with Shift, choose all on the way. @param {string} step @param {boolean} ranges */
  step(step, ranges) {
    if (!this.current) return;
    const to = this.hung[stepped(this.hung.indexOf(this.current), step, this.columns, this.hung.length)];
    if (ranges) return this.reach(to);
    this.range = null;
    this.go(to);
  }

  /** Choose a photo, or not any more. @param {Hung | null} one */
  toggle(one) {
    if (!one) return;
    this.range = null;
    this.go(one);
    one.choose(!one.chosen);
    this.changed();
  }

  /** Choose all from where a range begins, at the current photo, to this one. @param {Hung} to */
  reach(to) {
    const from = this.range?.from ?? this.current ?? to;
    this.range ??= { from, chosen: true, before: this.hung.map(({ chosen }) => chosen) };
    this.go(to);
    const chosen = ranged(this.range.before, this.hung.indexOf(from), this.hung.indexOf(to), this.range.chosen);
    for (const [place, one] of this.hung.entries()) one.choose(chosen[place]);
    this.changed();
  }

  /** Choose all photos, or none where all are chosen. */
  all() {
    const every = this.hung.every(({ chosen }) => chosen);
    this.range = null;
    for (const one of this.hung) one.choose(!every);
    this.changed();
  }

  draw() {
    for (const one of this.hung) one.draw(this.masked());
  }

  prefetch() {
    for (const one of this.hung) {
      if (this.closed || this.loading >= LOADERS) return;
      if (!one.picture && !one.failed && !one.loading) this.load(one);
    }
  }

  /** @param {Hung} one */
  async load(one) {
    this.loading++;
    one.loading = true;
    try {
      one.picture = await this.decoded(one.photo);
    } catch (error) {
      one.failed = error instanceof RouteError && error.missing;
    }
    this.loading--;
    if (one.picture || one.failed) one.loading = false;
    else {
      setTimeout(() => {
        one.loading = false;
        this.prefetch();
      }, AGAIN_MS);
    }
    one.draw(this.masked());
    one.tell();
    this.prefetch();
  }
}
