// A sitting: what one reviewer did since they sat down, newest last. All their tabs share it, and it survives the reload
// of a tab (sessionStorage). It is what undo takes back, and what the pace is read from.

import { byOrder, formatted, Shelf } from "./shared.js";

const DEEP = 2000; // entries kept
const WORK_MS = 5 * 60 * 1000; // the pace is that of the last five minutes of work
const PAUSE_MS = 60 * 1000; // who did nothing for longer was away
const ENOUGH = 10; // verdicts, before a pace means anything

/** An entry is {card, did: "keep" | "reject" | "skip", reason, client_id, order}; a skip stays in its own tab. */
export class Sitting {
  constructor(reviewer, changed = () => {}) {
    this.changed = changed;
    this.shelf = new Shelf("sessionStorage", `winnow.sitting.${reviewer}.`);
    this.entries = this.shelf.all().sort(byOrder);
    this.taken = new Set(); // client ids of what was taken back: news of it may still be on its way
    this.tabs = new BroadcastChannel(`winnow.sitting.${reviewer}`);
    this.tabs.onmessage = ({ data }) => this.hear(data);
    this.tabs.postMessage({ hello: true });
  }

  close() {
    this.tabs.close();
  }

  add(entry) {
    this.insert([entry]);
    if (entry.did !== "skip") this.tabs.postMessage({ added: [entry], taken: [] });
  }

  /** Take back the newest entry, wherever it was given; undefined where there is none. */
  pop() {
    const entry = this.entries.at(-1);
    if (entry) this.forget(entry.client_id);
    return entry;
  }

  /** Leave an entry out, in all tabs. */
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

  hear({ hello, added, taken }) {
    if (hello) {
      const verdicts = this.entries.filter(({ did }) => did !== "skip");
      return this.tabs.postMessage({ added: verdicts, taken: [...this.taken] });
    }
    this.remove(taken);
    this.insert(added);
    this.changed();
  }

  insert(entries) {
    const known = new Set(this.entries.map(({ client_id }) => client_id));
    const fresh = entries.filter(({ client_id }) => !known.has(client_id) && !this.taken.has(client_id));
    if (!fresh.length) return;
    this.entries.push(...fresh);
    this.entries.sort(byOrder);
    for (const entry of fresh) this.shelf.put(entry.client_id, entry);
    this.shelf.drop(this.entries.splice(0, this.entries.length - DEEP).map(({ client_id }) => client_id));
  }

  remove(client_ids) {
    for (const client_id of client_ids) this.taken.add(client_id);
    this.entries = this.entries.filter(({ client_id }) => !this.taken.has(client_id));
    this.shelf.drop(client_ids);
  }
}

/**
 * How fast verdicts came over the last five minutes of work, and when `left` more will be given at that pace, from
 * `times` in ms, oldest first: {perMinute, until}, or null before there are enough. Pauses are not work.
 */
export function pace(times, left, now) {
  if (times.length < ENOUGH) return null;
  let [work, given] = [0, 0];
  for (let i = times.length - 1; i > 0 && work < WORK_MS; i--) {
    const took = times[i] - times[i - 1];
    if (took > PAUSE_MS) continue;
    work += took;
    given++;
  }
  return work ? { perMinute: (given * 60000) / work, until: now + (left * work) / given } : null;
}

/** A pace in words: "38 a minute, done about 16:40"; "" for null. */
export function paceInWords(found, left, now) {
  if (!found) return "";
  const speed = `${formatted(Math.max(1, Math.round(found.perMinute)))} a minute`;
  if (!left) return speed;
  const hours = (found.until - now) / 3600000;
  if (hours > 12) return `${speed}, about ${formatted(Math.round(hours))} hours of work left`;
  return `${speed}, done about ${new Date(found.until).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}
