// @ts-check
// Sends one file to the server in pieces, and goes on where an earlier try broke off: the server knows how much it has.

import { ask, newId, post, RouteError } from "../shared.js";

const RETRY_MS = [1000, 2000, 4000, 8000, 15000, 30000];
const PIECE_MS = 700; // what a piece should take: so the bar moves, and little is lost when the network breaks off
const [LEAST, FIRST] = [256 * 1024, 1024 * 1024]; // bytes of a piece; the server says how many are the most
const PACE_MS = 20_000; // the pace is that of the newest pieces, over this long
const LATER = [408, 425, 429]; // refusals that say nothing of the file

/**
 * A file's description, as the server knows it by.
 * @typedef {{name: string, size: number, modified: number}} Described
 */

/**
 * What of a File is needed.
 * @typedef {{name: string, size: number, lastModified: number, slice: (start: number, end: number) => Blob}} Sent
 */

/** @param {Sent} file @returns {Described} */
export const described = ({ name, size, lastModified }) => ({ name: wellFormed(name), size, modified: lastModified });

/** A name without half characters, which no JSON takes. @param {string} name */
const wellFormed = (name) => name.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD").slice(0, 1000);

/**
 * Ask how many bytes of a file the server has.
 * @param {string} token @param {Described} file
 * @returns {Promise<{received: number, most: number}>}
 */
export const asked = (token, file) => ask("/api/uploads/begin", token, file);

/**
 * Delete what the server has of a file. Where it cannot be reached, that is deleted after a day anyway.
 * @param {string} token @param {Described} file
 */
export const dropped = (token, file) => ask("/api/uploads/cancel", token, file).catch(() => {});

export class Sender {
  /** A name for this upload, which the page may know it by. */
  id = newId();
  /** @type {"sending" | "checking" | "retrying" | "failed" | "whole" | "cancelled"} */
  state = "sending";
  received = 0; // bytes that the server has
  says = ""; // why it failed, or is tried again, in sentences
  piece = FIRST;
  cap = Infinity; // bytes of a piece that a proxy before the server lets through
  tries = 0;
  /** When how many bytes were there. @type {{at: number, received: number}[]} */
  points = [];
  renewed = false;

  /**
   * @param {Sent} file @param {string} token
   * @param {{changed?: () => void, renew?: () => void}} [on] `renew` is asked for a new token, once for each; use() gets it
   */
  constructor(file, token, on = {}) {
    this.file = file;
    this.described = described(file);
    this.token = token;
    this.on = on;
    this.leave = new AbortController();
    this.online = () => this.retry();
    window.addEventListener("online", this.online, { signal: this.leave.signal });
  }

  /** Whether it still has something to do. */
  get busy() {
    return ["sending", "checking", "retrying"].includes(this.state);
  }

  /** Send all that the server does not have yet; until it is whole, failed or cancelled. */
  async start() {
    while (this.busy) {
      try {
        await this.send();
      } catch (error) {
        await this.failed(error);
      }
    }
  }

  /** Send from where the server is to the end. */
  async send() {
    const { size } = this.described;
    const { received, most } = await asked(this.token, this.described);
    this.moved(received);
    this.points = this.points.slice(-1); // a pause is no pace
    while (this.received < size && this.busy) {
      const start = this.received;
      const length = Math.min(this.piece, most, this.cap);
      const end = Math.min(size, start + length);
      const began = Date.now();
      const header = encodeURIComponent(JSON.stringify({ ...this.described, offset: start }));
      const headers = { "Content-Type": "application/octet-stream", "X-Winnow-Piece": header };
      // The slice itself, not its bytes: Chromium sends those fifteen times slower.
      const answer = await post("/api/uploads/piece", this.token, headers, this.file.slice(start, end), this.leave.signal);
      if (end - start === length) this.piece = nextPiece(length, Date.now() - began, Math.min(most, this.cap));
      this.tries = 0;
      this.moved(answer.received);
    }
    if (!this.busy) return;
    this.become("checking");
    await ask("/api/uploads/finish", this.token, this.described);
    if (this.busy) this.become("whole");
  }

  /** Whether what is next is there and unchanged: a browser says of a file that is not what it says of a network that is down. */
  async readable() {
    try {
      await this.file.slice(this.received, this.received + this.piece).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  /** @param {unknown} error */
  async failed(error) {
    const readable = await this.readable();
    if (!this.busy) return;
    if (!readable) return this.become("failed", "The file cannot be read any more. It may have been changed, moved or deleted. Choose it again.");
    const { status, message } = error instanceof RouteError ? error : { status: 0, message: String(error) };
    if (status === 413 && this.piece > LEAST) {
      this.cap = this.piece = Math.max(LEAST, Math.round(this.piece / 2));
      return;
    }
    const refused = status >= 400 && status < 500 && status !== 403 && !LATER.includes(status);
    if (refused) return this.become("failed", message);
    if (error instanceof RouteError && error.is("stale_page")) this.renew();
    this.become("retrying", message);
    const ms = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
    await new Promise((done) => {
      this.goOn = done;
      this.waiting = setTimeout(done, ms);
    });
    clearTimeout(this.waiting);
    if (this.busy) this.become("sending");
  }

  /** Try again now. */
  retry() {
    if (this.state === "retrying") this.goOn?.(undefined);
  }

  renew() {
    if (this.renewed) return;
    this.renewed = true;
    this.on.renew?.();
  }

  /** A new token from the page. @param {string} token */
  use(token) {
    if (token === this.token) return;
    this.token = token;
    this.renewed = false;
    this.retry();
  }

  /** Send no more; what the server has stays there. */
  stop() {
    this.become("cancelled");
    this.leave.abort();
    this.goOn?.(undefined);
  }

  /** @param {number} received */
  moved(received) {
    this.received = received;
    const at = Date.now();
    this.points = [...this.points.filter((point) => at - point.at <= PACE_MS), { at, received }];
    this.become("sending");
  }

  /** @param {Sender["state"]} state */
  become(state, says = "") {
    this.state = state;
    this.says = says;
    this.on.changed?.();
  }

  /** Bytes a second lately; null while too little is known. */
  get pace() {
    const [first, last] = [this.points[0], this.points.at(-1)];
    if (!first || !last || last.at - first.at < 1000 || last.received <= first.received) return null;
    return (1000 * (last.received - first.received)) / (last.at - first.at);
  }
}

/** The size of the next piece: the last one's, halved or doubled where it took too long or too little. @param {number} piece @param {number} ms @param {number} most */
export function nextPiece(piece, ms, most) {
  if (ms > 2 * PIECE_MS) return Math.max(LEAST, Math.round(piece / 2));
  return ms < PIECE_MS / 2 ? Math.min(most, 2 * piece) : piece;
}

/** "1.6 GB", "620 MB", "3 KB". @param {number} bytes */
export function bytesInWords(bytes) {
  if (bytes >= 999.5e6) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} KB`;
}

/** "about 3 minutes left". @param {number} seconds */
export function timeLeft(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 90) return `about ${Math.round(seconds / 10) * 10} seconds left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `about ${minutes} minutes left`;
  return `about ${Math.round(minutes / 60)} hours left`;
}

/** How far a file is, in words: "620 MB of 1.6 GB, 12 MB a second, about 1 minute left". @param {Sender} sender */
export function progressInWords({ state, received, described: { size }, pace }) {
  const far = `${bytesInWords(received)} of ${bytesInWords(size)}`;
  return pace && state === "sending" ? `${far}, ${bytesInWords(pace)} a second, ${timeLeft((size - received) / pace)}` : far;
}
