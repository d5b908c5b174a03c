// @ts-check
// An upload in the browser: in pieces, on from where the server is, through a network that comes and goes.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { bytesInWords, described, nextPiece, progressInWords, Sender, timeLeft } from "../../../../curator/app/components/upload/sender.js";
import { spokenOf } from "../../../../curator/app/components/upload/upload.js";
import { DOWN, later, open, settled } from "./browser.js";

const MIB = 2 ** 20;
const MOST = 8 * MIB;

/** @type {ReturnType<typeof open>} */
let server;
let here = 0; // bytes that the server has
/** @type {any[]} */
let next = []; // how it answers the next pieces instead

beforeEach(() => {
  server = open();
  here = 0;
  next = [];
  server.answer = ({ path, piece, body }) => {
    if (path.endsWith("begin")) return { received: here, most: MOST };
    if (path.endsWith("finish")) return { whole: true };
    if (path.endsWith("cancel")) return { received: (here = 0) };
    if (next.length) return next.shift();
    if (piece.offset === here) here += body.size;
    return { received: here };
  };
});

/** @param {number} size */
const aFile = (size, name = "crowd.zip") => Object.assign(new Blob([new Uint8Array(size)]), { name, lastModified: 7 });

/** A sender that has begun. @param {ReturnType<typeof aFile>} file @param {object} [on] */
function begun(file, on) {
  const sender = new Sender(file, "token", on);
  sender.start();
  return sender;
}

const pieces = () => server.requests.filter(({ path }) => path.endsWith("piece")).map(({ piece, body }) => [piece.offset, body.size]);

test("a file is sent piece by piece until the server has it all, and each names the file", async () => {
  const sender = begun(aFile(4 * MIB));
  await settled();
  await settled();
  assert.equal(sender.state, "whole");
  assert.deepEqual(pieces(), [[0, MIB], [MIB, 2 * MIB], [3 * MIB, MIB]]); // the network is fast, so pieces grow
  assert.deepEqual(server.requests.map(({ path }) => path.split("/").at(-1)), ["begin", "piece", "piece", "piece", "finish"]);
  assert.deepEqual(server.requests[1].piece, { name: "crowd.zip", size: 4 * MIB, modified: 7, offset: 0 });
});

test("it goes on where an earlier page broke off", async () => {
  here = 3 * MIB;
  const sender = begun(aFile(4 * MIB));
  await settled();
  assert.equal(sender.state, "whole");
  assert.deepEqual(pieces(), [[3 * MIB, MIB]]);
});

test("while the server cannot be reached it tries again, ever more rarely, and asks first how much has come", async () => {
  next = [DOWN, DOWN, { status: 503, error: "The disk has no room." }];
  const sender = begun(aFile(MIB));
  await settled();
  assert.equal(sender.state, "retrying");
  assert.equal(sender.says, "Winnow cannot be reached right now.");
  await later(1000);
  assert.equal(pieces().length, 2);
  await later(1000);
  assert.equal(pieces().length, 2);
  await later(1000);
  assert.equal(pieces().length, 3);
  assert.equal(sender.says, "The disk has no room.");
  sender.retry(); // "Try now", or the browser is online again
  await settled();
  assert.equal(sender.state, "whole");
  assert.equal(server.requests.filter(({ path }) => path.endsWith("begin")).length, 4);
});

test("a server that was restarted, or another tab that is further, is followed", async () => {
  next = [{ received: 3 * MIB }, { received: 0 }];
  here = 0;
  const sender = begun(aFile(4 * MIB));
  await settled();
  await settled();
  assert.equal(sender.state, "whole");
  assert.deepEqual(pieces().slice(0, 3).map(([offset]) => offset), [0, 3 * MIB, 0]);
});

test("a file that is refused fails with the server's sentence, and is not tried again", async () => {
  next = [{ status: 409, error: "letter.zip is not a zip." }];
  const sender = begun(aFile(MIB, "letter.zip"));
  await settled();
  await later(60_000);
  assert.deepEqual([sender.state, sender.says, pieces().length], ["failed", "letter.zip is not a zip.", 1]);
});

test("a proxy that lets only small pieces through gets small ones", async () => {
  const { answer } = server;
  server.answer = (request) => (request.piece && request.body.size > MIB ? { status: 413 } : answer(request));
  const sender = begun(aFile(4 * MIB));
  await settled();
  await settled();
  assert.equal(sender.state, "whole");
  assert.deepEqual(pieces(), [[0, MIB], [MIB, 2 * MIB], [MIB, MIB], [2 * MIB, MIB], [3 * MIB, MIB]]);
});

test("a token that is too old is renewed once, and the upload goes on", async () => {
  next = [{ status: 403, error: "Reload.", code: "stale_page" }];
  let renewals = 0;
  const sender = begun(aFile(MIB), { renew: () => renewals++ });
  await settled();
  assert.equal(renewals, 1);
  sender.use("new");
  await settled();
  assert.equal(sender.state, "whole");
  assert.equal(server.requests.at(-1)?.token, "new");
});

test("a file that has changed on the disk is not mistaken for a network that is down", async () => {
  const file = aFile(MIB);
  next = [DOWN];
  file.slice = () => /** @type {any} */ ({ size: 1, arrayBuffer: () => Promise.reject(new Error("NotReadableError")) });
  const sender = begun(file);
  await settled();
  assert.equal(sender.state, "failed");
  assert.match(sender.says, /cannot be read any more/);
});

test("one that is stopped sends no more, whatever it waits for", async () => {
  next = [DOWN];
  const sender = begun(aFile(MIB));
  await settled();
  sender.stop();
  await later(60_000);
  assert.equal(sender.state, "cancelled");
  assert.equal(pieces().length, 1);
});

test("half a character in a name is replaced, since no JSON takes it", () => {
  assert.equal(described(aFile(1, "a\uD800b\u{1F600}.zip")).name, "a\uFFFDb\u{1F600}.zip");
});

test("pieces grow on a fast network, shrink on a slow one, and stay within their limits", () => {
  assert.deepEqual([nextPiece(MIB, 100, MOST), nextPiece(MIB, 700, MOST), nextPiece(MIB, 3000, MOST)], [2 * MIB, MIB, MIB / 2]);
  assert.deepEqual([nextPiece(MOST, 100, MOST), nextPiece(MIB / 4, 9000, MOST)], [MOST, MIB / 4]);
});

test("progress is told in words, with the pace and the time left once they are known", async () => {
  const sender = new Sender(aFile(MIB), "token");
  sender.described = { name: "a.zip", size: 1_600_000_000, modified: 1 };
  sender.moved(600_000_000);
  assert.equal(progressInWords(sender), "600 MB of 1.6 GB");
  await later(4000);
  sender.moved(640_000_000);
  assert.equal(progressInWords(sender), "640 MB of 1.6 GB, 10 MB a second, about 2 minutes left");
  sender.stop();
});

test("amounts and times are rounded as people say them", () => {
  assert.deepEqual([1, 999_400_000, 999_500_000, 4_294_967_296].map(bytesInWords), ["1 KB", "999 MB", "1.0 GB", "4.3 GB"]);
  assert.deepEqual([3, 44, 96, 7200].map(timeLeft), ["a few seconds left", "about 40 seconds left", "about 2 minutes left", "about 2 hours left"]);
});

test("a screen reader hears what was read, what was uploaded, and no name before there is one", () => {
  assert.equal(spokenOf("reading", "", 0), "Looking through the folder.");
  assert.equal(spokenOf("reading", "street", 49), "25 % of street read.");
  assert.equal(spokenOf("sending", "street", 50), "50 % of street uploaded.");
  assert.equal(spokenOf("whole", "street", 100), "street has arrived.");
});
