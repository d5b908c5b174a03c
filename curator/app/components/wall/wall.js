// @ts-check
// The newest photos of an ingest with their masks as understood, while it reads and after it.

import { closePicture, decoded, drawPicture, OPACITY } from "../looks.js";
import { ask, counted, formatted, made, partsOf, RouteError, wholePhoto } from "../shared.js";

const MOST = 60; // photos, as in curator/ingest/wall.py
const SIDE = 192; // pixels of a photo here, as the server makes its thumbnails
const WHOLE = 320; // pixels, the longest side of a photo without a crop as the server sends it
const LOADERS = 4; // pictures fetched at a time
const POLL_MS = 1500;
const AGAIN_MS = 5000; // after an answer that did not come

/** @typedef {{job: number, token: string, tint: Tint}} WallData */

/**
 * A photo that came in, as `/api/ingested` tells it; its pictures are hashes, empty where no face was found.
 * @typedef {{submission: number, source: number, photo: string, version: string, image: string | null, mask: string | null, unknown: string | null}} Told
 */

/** The wall in each place of the page: it outlives reruns. @type {WeakMap<ShadowRoot, Wall>} */
const walls = new WeakMap();

class Wall {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  newest = 0; // submission that was told
  photos = 0; // of the ingest
  loading = 0;
  /** What still has to be drawn, the first first. @type {{told: Told, canvas: HTMLCanvasElement}[]} */
  waiting = [];

  /** @param {WallData} data @param {ShadowRoot} root @param {() => void} renew */
  constructor({ job, token, tint }, root, renew) {
    this.job = job;
    this.token = token;
    this.tint = tint;
    this.renew = renew;
    this.stale = false; // the token was refused, and a new one asked for
    this.at = partsOf(root);
    this.at.photos.replaceChildren();
    this.at.wall.hidden = true;
    this.poll();
  }

  close() {
    this.closed = true;
    clearTimeout(this.polling);
  }

  /** A new token from the page. @param {string} token */
  use(token) {
    if (token !== this.token) this.stale = false;
    this.token = token;
  }

  async poll() {
    let next = POLL_MS;
    try {
      const { tiles, photos, runs } = await ask("/api/ingested", this.token, { job: this.job, after: this.newest });
      if (this.closed) return;
      this.add(tiles);
      this.photos = photos;
      this.tell();
      if (!runs) return;
    } catch (error) {
      if (this.closed || (error instanceof RouteError && error.missing)) return;
      if (error instanceof RouteError && error.is("stale_page") && !this.stale) {
        this.stale = true; // a new one is asked for once for each, and tried no sooner than after other failures
        this.renew();
      }
      next = AGAIN_MS;
    }
    this.polling = setTimeout(() => this.poll(), next);
  }

  /** @param {Told[]} tiles the newest first */
  add(tiles) {
    if (!tiles.length) return;
    this.newest = tiles[0].submission;
    const fresh = tiles.map((told) => {
      const { link, canvas } = linkOf(told);
      this.waiting.push({ told, canvas });
      return link;
    });
    this.at.photos.prepend(...fresh);
    for (const old of [...this.at.photos.children].slice(MOST)) old.remove();
    this.draw();
  }

  tell() {
    const { at, photos } = this;
    at.wall.hidden = !photos;
    at.words.textContent = photos > MOST ? `The newest ${MOST} of ${formatted(photos)} photos` : counted(photos, "photo", "photos");
  }

  draw() {
    this.waiting = this.waiting.filter(({ canvas }) => canvas.isConnected);
    while (this.loading < LOADERS) {
      const next = this.waiting.shift();
      if (!next) return;
      this.load(next.told, next.canvas);
    }
  }

  /** @param {Told} told @param {HTMLCanvasElement} canvas */
  async load(told, canvas) {
    this.loading++;
    try {
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      await (told.image ? drawCrop : drawWhole)(context, told, this.tint);
    } catch (error) {
      if (error instanceof RouteError && error.missing) canvas.parentElement?.setAttribute("data-state", "missing");
      else {
        setTimeout(() => {
          this.waiting.push({ told, canvas });
          if (!this.closed) this.draw();
        }, AGAIN_MS);
      }
    }
    this.loading--;
    if (!this.closed) this.draw();
  }
}

/** @param {CanvasRenderingContext2D} context @param {Told} told @param {Tint} colours */
async function drawCrop(context, { image, mask, unknown }, colours) {
  const picture = await decoded({ image: image ?? "", mask: mask ?? "", unknown }, colours, `?side=${SIDE}`);
  drawPicture(context, picture, "overlay", OPACITY.overlay);
  closePicture(picture);
}

/** A photo without a crop, whole. @param {CanvasRenderingContext2D} context @param {Told} told @param {Tint} colours */
async function drawWhole(context, told, colours) {
  const { photo, tint, width, height } = await wholePhoto(told, colours, WHOLE);
  const [wide, high] = [width, height].map((length) => (SIDE * length) / Math.max(width, height));
  for (const layer of [photo, tint]) context.drawImage(layer, (SIDE - wide) / 2, (SIDE - high) / 2, wide, high);
  photo.close();
}

/** A photo's place on the wall: it leads to where somebody decides about it. @param {Told} told */
function linkOf({ photo, image, source }) {
  const canvas = made("canvas", { width: SIDE, height: SIDE });
  const link = made("a", { className: "photo", title: photo, href: image ? `/review?source=${source}` : "/aside", target: "_self" });
  link.setAttribute("aria-label", image ? `Review ${photo}` : `${photo}: no face found. Draw its crop`);
  link.append(canvas, ...(image ? [] : [made("span", { className: "faceless", textContent: "No face" })]));
  return { link, canvas };
}

/** @param {ComponentArguments<WallData>} page */
export default function ({ data, parentElement, setTriggerValue }) {
  let wall = walls.get(parentElement);
  if (!wall || wall.closed || wall.job !== data.job) {
    wall?.close();
    wall = new Wall(data, parentElement, () => setTriggerValue("renew", true));
    walls.set(parentElement, wall);
  }
  const mine = wall;
  mine.use(data.token);
  return () => mine.close();
}
