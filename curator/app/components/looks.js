// @ts-check
// How a mask lies over its photo, on the deck and on the grid: what each view draws, from pictures that are decoded once.

import { bitmap, hatched, maskBytes, offscreen, tintOf } from "./shared.js";

/**
 * The tint that was chosen in this browser, or the first.
 * @param {NamedTint[]} tints @param {import("./shared.js").Shelf} looks
 */
export const chosenTint = (tints, looks) => tints.find(({ name }) => name === looks.get("tint")) ?? tints[0];

/** How much of the mask each view lets be seen, 0 to 1, until a reviewer changes it. @type {Record<string, number>} */
export const OPACITY = { overlay: 0.4, outline: 1, cutout: 1, side: 0.4 };
const BACKDROP = "rgb(128 128 128)";
const HALO = "rgb(0 0 0 / .8)";
const square = (/** @type {number[]} */ ...steps) => steps.flatMap((x) => steps.map((y) => [x, y]));
const [LINE, AROUND] = [square(0, 1), square(-2, 0, 1, 3)]; // where a line is drawn again to become two pixels wide, or six
/** @type {Colour} */
const CLEAR = [0, 0, 0, 0];

/**
 * A picture once decoded: the photo, what the mask covers, a line along its edge, and a hatch over what is unknown, if
 * anything is; or it is missing from the store.
 * @typedef {{photo?: ImageBitmap, alpha?: ImageBitmap, edge?: ImageBitmap, hatch?: ImageBitmap | null, missing?: boolean}} Picture
 */

/**
 * What each view draws into the mask's layer, given {alpha, edge} and an opacity from 0 to 1.
 * @type {Record<string, (layer: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D, picture: any, opacity: number) => void>}
 */
export const LAYERS = {
  overlay(layer, { alpha, edge }, opacity) {
    layer.globalAlpha = opacity;
    layer.drawImage(alpha, 0, 0);
    layer.globalAlpha = Math.min(1, 2.5 * opacity); // the line stays readable where the fill is faint
    layer.drawImage(edge, 0, 0);
  },
  outline(layer, { edge }, opacity) {
    for (const [x, y] of AROUND) layer.drawImage(edge, x, y);
    layer.globalCompositeOperation = "source-in";
    layer.fillStyle = HALO;
    layer.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
    layer.globalCompositeOperation = "source-over";
    for (const [x, y] of LINE) layer.drawImage(edge, x, y);
    fade(layer, opacity);
  },
  cutout(layer, { alpha }, opacity) {
    layer.fillStyle = BACKDROP;
    layer.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
    layer.globalCompositeOperation = "destination-out";
    layer.drawImage(alpha, 0, 0);
    fade(layer, opacity);
  },
};
LAYERS.side = LAYERS.overlay;

/** Let all of a layer show through. @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} layer @param {number} opacity 0 to 1 */
function fade(layer, opacity) {
  layer.globalCompositeOperation = "destination-in";
  layer.fillStyle = `rgb(0 0 0 / ${opacity})`;
  layer.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
}

/**
 * The picture of a card. Throws a RouteError when the store does not have it.
 * @param {Pick<Card, "image" | "mask" | "unknown">} card @param {Tint} tint @param {string} [size] of the pictures, as a query; crops as they are when left out
 * @returns {Promise<Picture>}
 */
export async function decoded(card, { fill: [red, green, blue], edge }, size = "") {
  const sized = (/** @type {string} */ hash) => bitmap(hash + size);
  const [photo, painted, unknown] = await Promise.all([sized(card.image), sized(card.mask), card.unknown ? sized(card.unknown) : null]);
  const mask = maskBytes(painted);
  /** @type {Colour} */
  const solid = [red, green, blue, 255]; // the stage decides how much of it is seen
  const layers = [{ fill: solid, edge: solid }, { fill: CLEAR, edge }].map((tint) => tintOf(mask, painted.width, tint));
  if (unknown) layers.push(hatched(new ImageData(unknown.width, unknown.height), maskBytes(unknown), unknown.width));
  painted.close();
  unknown?.close();
  const [alpha, line, hatch] = await Promise.all(layers.map((layer) => createImageBitmap(layer)));
  return { photo, alpha, edge: line, hatch };
}

/** Free what a picture holds. @param {Picture} picture */
export function closePicture({ photo, alpha, edge, hatch }) {
  for (const layer of [photo, alpha, edge, hatch]) layer?.close();
}

/**
 * Draw a picture as a view shows it, in its own size; `photo` shows it without its mask.
 * @param {CanvasRenderingContext2D} context of a canvas, which takes the picture's size
 * @param {Picture} picture one that is there @param {string} view @param {number} opacity 0 to 1
 */
export function drawPicture(context, picture, view, opacity) {
  const { photo, hatch } = picture;
  const { canvas } = context;
  if (!photo) return;
  if (canvas.width !== photo.width) canvas.width = canvas.height = photo.width;
  context.drawImage(photo, 0, 0);
  if (view === "photo") return;
  const layer = offscreen(photo.width, photo.height);
  LAYERS[view](layer, picture, opacity);
  context.drawImage(layer.canvas, 0, 0);
  if (hatch) context.drawImage(hatch, 0, 0);
}
