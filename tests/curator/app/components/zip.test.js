// @ts-check
// What is sent of folders and loose files: one zip. tests/curator/app/test_upload_zip.py reads it with Python's zipfile.

import assert from "node:assert/strict";
import { test } from "node:test";

import { filesBelow, parcelOf } from "../../../../curator/app/components/upload/chosen.js";
import { crcOf, zipOf } from "../../../../curator/app/components/upload/zip.js";

const LIMITS = { most: 1000, files: 5 };
const NEVER = new AbortController().signal;

/** Files by their paths, each of so many bytes. @param {Record<string, number>} sizes */
const files = (sizes) =>
  Object.entries(sizes).map(([name, size]) => ({
    name, file: new File([new Uint8Array(size)], name.split("/").at(-1) ?? "", { lastModified: 7 }),
  }));

/** @param {Record<string, number>} sizes */
function parcel(sizes) {
  const found = parcelOf(files(sizes), LIMITS);
  return typeof found === "string" ? found : [found.name, found.zip ? "as it is" : found.entries.map(({ name }) => name)];
}

test("a folder gives its name to the source, and its files are named from inside it, in one order", () => {
  assert.deepEqual(parcel({ "street/masks/1.png": 1, "street/images/1.jpg": 1 }), ["street", ["images/1.jpg", "masks/1.png"]]);
  assert.deepEqual(parcel({ "images/1.jpg": 1, "masks/1.png": 1 }), ["images, masks", ["images/1.jpg", "masks/1.png"]]);
});

test("loose files are called by the first of them", () => {
  assert.deepEqual(parcel({ "b.png": 1, "b.jpg": 1 }), ["b.png, b.jpg", ["b.jpg", "b.png"]]);
  assert.deepEqual(parcel({ "a.jpg": 1, "a.png": 1, "b.jpg": 1 }), ["a.jpg and 2 more", ["a.jpg", "a.png", "b.jpg"]]);
  assert.deepEqual(parcel({ "set.tar": 1 }), ["set.tar", ["set.tar"]]);
});

test("a zip alone is sent as it is; beside others it is packed like them", () => {
  assert.deepEqual(parcel({ "crowd.ZIP": 1 }), ["crowd.ZIP", "as it is"]);
  assert.deepEqual(parcel({ "crowd.zip": 1, "list.csv": 1 }), ["crowd.zip, list.csv", ["crowd.zip", "list.csv"]]);
});

test("what can't be sent is said before anything is", () => {
  assert.equal(parcel({}), "There is no file in it.");
  assert.match(String(parcel({ "a.jpg": 600, "a.png": 600 })), /^a.jpg, a.png has 2 KB; 1 KB are allowed. Send it in several parts/);
  const six = Object.fromEntries([..."abcdef"].map((letter) => [`set/${letter}.jpg`, 1]));
  assert.match(String(parcel(six)), /^set has 6 files; 5 are allowed/);
  const twice = [...files({ "1.png": 1 }), ...files({ "1.png": 1 })];
  assert.match(String(parcelOf(twice, LIMITS)), /Two of these files are called 1.png. Drop their folders/);
});

test("the same files make the same zip, so that an upload that broke off goes on", async () => {
  const entries = files({ "images/ä.jpg": 300, "masks/ä.png": 0 });
  const [one, two] = await Promise.all([1, 2].map(() => zipOf(entries, () => {}, NEVER)));
  assert.deepEqual(Buffer.from(await one.arrayBuffer()), Buffer.from(await two.arrayBuffer()));
});

test("a checksum may be taken in parts", () => {
  const bytes = new TextEncoder().encode("123456789");
  assert.equal(crcOf(bytes), 0xcbf43926); // the check value of CRC-32
  assert.equal(crcOf(bytes.subarray(4), crcOf(bytes.subarray(0, 4))), 0xcbf43926);
});

test("reading stops when somebody cancels, and a file that can't be read is no file", async () => {
  const leave = new AbortController();
  const entries = files({ "a.jpg": 1, "b.jpg": 1, "c.jpg": 1 });
  await assert.rejects(zipOf(entries, (read) => read === 2 && leave.abort(), leave.signal), { name: "AbortError" });
  entries[1].file.slice = () => /** @type {any} */ ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) });
  await assert.rejects(zipOf(entries, () => {}, NEVER), /NotReadableError/);
});

/** A dropped folder, whose browser names a few of its entries at a time. @param {string} path @param {any[]} inside */
function folder(path, inside, few = 2) {
  const createReader = () => {
    const rest = [...inside];
    return { readEntries: (/** @type {(some: any[]) => void} */ done) => done(rest.splice(0, few)) };
  };
  return { isFile: false, fullPath: path, createReader };
}

/** @param {string} path */
const dropped = (path) => ({ isFile: true, fullPath: path, file: (/** @type {(file: File) => void} */ done) => done(new File([], path)) });

test("every file below what was dropped is found, however deep, and the walk can be stopped", async () => {
  const masks = folder("/set/masks", ["1", "2", "3"].map((name) => dropped(`/set/masks/${name}.png`)));
  const roots = /** @type {any[]} */ ([folder("/set", [dropped("/set/a.jpg"), folder("/set/empty", []), masks]), dropped("/notes.txt")]);
  /** @type {number[]} */
  const counts = [];
  const found = await filesBelow(roots, (count) => counts.push(count));
  const names = ["notes.txt", "set/a.jpg", "set/masks/1.png", "set/masks/2.png", "set/masks/3.png"];
  assert.deepEqual(found.map(({ name }) => name).sort(), names);
  assert.deepEqual(counts, [1, 2, 3, 4, 5]);
  await assert.rejects(filesBelow(roots, () => assert.fail("stopped")), /stopped/);
  const many = /** @type {any[]} */ ([folder("/many", Array(150_000).fill(folder("/many/empty", [])), 150_000)]);
  assert.deepEqual(await filesBelow(many, () => {}), []);
});
