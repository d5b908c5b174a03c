// @ts-check
// The review deck. A key draws the next picture at once, from what was fetched and decoded ahead; the verdict goes to the
// server in the background, and stays in this browser until the server says that it is committed (the outbox).

import { ask, clicked, fitted, made, newId, partsOf, RouteError } from "../shared.js";
import {
  DONE, doubtInWords, drawCounts, endOf, keysOf, lasting, LEFT_OUT, offerReasons, opinionsInWords, POLL_MS, reasonInWords,
  settlesIt, undoOf, verdictOn,
} from "../review.js";
import { keysElsewhere } from "../keys.js";
import { Outbox } from "../outbox.js";
import { Dealer } from "../dealer.js";
import { paceInWords, Sitting } from "../sitting.js";
import { Pictures } from "./pictures.js";
import { Stage } from "./stage.js";

const AHEAD = 20; // pictures decoded ahead
const BEHIND = 10; // pictures kept for undo
const HAND = 40; // cards asked for at a time, before fewer than AHEAD are left
const LINES = 84; // CSS pixels of a caption with two lines of reasons
/** @type {Record<string, string>} */
const KEYS = {
  k: "keep", a: "keep", f: "fix", x: "reject", " ": "skip", u: "undo", Backspace: "undo", v: "view", m: "mask", h: "hide", z: "zoom",
  "[": "fainter", "]": "stronger", g: "gold", "?": "help",
};
const SEEING = ["keep", "fix"]; // what only a picture on screen can get
const REPEATING = ["fainter", "stronger"];
const DID = { keep: "Kept", fix: "To be fixed", reject: "Rejected", skip: "Skipped", undo: "Undone" };

class Deck {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  leave = new AbortController();
  /** @type {(event: KeyboardEvent) => boolean} */
  isTheirs = () => false;

  /** @param {ReviewData} data @param {(what: "renew" | "clear") => void} tell */
  constructor({ reviewer, token, wanted, lead, side, tint, reasons, pace }, tell) {
    this.clear = () => tell("clear");
    this.wanted = wanted;
    this.lead = lead;
    this.side = side;
    this.reasons = reasons;
    this.pace = pace;
    this.keys = { ...KEYS, ...keysOf(reasons) };
    this.outbox = new Outbox(reviewer, {
      token,
      renew: () => tell("renew"),
      changed: () => this.tell(),
      elsewhere: (item) => this.elsewhere(item),
      saved: () => this.saved(),
      refusal: (item) => this.sitting.forget(item.client_id),
    });
    this.dealer = new Dealer(wanted, this.outbox, {
      holds: () => [...(this.current ? [this.current] : []), ...this.fresh, ...this.skipped].map(({ example }) => example),
      dealt: (cards, gone) => this.dealt(cards, gone),
      failed: (says) => {
        if (!this.current) this.become("loading", says);
      },
    });
    this.sitting = new Sitting(reviewer, () => this.tell());
    this.pictures = new Pictures(tint, (example) => this.arrived(example));
    /** @type {Card | null} */
    this.current = null;
    /** @type {Card[]} */
    this.fresh = []; // not seen yet
    /** @type {Card[]} */
    this.skipped = []; // come again when nothing fresh is left
    /** @type {Set<string>} */
    this.golden = new Set(); // client ids of verdicts that were made control examples here
    this.state = "loading";
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    this.at.unknown.textContent = LEFT_OUT;
    const { signal } = this.leave;
    offerReasons(this.at, this.reasons);
    this.stage = new Stage(this.at, this.side, { swiped: (what) => this.act(what), changed: () => this.tools(), signal });
    this.isTheirs = keysElsewhere(root, signal);
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, signal });
    window.addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && this.stage?.hold("key", false), { signal });
    root.addEventListener("click", (event) => {
      const button = clicked(/** @type {MouseEvent} */ (event));
      if (button) this.act(button.dataset.do ?? "", button.value || undefined);
    }, { signal });
    this.at.opacity.addEventListener("input", () => this.stage?.fadeTo(this.at.opacity.value / 100), { signal });
    this.at.help.addEventListener("click", (/** @type {Event} */ event) => event.target === this.at.help && this.at.help.close(), { signal });
    this.at.gold.hidden = !this.lead;
    this.at.deck.toggleAttribute("data-lead", this.lead);
    fitted(this.at.deck, this.at.frame, signal, () => this.below());
    this.stage.apply();
    this.tell();
    this.outbox.flush();
    this.dealer.ask(HAND);
  }

  unmount() {
    this.gone = true;
    this.leave.abort();
    for (const timer of [this.polling, this.speaking, this.flashing]) clearTimeout(timer);
    for (const part of [this.dealer, this.outbox, this.sitting, this.pictures]) part.close();
  }

  /** The height of what must be seen below the picture: its caption, or in one column the verdicts and reasons. */
  below() {
    const { frame, verdicts, because } = this.at;
    const column = verdicts.getBoundingClientRect().left < frame.getBoundingClientRect().right;
    return column ? verdicts.offsetHeight + because.offsetHeight + 36 : LINES;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const { help } = this.at;
    const what = help.open ? (key === "?" ? "help" : undefined) : this.keys[key];
    if (this.isTheirs(event) && !(help.open && !event.ctrlKey && !event.metaKey && !event.altKey)) return;
    // C and R are Streamlit's own shortcuts ("clear caches", "rerun"): they must not be pressed by mistake.
    if (!what && !["c", "r"].includes(key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (what && (!event.repeat || REPEATING.includes(what))) this.act(what);
  }

  /** @param {string} what @param {string} [value] of a button */
  act(what, value) {
    const { stage } = this;
    if (!stage) return;
    /** @type {Record<string, () => unknown>} */
    const looks = {
      view: () => stage.turn(value),
      mask: () => stage.set({ masked: !stage.masked }),
      hide: () => stage.hold("key", true),
      zoom: () => stage.zoomOn(),
      fainter: () => stage.fadeBy(-1),
      stronger: () => stage.fadeBy(1),
      undo: () => this.undo(),
      gold: () => this.toggleGold(),
      help: () => (this.at.help.open ? this.at.help.close() : this.at.help.showModal()),
      closeHelp: () => this.at.help.close(),
      dismiss: () => this.outbox.dismiss(),
      clear: () => this.clear(),
    };
    if (looks[what]) return looks[what]();
    // Nobody judges a picture that is not on screen; a missing one can only be rejected or skipped.
    if (!this.current || !(this.state === "showing" || (this.state === "missing" && !SEEING.includes(what)))) return;
    if (what === "skip") return this.skip(this.current);
    if (what === "keep" || what === "fix") return this.decide(this.current, what);
    this.decide(this.current, "reject", this.reasons.some(({ name }) => name === what) ? what : null);
  }

  // --- what a key does -------------------------------------------------------------------------------------------

  /** @param {Card} card @param {Decision} decision @param {string | null} reason */
  decide(card, decision, reason = null) {
    this.dealer.moved.add(card.example);
    this.next(); // the picture first
    const item = this.outbox.add({ ...verdictOn(card, decision), reason, settles: settlesIt(this, card) });
    this.sitting.add({ card, did: decision, reason, client_id: item.client_id, order: item.order });
    this.say(decision, card, reason);
    this.tell();
    this.deal();
  }

  /** @param {Card} card */
  skip(card) {
    this.sitting.add({ card, did: "skip", client_id: newId(), order: this.outbox.stamp() });
    this.skipped.push(card);
    this.next();
    this.say("skip", card);
    this.deal();
  }

  undo() {
    const last = this.sitting.pop();
    if (!last) return;
    const { card, did } = last;
    if (this.current && this.current.example !== card.example) this.fresh.unshift(this.current);
    this.without(card.example); // a skipped one may have come again since
    if (did !== "skip") {
      this.dealer.moved.add(card.example);
      this.outbox.add(undoOf(card, did));
      if (this.golden.has(last.client_id)) this.gold(last, false);
    }
    this.show(card);
    this.say("undo", card);
    this.tell();
  }

  /** Make the newest verdict a control example, or withdraw it. */
  toggleGold() {
    const entry = this.sitting.verdict;
    if (this.lead && entry) this.gold(entry, !this.golden.has(entry.client_id));
  }

  /** @param {Entry} entry @param {boolean} known */
  async gold({ client_id, card, did, reason }, known) {
    const answer = known ? { decision: did, reason: reason ?? null } : { decision: null, reason: null };
    let says = known ? `Control example: ${card.photo} (${DONE[did]})` : `No longer a control example: ${card.photo}`;
    try {
      await ask("/api/gold", this.outbox.token, { example: card.example, ...answer });
      if (known) this.golden.add(client_id);
      else this.golden.delete(client_id);
    } catch (error) {
      if (!(error instanceof RouteError)) throw error;
      if (error.is("stale_page")) this.outbox.renew();
      says = `${card.photo} is ${known ? "not" : "still"} a control example: ${error.message}`;
    }
    if (this.gone) return;
    this.at.last.textContent = says;
    this.tools();
  }

  next() {
    let card = this.fresh.shift();
    if (!card && this.dealer.exhausted) card = this.skipped.shift();
    this.show(card ?? null);
  }

  /** Take an example out of the hand, but not off the stage. @param {number} example */
  without(example) {
    const others = (/** @type {Card} */ card) => card.example !== example;
    this.fresh = this.fresh.filter(others);
    this.skipped = this.skipped.filter(others);
  }

  /** Nobody needs to judge an example that was judged or erased elsewhere. @param {number} example @param {string} says */
  drop(example, says) {
    this.without(example);
    if (this.current?.example !== example) return;
    const { photo } = this.current;
    this.next();
    this.at.last.textContent = `${says}: ${photo}`;
  }

  /** @param {Item} item */
  elsewhere({ example, decision }) {
    this.dealer.moved.add(example);
    if (decision === "undo") return; // that tab shows it
    this.drop(example, `${DID[decision]} in your other tab`);
    this.deal();
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  /** @param {Card | null} card */
  show(card) {
    this.current = card;
    clearTimeout(this.polling);
    if (card) this.look(card);
    else if (this.dealer.exhausted) this.done();
    else this.become("loading", "Loading the next pictures…");
    this.prefetch();
    this.describe();
    this.tell();
  }

  /** Show a card's picture, or say what it waits for. @param {Card} card */
  look({ example }) {
    const picture = this.pictures.of(example);
    if (!picture) return this.become("loading", "Loading the picture…");
    if (picture.missing) return this.become("missing", "This picture is missing from the store or damaged. Skip it and tell your lead, who can heal it.");
    this.become("showing", "", picture);
  }

  /** @param {number} example */
  arrived(example) {
    if (!this.current || example !== this.current.example || this.state !== "loading") return;
    this.look(this.current);
    this.tell();
  }

  /** Hold the pictures that come next, and those that undo brings back. */
  prefetch() {
    const { current, fresh, skipped, sitting } = this;
    const ahead = [current, ...fresh.slice(0, AHEAD), ...skipped.slice(0, Math.max(1, AHEAD - fresh.length))];
    const behind = sitting.entries.slice(-BEHIND).map(({ card }) => card).reverse();
    this.pictures.want([...ahead, ...behind].filter((card) => card !== null && card !== undefined));
  }

  /** @param {string} state @param {string} says @param {import("../looks.js").Picture | null} picture */
  become(state, says = "", picture = null) {
    this.state = this.at.deck.dataset.state = state;
    this.stage?.show(picture);
    this.at.over.hidden = state === "showing";
    if (says) this.at.over.replaceChildren(made("p", { textContent: says }));
    this.at.photo.dataset.example = this.current?.example ?? "";
    this.at.photo.dataset.state = state;
  }

  done() {
    this.become("done");
    this.at.over.replaceChildren(...endOf(this, this.sitting.entries.length ? "the last verdict" : ""));
    clearTimeout(this.polling);
    this.polling = setTimeout(() => this.dealer.ask(HAND), POLL_MS);
  }

  describe() {
    const card = this.current;
    this.at.caption.hidden = !card;
    clearTimeout(this.speaking);
    if (!card) return;
    this.at.file.textContent = this.at.file.title = card.photo;
    this.at.split.textContent = card.split;
    this.at.drawn.hidden = !card.drawn;
    this.at.unknown.hidden = !card.unknown;
    this.at.terms.textContent = this.at.terms.title = card.terms;
    if (card.terms) this.at.terms.hidden = false; // and it keeps its place, so that nothing moves when the next card has none
    this.at.meter.style.width = `${Math.round(card.suspicion * 100)}%`;
    this.at.doubt.textContent = doubtInWords(card);
    this.at.reasons.textContent = card.reasons.join("; ");
    this.at.opinions.textContent = opinionsInWords(card, this.reasons).join(" · ");
    this.at.photo.setAttribute("aria-label", `${card.photo} with its mask${card.drawn ? ", a drawn portrait" : ""}${card.unknown ? `, ${LEFT_OUT}` : ""}`);
    // A screen reader hears only of pictures that stay.
    this.speaking = setTimeout(() => (this.at.spoken.textContent = `${card.photo}. ${doubtInWords(card)}. ${card.reasons.join("; ")}`), 600);
  }

  /** @param {keyof typeof DID} what @param {Card} card @param {string | null} reason */
  say(what, card, reason = null) {
    this.at.last.textContent = `${DID[what]}: ${card.photo}${reason ? ` (${reasonInWords(this.reasons, reason)})` : ""}`;
    this.at.frame.dataset.flash = what;
    clearTimeout(this.flashing);
    this.flashing = setTimeout(() => delete this.at.frame.dataset.flash, 160);
  }

  // --- counts and buttons ----------------------------------------------------------------------------------------

  tell() {
    if (!this.root || this.gone) return;
    const { tally } = this.dealer;
    drawCounts(this.at, this.at.deck, this.outbox, tally, this.wanted);
    if (tally) this.at.pace.textContent = paceInWords(this.sitting.times, tally.left, this.pace);
    this.tools();
  }

  /** Which buttons can be pressed, and which are. */
  tools() {
    const { stage, at, root } = this;
    if (!stage || !root) return;
    const ready = this.state === "showing" || this.state === "missing";
    const decides = ["keep", "fix", "reject", "skip", ...this.reasons.map(({ name }) => name)];
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("button[data-do]"))) {
      const what = button.dataset.do ?? "";
      if (what === "undo") button.disabled = !this.sitting.entries.length;
      if (what === "gold") button.disabled = !this.sitting.verdict;
      if (decides.includes(what)) button.disabled = !ready || (SEEING.includes(what) && this.state === "missing");
      if (what === "view") button.setAttribute("aria-pressed", String(button.value === stage.view));
    }
    at.maskButton.setAttribute("aria-pressed", String(stage.masked));
    at.gold.setAttribute("aria-pressed", String(this.golden.has(this.sitting.verdict?.client_id ?? "")));
    at.zoom.hidden = stage.zoomed.zoom === 1;
    at.zoom.textContent = `${Math.round(10 * stage.zoomed.zoom) / 10}×`;
    at.opacity.value = String(Math.round(100 * stage.opacity[stage.view]));
    at.opacity.setAttribute("aria-valuetext", `${at.opacity.value} %`);
  }

  // --- the server ------------------------------------------------------------------------------------------------

  saved() {
    if (this.state === "done" && !this.outbox.items.length) this.dealer.ask(HAND); // how it stands now, and what came since
  }

  /** Ask for cards when few are left. */
  deal() {
    if (this.fresh.length < AHEAD + 5 && !this.dealer.exhausted) this.dealer.ask(HAND);
  }

  /** @param {Card[]} cards @param {number[]} gone */
  dealt(cards, gone) {
    this.fresh.push(...cards);
    for (const example of gone) this.drop(example, "Judged elsewhere or erased");
    if (this.current) this.prefetch();
    else this.next();
    this.tell();
  }
}

export default lasting(Deck);
