// @ts-check
// A sitting: what one reviewer did since they sat down, newest last. All their tabs share it, and it survives the reload
// of a tab (sessionStorage). Undo takes its newest entry back, and the pace is measured from it.

import { byOrder, formatted, Shelf } from "./shared.js";

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
   * @param {(Pick<Entry, "card" | "did" | "reason" | "client_id" | "settles" | "was"> & {at: number})[]} verdicts newest first; at: in ms since the epoch
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

  /** Whether an entry is still what was done last with its card. @param {Entry} entry */
  stands({ card, client_id }) {
    return this.past.findLast((entry) => entry.card.example === card.example)?.client_id === client_id;
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
 * How fast the newest verdicts were given, pauses left out: as `measure_pace(newest_activity(...))` in curator/review/progress.py, to
 * which tests/vectors/pace.json binds it. Verdicts of one moment, sent together, share the time since the moment before.
 * @param {number[]} times of the verdicts in ms, oldest first
 * @param {{pause_ms: number, recent_ms: number}} limits
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
 * The pace in words, with how long `left` more will take: "38 per minute, about 20 min left"; "" before there is a pace, and
 * without a time left before there is enough to tell it from.
 * @param {number[]} times of the verdicts in ms, oldest first
 * @param {number} left @param {PaceLimits} limits
 */
export function paceInWords(times, left, { pause_ms, recent_ms, forecast_ms, least_ms, enough_ms, enough }) {
  const now = pace(times, { pause_ms, recent_ms });
  if (times.length < ENOUGH || now.ms < least_ms) return "";
  const speed = `${formatted(Math.max(1, Math.round((now.timed * 60000) / now.ms)))} per minute`;
  const basis = pace(times, { pause_ms, recent_ms: forecast_ms });
  if (!left || basis.timed < enough || basis.ms < enough_ms) return speed;
  return `${speed}, ${roughly((left * basis.ms) / basis.timed)} left`;
}

/**
 * An estimate in words, with no more precision than a forecast deserves: as `roughly` in curator/ingest/pace.py, to which
 * tests/vectors/pace.json binds it.
 * @param {number} ms
 */
export function roughly(ms) {
  const minutes = ms / 60000;
  if (minutes < 0.75) return "less than a minute";
  const step = minutes < 9.5 ? 1 : minutes < 57.5 ? 5 : minutes < 172.5 ? 15 : 60;
  const rounded = step * Math.floor(minutes / step + 0.5);
  const [hours, rest] = [Math.floor(rounded / 60), rounded % 60];
  const parts = [hours && `${formatted(hours)} h`, rest && `${rest} min`].filter(Boolean);
  return `about ${parts.join(" ")}`;
}
