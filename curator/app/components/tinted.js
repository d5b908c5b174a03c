// @ts-check
// An example's pictures, decoded, with the tint of its mask: for tiles and walls.

import { bitmap, hatched, maskBytes, tintOf } from "./shared.js";

/** A photo and the tint of its mask once decoded, or missing from the store. @typedef {{photo?: ImageBitmap, tint?: ImageBitmap, missing?: boolean}} TilePicture */

/**
 * @param {{image: string, mask: string, unknown: string | null}} card the hashes of its pictures
 * @param {string} size of the pictures, as a query @param {Tint} colours
 * @returns {Promise<TilePicture>}
 */
export async function picturesOf({ image, mask, unknown }, size, colours) {
  const wanted = [image, mask, ...(unknown ? [unknown] : [])];
  const [photo, painted, silent] = await Promise.all(wanted.map((hash) => bitmap(hash + size)));
  const layer = tintOf(maskBytes(painted), painted.width, colours);
  const tint = await createImageBitmap(silent ? hatched(layer, maskBytes(silent), silent.width) : layer);
  painted.close();
  silent?.close();
  return { photo, tint };
}
