// @ts-check
// The outbox of one reviewer: verdicts on their way to the server. One that the server has not acknowledged is kept in
// localStorage, an entry each, so that a reload loses none; the server takes a repeat once, by its client id. All tabs of
// a reviewer hold the same items in the same order, and each may send them: so an undo never overtakes what it undoes.

import { ask, byOrder, formatted, newId, RouteError, Shelf } from "./shared.js";

const BATCH = 100; // the server takes up to 200 at a time
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
const LATE_MS = 900; // nobody needs to hear of a shorter delay
const WAITS = ["open", "repaired"]; // for a verdict
const ELSEWHERE_MS = 3000; // what another tab has not sent by then is sent from here: that tab may be closed

/**
 * What an outbox calls; each may be left out:
 * @typedef {object} OutboxCalls
 * @property {() => void} changed items, refusals, trouble or tally have changed
 * @property {() => void} renew the token is too old: run the page again, which gives use() a new one; once for each token
 * @property {(item: Item) => void} elsewhere another tab of this reviewer gave this verdict
 * @property {(items: Item[]) => void} saved the server has committed these
 * @property {(item: Item) => void} refusal the server does not accept this one; `item.error` says why
 */

export class Outbox {
  /** @param {string} reviewer @param {{token: string} & Partial<OutboxCalls>} options */
  constructor(reviewer, { token, ...on }) {
    const nothing = () => {};
    /** @type {OutboxCalls} */
    this.on = { changed: nothing, renew: nothing, elsewhere: nothing, saved: nothing, refusal: nothing, ...on };
    this.reviewer = reviewer;
    this.token = token;
    this.shelf = new Shelf("localStorage", `winnow.verdict.${reviewer}.`);
    /** @type {Item[]} */
    this.items = []; // not acknowledged yet, oldest first
    /** @type {Item[]} */
    this.refused = []; // set aside, until dismiss()
    /** @type {string | null} */
    this.trouble = null; // why sending fails at the moment, in a sentence
    /** @type {{number: number, item: Item}[]} */
    this.committed = []; // acknowledged, but newer than the last counts
    /** @type {Order} */
    this.order = [0, 0]; // the newest one given out or heard of
    this.tries = 0;
    this.careful = 0; // how many items to send one by one
    for (const item of this.shelf.all()) this.take(item);
    this.tabs = new BroadcastChannel(`winnow.outbox.${reviewer}`);
    this.tabs.onmessage = ({ data }) => this.hear(data);
    this.online = () => this.flush();
    window.addEventListener("online", this.online);
  }

  /** Stop sending; what is left stays in the browser, for the next page. */
  close() {
    this.closed = true;
    this.tabs.close();
    window.removeEventListener("online", this.online);
    for (const timer of [this.retrying, this.warning, this.stepping]) clearTimeout(timer);
  }

  /** A new token from the page. @param {string} token */
  use(token) {
    if (token === this.token) return;
    this.token = token;
    this.renewed = false;
    this.flush();
  }

  /** Ask for a new token, once for each: or a server that refuses every token would be asked for ever. */
  renew() {
    if (this.renewed || this.closed) return;
    this.renewed = true;
    this.on.renew();
  }

  /**
   * Keep a verdict and send it; the item, with its `client_id`. `from` and `to` are where the example stood and stands. `photo`
   * is shown when the verdict is refused; `mask` is the one that was seen; `settles` ends a dispute.
   * @param {Pick<Item, "example" | "decision"> & Partial<Item>} verdict
   */
  add({ example, photo, mask, decision, reason = null, settles = false, from = "open", to = decision === "undo" ? "open" : decision }) {
    /** @type {Item} */
    const item = { example, photo, mask, decision, reason, settles, from, to, client_id: newId(), order: this.stamp() };
    this.take(item);
    this.shelf.put(item.client_id, item);
    this.spread({ added: item });
    this.changed();
    queueMicrotask(() => this.flush()); // what is added together is sent in one request
    return item;
  }

  /** The order of what happens now: after all before it, even if the clock was set back. */
  stamp() {
    const [time, count] = this.order;
    this.order = [Math.max(time, Date.now()), count + 1];
    return this.order;
  }

  /** Send what waits, unless it is being sent. */
  async flush() {
    if (this.sending || this.closed || !this.items.length) return;
    clearTimeout(this.retrying);
    this.sending = true;
    const batch = this.items.slice(0, this.careful ? 1 : BATCH);
    try {
      const verdicts = batch.map(({ example, decision, reason, client_id, settles, mask }) => ({
        example, decision, reason, client_id, ...(settles && { settles }), ...(mask && { mask }),
      }));
      const answer = await ask("/api/verdicts", this.token, { verdicts });
      this.trouble = null;
      this.tries = 0;
      const refusals = /** @type {{index: number, error: string}[]} */ (answer.refused);
      this.answered(batch, answer.ids, Object.fromEntries(refusals.map(({ index, error }) => [batch[index].client_id, error])));
    } catch (error) {
      this.failed(/** @type {Error} */ (error), batch);
    } finally {
      this.sending = false;
    }
    this.changed();
    if (!this.trouble) this.flush();
  }

  /** @param {Item[]} batch @param {Record<string, number>} ids @param {Record<string, string>} refused sentences */
  answered(batch, ids, refused) {
    // What the answer does not name is kept and sent again; an answer that names nothing is not Winnow's.
    if (!batch.some(({ client_id }) => client_id in ids || client_id in refused)) throw new RouteError("Winnow cannot be reached right now.", 0);
    if (this.careful) this.careful--;
    this.spread({ settled: { ids, refused } });
    this.settle(batch, ids, refused);
  }

  /**
   * These have been answered: remove them from the browser, and count them or set them aside.
   * @param {Item[]} items @param {Record<string, number>} ids @param {Record<string, string>} refused sentences
   */
  settle(items, ids, refused) {
    const mine = items.filter((item) => this.items.includes(item) && (item.client_id in ids || item.client_id in refused));
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

  /** @param {Error} error @param {Item[]} batch */
  failed(error, batch) {
    const refusal = error instanceof RouteError ? error : null;
    if (refusal?.status === 400) {
      // The server can't read the batch, perhaps because of one verdict: send them one by one, and set aside what is refused
      // alone. Nothing else is a refusal: whatever goes wrong may go right later.
      this.trouble = null;
      if (batch.length > 1) this.careful = batch.length;
      else this.answered(batch, {}, { [batch[0].client_id]: error.message });
      return;
    }
    this.trouble = error.message;
    if (refusal?.is("stale_page")) this.renew();
    if (this.closed) return;
    this.retrying = setTimeout(() => this.flush(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
  }

  /** Say something to the other tabs of this reviewer. @param {object} news */
  spread(news) {
    if (!this.closed) this.tabs.postMessage(news);
  }

  /**
   * News from another tab of this reviewer.
   * @param {{added?: Item, settled?: {ids: Record<string, number>, refused: Record<string, string>}}} news
   */
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

  /** Put an item in its place; false where it is there already. @param {Item} item */
  take(item) {
    if (this.items.some(({ client_id }) => client_id === item.client_id)) return false;
    this.items.push(item);
    this.items.sort(byOrder);
    if (byOrder(this, item) < 0) this.order = item.order;
    return true;
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

  /** What a reviewer should know about verdicts that are not saved; "" when there is nothing to say. */
  says() {
    const [count, one] = [this.items.length, this.items.length === 1];
    const unsaved = `${formatted(count)} ${one ? "verdict is" : "verdicts are"} not saved yet`;
    const late = `${unsaved}. ${one ? "It is" : "They are"} kept in this browser${this.trouble ? "; trying again" : ""}.`;
    const refused = this.refused.map(({ photo, example, error }) => `Not accepted: ${photo ?? `example ${example}`}. ${error}`);
    return [...(this.late() ? [this.trouble, late] : []), ...refused].filter(Boolean).join(" ");
  }

  /**
   * The server's last counts and what was left, with every verdict of ours that is newer: those not sent yet, and those
   * committed after number `upto`. A verdict on what waited for one lowers `left`, whichever state it really had.
   * @param {Counts} counts @param {number} left @param {number} upto
   * @returns {Counts} with `left`
   */
  tallied(counts, left, upto) {
    this.committed = this.committed.filter(({ number }) => number > upto);
    /** @type {Counts} */
    const tally = { ...counts, left };
    for (const item of [...this.committed.map((entry) => entry.item), ...this.items]) {
      tally[item.from]--;
      tally[item.to]++;
      tally.left += Number(WAITS.includes(item.to)) - Number(WAITS.includes(item.from));
    }
    for (const name of Object.keys(tally)) tally[name] = Math.max(0, tally[name]);
    return tally;
  }
}
