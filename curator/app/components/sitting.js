// @ts-check
// A sitting: what one reviewer did since they sat down, newest last. All their tabs share it, and it survives the reload
// of a tab (sessionStorage). Undo takes its newest entry back, and the pace is measured from it.

import { byOrder, clockTime, formatted, Shelf } from "./shared.js";

const DEEP = 2000; // entries kept
const ENOUGH = 10; // verdicts, before a pace is shown

export class Sitting {
  /** @param {string} reviewer @param {() => void} changed called when another tab changed it */
  constructor(reviewer, changed = () => {}) {
    this.changed = changed;
    this.shelf = new Shelf("sessionStorage", `winnow.sitting.${reviewer}.`);
    /** @type {Entry[]} */
    this.entries = this.shelf.all().sort(byOrder);
    /** @type {Entry[]} */
    this.earlier = []; // of sittings before, as the server has them
    /** @type {Set<string>} */
    this.taken = new Set(); // client ids of what was undone: news of it may still be on its way
    this.tabs = new BroadcastChannel(`winnow.sitting.${reviewer}`);
    this.tabs.onmessage = ({ data }) => this.hear(data);
    this.tabs.postMessage({ hello: true });
  }

  close() {
    this.tabs.close();
  }

  /** Add an entry, in all tabs; a skip stays in its own. @param {Entry} entry */
  add(entry) {
    this.insert([entry]);
    if (entry.did !== "skip") this.tabs.postMessage({ added: [entry], taken: [] });
  }

  /**
   * What this reviewer judged before this sitting.
   * @param {(Pick<Entry, "card" | "did" | "reason" | "client_id"> & {at: number})[]} verdicts newest first; at: in ms since the epoch
   */
  remember(verdicts) {
    this.earlier = verdicts.map(({ at, ...entry }, number) => ({ ...entry, order: /** @type {Order} */ ([at, -number]) })).reverse();
    this.insert([]);
  }

  /** Take an entry back, or the newest, whichever tab it is from; undefined where there is none. */
  pop(entry = this.past.at(-1)) {
    if (entry) this.forget(entry.client_id);
    return entry;
  }

  /** All that can be taken back, whichever tab or sitting it is from, oldest first. */
  get past() {
    return [...this.earlier, ...this.entries];
  }

  /** Leave an entry out, in all tabs. @param {string} client_id */
  forget(client_id) {
    this.remove([client_id]);
    this.tabs.postMessage({ added: [], taken: [client_id] });
  }

  /** The newest verdict, undefined where there is none. */
  get verdict() {
    return this.entries.findLast(({ did }) => did !== "skip");
  }

  /** When the verdicts were given, oldest first, in Date.now() time. */
  get times() {
    return this.entries.filter(({ did }) => did !== "skip").map(({ order }) => order[0]);
  }

  /** @param {{hello?: boolean, added: Entry[], taken: string[]}} news */
  hear({ hello, added, taken }) {
    if (hello) {
      const verdicts = this.entries.filter(({ did }) => did !== "skip");
      return this.tabs.postMessage({ added: verdicts, taken: [...this.taken] });
    }
    this.remove(taken);
    this.insert(added);
    this.changed();
  }

  /** @param {Entry[]} entries */
  insert(entries) {
    const known = new Set(this.entries.map(({ client_id }) => client_id));
    const here = new Set([...known, ...entries.map(({ client_id }) => client_id), ...this.taken]);
    this.earlier = this.earlier.filter(({ client_id }) => !here.has(client_id));
    const fresh = entries.filter(({ client_id }) => !known.has(client_id) && !this.taken.has(client_id));
    if (!fresh.length) return;
    this.entries.push(...fresh);
    this.entries.sort(byOrder);
    for (const entry of fresh) this.shelf.put(entry.client_id, entry);
    this.shelf.drop(this.entries.splice(0, this.entries.length - DEEP).map(({ client_id }) => client_id));
  }

  /** @param {string[]} client_ids */
  remove(client_ids) {
    for (const client_id of client_ids) this.taken.add(client_id);
    for (const list of /** @type {const} */ (["earlier", "entries"])) this[list] = this[list].filter(({ client_id }) => !this.taken.has(client_id));
    this.shelf.drop(client_ids);
  }
}

/**
 * How fast the newest verdicts were given, pauses left out: as `paces(newest_of(...))` in curator/review/progress.py, to
 * which tests/vectors/pace.json binds it. Verdicts of one moment, sent together, share the time since the moment before.
 * @param {number[]} times of the verdicts in ms, oldest first
 * @param {PaceLimits} limits
 * @returns {{timed: number, ms: number}} how many verdicts were timed, and how long they took together
 */
export function pace(times, { pause_ms, recent_ms }) {
  let [timed, ms] = [0, 0];
  for (let end = times.length - 1; end > 0;) {
    let start = end; // the first verdict of the moment
    while (start > 0 && times[start - 1] === times[end]) start--;
    const together = end - start + 1;
    const gap = times[end] - times[start - 1]; // NaN for the first moment: nobody knows when its making began
    if (gap <= pause_ms * together) {
      if (ms + gap > recent_ms) break;
      ms += gap;
      timed += together;
    }
    end = start - 1;
  }
  return { timed, ms };
}

/**
 * The pace in words, with when `left` more are done: "38 per minute, done at about 16:40"; "" before there are enough.
 * @param {number[]} times of the verdicts in ms, oldest first
 * @param {number} left @param {number} now in ms @param {PaceLimits} limits
 */
export function paceInWords(times, left, now, limits) {
  const { timed, ms } = pace(times, limits);
  if (times.length < ENOUGH || !ms) return "";
  const speed = `${formatted(Math.max(1, Math.round((timed * 60000) / ms)))} per minute`;
  if (!left) return speed;
  const work = (left * ms) / timed;
  const hours = work / 3600000;
  if (hours > 12) return `${speed}, about ${formatted(Math.round(hours))} hours of work left`;
  return `${speed}, done at about ${clockTime(now + work)}`;
}
