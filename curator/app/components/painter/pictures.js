// @ts-check
// Pictures as the painter works on them: from and to the PNGs that the server sends and takes.

import { offscreen } from "../shared.js";

/** A picture's red, one byte a pixel. @param {ImageBitmap} picture @param {number} [side] to draw it at */
export function greysOf(picture, side = picture.width) {
  const context = offscreen(side, side);
  context.drawImage(picture, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  const greys = new Uint8Array(side * side);
  for (let i = 0; i < greys.length; i++) greys[i] = data[4 * i];
  return greys;
}

/** @param {string} text a PNG in base64 */
export function bitmapOfPng(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}

/** A picture's pixels, RGBA. @param {ImageBitmap} picture */
export function pixelsOf(picture) {
  const context = offscreen(picture.width, picture.height);
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, picture.width, picture.height).data;
}

/** Superpixels from their picture: red and 256 times green. @param {ImageBitmap} picture */
export function labelsOf(picture) {
  const data = pixelsOf(picture);
  const labels = new Uint16Array(data.length / 4);
  for (let i = 0; i < labels.length; i++) labels[i] = data[4 * i] + 256 * data[4 * i + 1];
  return labels;
}

/** An alpha as a grey PNG in base64. @param {Uint8Array} alpha @param {number} side */
export async function pngOf(alpha, side) {
  const picture = new ImageData(side, side);
  for (let i = 0; i < alpha.length; i++) {
    picture.data[4 * i] = picture.data[4 * i + 1] = picture.data[4 * i + 2] = alpha[i];
    picture.data[4 * i + 3] = 255;
  }
  const context = offscreen(side, side);
  context.putImageData(picture, 0, 0);
  const bytes = new Uint8Array(await (await context.canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
