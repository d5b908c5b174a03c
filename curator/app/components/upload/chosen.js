// @ts-check
// What somebody has dropped or chosen: a zip, which is sent as it is, or folders and loose files, which become one.

import { formatted } from "../shared.js";
import { bytesInWords } from "./sender.js";
import { LARGEST } from "./zip.js";

/** @typedef {import("./zip.js").Entry} Chosen */

/**
 * What is to be sent: what the server calls it, and the files in it; or the zip itself.
 * @typedef {{name: string, entries: Chosen[], zip?: undefined} | {name: string, zip: File}} Parcel
 */

/**
 * Limits of what may be sent: bytes, and files in a zip.
 * @typedef {{most: number, files: number}} Limits
 */

const TERMINAL = "Send it in several parts, or use `python -m curator ingest`, which needs no upload.";

/**
 * What to send of what was chosen; a sentence that says why nothing of it.
 * @param {Chosen[]} chosen named by their paths, such as street/images/1.jpg
 * @param {Limits} limits
 * @returns {Parcel | string}
 */
export function parcelOf(chosen, { most, files }) {
  if (!chosen.length) return "There is no file in it.";
  const [first] = chosen;
  if (chosen.length === 1 && /\.zip$/i.test(first.name)) return { name: first.file.name, zip: first.file };
  const tops = new Set(chosen.map(({ name }) => name.split("/")[0]));
  const one = tops.size === 1 && first.name.includes("/");
  const entries = one ? chosen.map(({ name, file }) => ({ name: name.slice(name.indexOf("/") + 1), file })) : [...chosen];
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const name = nameOf([...tops]);
  const twice = entries.find((entry, number) => number && entry.name === entries[number - 1].name);
  const bytes = entries.reduce((sum, { file }) => sum + file.size, 0);
  const large = entries.find(({ file }) => file.size > LARGEST);
  if (large) return `${large.name} has ${bytesInWords(large.file.size)}. Pack it as a zip, and send that alone.`;
  if (twice) return `Two of these files are called ${twice.name}. Drop their folders instead, so that each has its place.`;
  if (entries.length > files) return `${name} has ${formatted(entries.length)} files; ${formatted(files)} are allowed. ${TERMINAL}`;
  if (bytes > most) return `${name} has ${bytesInWords(bytes)}; ${bytesInWords(most)} are allowed. ${TERMINAL}`;
  return { name, entries };
}

/** What several things are called together: "street", "images, masks", "a.jpg and 61 more". @param {string[]} names */
function nameOf(names) {
  const [first, second] = names;
  if (names.length < 3) return second === undefined ? first : `${first}, ${second}`;
  return `${first} and ${formatted(names.length - 1)} more`;
}

/**
 * All files below what was dropped. `more` hears of how many were found, and may throw to stop.
 * @param {FileSystemEntry[]} roots @param {(files: number) => void} more
 */
export async function filesBelow(roots, more) {
  /** @type {Chosen[]} */
  const found = [];
  const above = [...roots]; // grows while it is walked
  for (const here of above) {
    if (here.isFile) {
      const file = await new Promise((/** @type {(file: File) => void} */ done, failed) => /** @type {FileSystemFileEntry} */ (here).file(done, failed));
      found.push({ name: here.fullPath.replace(/^\//, ""), file });
      more(found.length);
    } else for await (const inside of entriesOf(/** @type {FileSystemDirectoryEntry} */ (here))) above.push(inside);
  }
  return found;
}

/** All that lies directly in a folder: a browser names a few at a time. @param {FileSystemDirectoryEntry} folder */
async function* entriesOf(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((/** @type {(some: FileSystemEntry[]) => void} */ done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    yield* some;
  }
}

/** The files of an input, named by their paths where a folder was chosen. @param {Iterable<File>} files @returns {Chosen[]} */
export const filesOf = (files) => [...files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
