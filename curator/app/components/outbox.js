// The outbox of one reviewer: verdicts on their way to the server. One that the server hasn't acknowledged is kept in
// localStorage, an entry each, so that a reload loses none; the server takes a repeat once, by its client id. All tabs of
// a reviewer hold the same items in the same order and may all send them: so an undo never overtakes what it undoes.

import { ask, byOrder, formatted, newId, Shelf } from "./shared.js";

const BATCH = 100; // the server takes up to 200 at a time
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
const LATE_MS = 900; // a moment's delay is no news; a second's is
const ELSEWHERE_MS = 3000; // what another tab hasn't sent by then is sent from here: it may be closed

export class Outbox {
  /**
   * `on` is what to call, each may be left out:
   * changed()         items, refusals, trouble or tally are not what they were
   * renew()           the token is too old: run the page again, which gives use() a new one; asked once a token
   * elsewhere(item)   another tab of this reviewer gave this verdict
   * saved(items)      the server has committed these
   * refusal(item)     the server will not take this one, `item.error` says why
   */
  constructor(reviewer, { token, ...on }) {
    const nothing = () => {};
    this.on = { changed: nothing, renew: nothing, elsewhere: nothing, saved: nothing, refusal: nothing, ...on };
    this.token = token;
    this.shelf = new Shelf("localStorage", `winnow.verdict.${reviewer}.`);
    this.items = []; // not acknowledged yet, oldest first
    this.refused = []; // set aside, until dismiss()
    this.trouble = null; // why sending fails just now, in a sentence
    this.committed = []; // [{number, item}]: acknowledged, but newer than the last counts
    this.order = [0, 0]; // the newest place in the order of things: [time, count]
    this.tries = 0;
    this.careful = 0; // how many to send one by one
    for (const item of this.shelf.all()) this.take(item);
    this.tabs = new BroadcastChannel(`winnow.outbox.${reviewer}`);
    this.tabs.onmessage = ({ data }) => this.hear(data);
    this.online = () => this.flush();
    window.addEventListener("online", this.online);
  }

  /** Stop sending; what is left stays in the browser for the next page. */
  close() {
    this.closed = true;
    this.tabs.close();
    window.removeEventListener("online", this.online);
    for (const timer of [this.retrying, this.warning, this.stepping]) clearTimeout(timer);
  }

  /** A new token from the page. */
  use(token) {
    if (token === this.token) return;
    this.token = token;
    this.renewed = false;
    this.flush();
  }

  /** Ask for a new token, once for each: a server that refuses the new one too is not asked for ever. */
  renew() {
    if (this.renewed || this.closed) return;
    this.renewed = true;
    this.on.renew();
  }

  /**
   * Keep a verdict and send it. `decision` is keep, reject or undo; an undo says in `from` what it takes back. `photo` is
   * for people, should the verdict be refused; `settles` ends a dispute. Returns the item, with its `client_id`.
   */
  add({ example, photo, decision, reason = null, settles = false, from = "open" }) {
    const item = {
      example, photo, decision, reason, settles, from, to: decision === "undo" ? "open" : decision,
      client_id: newId(), order: this.stamp(),
    };
    this.take(item);
    this.shelf.put(item.client_id, item);
    this.spread({ added: item });
    this.changed();
    queueMicrotask(() => this.flush()); // what is added in one go is sent in one request
    return item;
  }

  /** The next place in the order of things; clocks may be set back. */
  stamp() {
    const [time, count] = this.order;
    return (this.order = [Math.max(time, Date.now()), count + 1]);
  }

  /** Send what waits, unless it is being sent. */
  async flush() {
    if (this.sending || this.closed || !this.items.length) return;
    clearTimeout(this.retrying);
    this.sending = true;
    const batch = this.items.slice(0, this.careful ? 1 : BATCH);
    try {
      const verdicts = batch.map(({ example, decision, reason, client_id, settles }) => ({
        example, decision, reason, client_id, ...(settles && { settles }),
      }));
      const said = await ask("/api/verdicts", this.token, { verdicts });
      this.trouble = null;
      this.tries = 0;
      const refused = Object.fromEntries(said.refused.map(({ client_id, error }) => [client_id, error]));
      this.answered(batch, said.ids, refused);
    } catch (error) {
      this.failed(error, batch);
    } finally {
      this.sending = false;
    }
    this.changed();
    if (!this.trouble) this.flush();
  }

  answered(batch, ids, refused) {
    if (this.careful) this.careful--;
    this.spread({ settled: { ids, refused } });
    this.settle(batch, ids, refused);
  }

  /** These have been answered: out of the browser, and counted or set aside. */
  settle(items, ids, refused) {
    const mine = items.filter((item) => this.items.includes(item));
    this.items = this.items.filter((item) => !mine.includes(item));
    this.shelf.drop(mine.map((item) => item.client_id));
    const taken = mine.filter((item) => !(item.client_id in refused));
    this.committed.push(...taken.map((item) => ({ number: ids[item.client_id], item })));
    if (this.closed) return;
    if (taken.length) this.on.saved(taken);
    for (const item of mine) {
      if (!(item.client_id in refused)) continue;
      item.error = refused[item.client_id];
      this.refused.push(item);
      this.on.refusal(item);
    }
  }

  failed(error, batch) {
    if ([400, 404, 409].includes(error.status)) {
      // The whole batch was refused, maybe for one of them: send one by one, and set aside what is refused alone.
      this.trouble = null;
      if (batch.length > 1) this.careful = batch.length;
      else this.answered(batch, {}, { [batch[0].client_id]: error.message });
      return;
    }
    this.trouble = error.message;
    if (error.status === 403) this.renew();
    if (this.closed) return;
    this.retrying = setTimeout(() => this.flush(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
  }

  spread(news) {
    if (!this.closed) this.tabs.postMessage(news);
  }

  /** News from another tab of this reviewer. */
  hear({ added, settled }) {
    if (added && this.take(added)) {
      this.on.elsewhere(added);
      clearTimeout(this.stepping);
      this.stepping = setTimeout(() => this.flush(), ELSEWHERE_MS);
    }
    if (settled) {
      const { ids, refused } = settled;
      this.settle(this.items.filter(({ client_id }) => client_id in ids || client_id in refused), ids, refused);
    }
    this.changed();
  }

  /** Put an item in its place; false where it is there already. */
  take(item) {
    if (this.items.some(({ client_id }) => client_id === item.client_id)) return false;
    this.items.push(item);
    this.items.sort(byOrder);
    if (byOrder(this, item) < 0) this.order = item.order;
    return true;
  }

  /** Whether a verdict on this example waits to be sent. */
  holds(example) {
    return this.items.some((item) => item.example === example);
  }

  dismiss() {
    this.refused = [];
    this.changed();
  }

  changed() {
    clearTimeout(this.warning);
    if (this.closed) return;
    if (this.items.length && !this.late()) this.warning = setTimeout(() => this.changed(), LATE_MS + 100);
    this.on.changed();
  }

  late() {
    return this.items.length > 0 && Date.now() - this.items[0].order[0] > LATE_MS;
  }

  /** What a reviewer should know about verdicts that are not saved, "" when there is nothing to say. */
  says() {
    const late = `${formatted(this.items.length)} not saved yet. Kept in this browser${this.trouble ? "; trying again" : ""}.`;
    const refused = this.refused.map(({ photo, example, error }) => `Not taken: ${photo ?? `example ${example}`}. ${error}`);
    return [...(this.late() ? [this.trouble, late] : []), ...refused].filter(Boolean).join(" ");
  }

  /**
   * The counts and what is left as the deck last heard of them, with every verdict of ours that is newer: those that wait
   * here, and those that were committed after number `upto`. Every verdict lowers `left`, whatever it was about.
   */
  tallied(counts, left, upto) {
    this.committed = this.committed.filter(({ number }) => number > upto);
    const tally = { ...counts, left };
    for (const item of [...this.committed.map((entry) => entry.item), ...this.items]) {
      tally[item.from]--;
      tally[item.to]++;
      tally.left += item.decision === "undo" ? 1 : -1;
    }
    for (const name of Object.keys(tally)) tally[name] = Math.max(0, tally[name]);
    return tally;
  }
}
