// @ts-check
// The dealer: asks the server for a reviewer's next cards, keeps their leases alive while the page is open and gives them back
// when it closes, and knows what happened after the server's last answer.

import { ask, newId, RouteError, Shelf, tellLeaving } from "./shared.js";

const RENEW_MS = 4 * 60 * 1000; // leases last ten minutes
const AGAIN_MS = 2000; // after an answer that failed
const HELD = 2000; // the longest list that the server reads

/** @import { Outbox } from "./outbox.js" */

/**
 * What a dealer calls:
 * @typedef {object} DealerCalls
 * @property {() => number[]} holds the examples that the page has
 * @property {(cards: Card[], gone: number[]) => void} dealt more cards, and those held that were judged elsewhere or erased
 * @property {(sentence: string) => void} failed there was no answer; the dealer asks again
 */

export class Dealer {
  /** @param {Wanted} wanted @param {Outbox} outbox @param {DealerCalls} on */
  constructor(wanted, outbox, on) {
    this.wanted = wanted;
    this.outbox = outbox;
    this.on = on;
    this.page = newId(); // this one, of several that the reviewer may have open
    /** @type {Stand | null} */
    this.stand = null; // of the last answer
    this.exhausted = false; // the last hand was not full
    /** @type {Set<number>} */
    this.moved = new Set(); // examples judged or undone since we asked: the answer on its way cannot know of them
    // A reload continues where it was; another queue begins anew.
    this.shelf = new Shelf("sessionStorage", `winnow.since.${outbox.reviewer}.`);
    this.since = this.shelf.get(JSON.stringify(wanted));
    this.renewing = setInterval(() => this.ask(0), RENEW_MS);
    // A page that the browser sets aside may come back; its leases run out if it does not.
    this.leaving = (/** @type {Event} */ event) => /** @type {PageTransitionEvent} */ (event).persisted || this.giveBack();
    window.addEventListener("pagehide", this.leaving);
  }

  close() {
    this.giveBack();
    window.removeEventListener("pagehide", this.leaving);
    this.closed = true;
    clearInterval(this.renewing);
    clearTimeout(this.retrying);
  }

  /** Others need not wait for what this page leaves, but for what it judged and has not sent. */
  giveBack() {
    const judged = this.outbox.items.map(({ example }) => example);
    const held = this.on.holds().filter((example) => !judged.includes(example)).slice(0, HELD);
    tellLeaving("/api/deck/leave", this.outbox.token, { page: this.page, held });
  }

  /**
   * Ask for more cards, unless an answer is on its way; 0 only renews the leases of what the page holds.
   * @param {number} count
   */
  async ask(count) {
    if (this.asking || this.closed) return;
    this.asking = true;
    this.moved = new Set(this.outbox.items.map(({ example }) => example));
    const held = [...new Set([...this.on.holds(), ...this.moved])].slice(0, HELD);
    try {
      const answer = await ask("/api/deck", this.outbox.token, { count, held, page: this.page, since: this.since, wanted: this.wanted });
      this.asking = false;
      if (!this.closed) this.answered(answer, count, held);
    } catch (error) {
      this.asking = false;
      if (!this.closed) this.failed(error, count);
    }
  }

  /**
   * @param {{cards: Card[], gone: number[], since: number} & Stand} answer
   * @param {number} count @param {number[]} held
   */
  answered({ cards, gone, since, ...stand }, count, held) {
    this.stand = count ? stand : { ...stand, others: this.stand?.others ?? 0 }; // a renewal does not look for what others have
    if (this.since !== since) this.shelf.put(JSON.stringify(this.wanted), (this.since = since));
    if (count) this.exhausted = cards.length < count;
    // The page knows better than this answer what was judged while it was on its way.
    const known = new Set([...held, ...this.on.holds(), ...this.moved]);
    this.on.dealt(cards.filter(({ example }) => !known.has(example)), gone.filter((example) => !this.moved.has(example)));
  }

  /** @param {unknown} error @param {number} count */
  failed(error, count) {
    if (!(error instanceof RouteError)) throw error; // a fault of this page, not the server's answer
    if (error.is("stale_page")) this.outbox.renew();
    this.retrying = setTimeout(() => this.ask(count), AGAIN_MS);
    this.on.failed(`${error.message} Trying again…`);
  }

  /**
   * The server's counts and what is left, with the verdicts that it does not know of yet; null before its first answer. What is
   * in hand is left, too: second opinions and control examples are in no count.
   * @returns {Counts | null} with `left`, and `elsewhere`, `others` and `until` as in Stand
   */
  get tally() {
    if (!this.stand) return null;
    const { counts, left, elsewhere, others, until, upto } = this.stand;
    const tally = this.outbox.tallied(counts, left, upto);
    return { ...tally, left: Math.max(tally.left, this.on.holds().length), elsewhere, others, until };
  }
}
