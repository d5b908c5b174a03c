// The dealer: asks the server for a reviewer's next cards, keeps their leases alive while the page is open, and knows what
// the server's last answer could not.

import { ask, Shelf } from "./shared.js";

const RENEW_MS = 4 * 60 * 1000; // leases last ten minutes
const AGAIN_MS = 2000; // after an answer that failed
const HELD = 2000; // the server reads no longer a list

export class Dealer {
  /**
   * holds()             the examples that the page has
   * dealt(cards, gone)  more cards, and those of the held examples that were judged elsewhere or erased
   * failed(sentence)    there is no answer just now; it is asked again
   */
  constructor({ reviewer, wanted = {} }, outbox, on) {
    Object.assign(this, { wanted, outbox, on });
    this.stand = null; // {counts, left, upto} of the last answer
    this.exhausted = false; // the last hand was not full
    this.moved = new Set(); // what an answer on its way can't know of: decided or taken back, and not committed when we asked
    // A reload goes on where it was; another queue begins anew.
    this.shelf = new Shelf("sessionStorage", `winnow.since.${reviewer}.`);
    this.since = this.shelf.get(JSON.stringify(wanted));
    this.renewing = setInterval(() => this.ask(0), RENEW_MS);
  }

  close() {
    this.closed = true;
    clearInterval(this.renewing);
    clearTimeout(this.retrying);
  }

  /** Ask for so many cards more, unless an answer is on its way; 0 only renews the leases of what the page holds. */
  async ask(count) {
    if (this.asking || this.closed) return;
    this.asking = true;
    this.moved = new Set(this.outbox.items.map(({ example }) => example));
    const held = [...new Set([...this.on.holds(), ...this.moved])].slice(0, HELD);
    try {
      const said = await ask("/api/deck", this.outbox.token, { count, held, since: this.since, wanted: this.wanted });
      this.asking = false;
      if (!this.closed) this.answered(said, count, held);
    } catch (error) {
      this.asking = false;
      if (!this.closed) this.failed(error, count);
    }
  }

  answered({ cards, gone, counts, left, upto, since }, count, held) {
    this.stand = { counts, left, upto };
    if (this.since !== since) this.shelf.put(JSON.stringify(this.wanted), (this.since = since));
    if (count) this.exhausted = cards.length < count;
    // What was decided while the answer was on its way is known better here than there.
    const known = new Set([...held, ...this.on.holds(), ...this.moved]);
    this.on.dealt(cards.filter(({ example }) => !known.has(example)), gone.filter((example) => !this.moved.has(example)));
  }

  failed(error, count) {
    if (error.status === undefined) throw error; // ours, not the server's
    if (error.status === 403) this.outbox.renew();
    this.retrying = setTimeout(() => this.ask(count), AGAIN_MS);
    this.on.failed(`${error.message} Trying again…`);
  }

  /** The server's counts, and what is left, with what it doesn't know of yet; null before its first answer. */
  get tally() {
    return this.stand && this.outbox.tallied(this.stand.counts, this.stand.left, this.stand.upto);
  }
}
