// The review deck. A key draws the next picture at once, from what was fetched and decoded ahead; the verdict goes to the
// server behind it, and stays in this browser until the server says that it is committed (the outbox).

import { ask, clicked, fitted, isTheirs, newId, partsOf, presented } from "../shared.js";
import { doubtInWords, drawCounts, isQueue, lasting, nothingLeft, opinionInWords, POLL_MS, REASON_WORDS, REASONS, widgetKeys } from "../review.js";
import { Outbox } from "../outbox.js";
import { Dealer } from "../dealer.js";
import { pace, paceInWords, Sitting } from "../sitting.js";
import { Pictures } from "./pictures.js";
import { Stage } from "./stage.js";

const AHEAD = 20; // pictures decoded ahead
const BEHIND = 10; // and kept for undo
const HAND = 40; // cards asked for at a time, at least AHEAD of them left
const LINES = 84; // CSS pixels of a caption with two lines of reasons
const KEYS = {
  k: "keep", a: "keep", x: "reject", " ": "skip", u: "undo", Backspace: "undo", v: "view", m: "mask", h: "hide", z: "zoom",
  "[": "fainter", "]": "stronger", g: "gold", "?": "help",
};
REASONS.forEach((reason, i) => (KEYS[i + 1] = reason));
const REPEATING = ["fainter", "stronger"];
const DID = { keep: "Kept", reject: "Rejected", skip: "Skipped", undo: "Taken back" };

class Deck {
  constructor({ reviewer, token, wanted = {}, lead = false }, renew) {
    Object.assign(this, { reviewer, wanted, lead });
    this.outbox = new Outbox(reviewer, {
      token,
      renew,
      changed: () => this.tell(),
      elsewhere: (item) => this.elsewhere(item),
      saved: (items) => this.saved(items),
      refusal: (item) => this.sitting.forget(item.client_id),
    });
    this.dealer = new Dealer(this, this.outbox, {
      holds: () => [this.current, ...this.fresh, ...this.skipped].filter(Boolean).map(({ example }) => example),
      dealt: (cards, gone) => this.dealt(cards, gone),
      failed: (says) => this.current || this.become("loading", says),
    });
    this.sitting = new Sitting(reviewer, () => this.tell());
    this.pictures = new Pictures((example) => this.arrived(example));
    this.current = null;
    this.fresh = []; // not seen yet
    this.skipped = []; // come again when nothing fresh is left
    this.golden = new Set(); // client ids of verdicts that were made known answers here
    this.state = "loading";
    this.hook = { shown: [], saved: [] };
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    this.leave = new AbortController();
    const { signal } = this.leave;
    this.stage = new Stage(this.at, { swiped: (what, at) => this.act(what, at), changed: () => this.tools(), signal });
    this.widgetWants = widgetKeys(root, { signal });
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, signal });
    window.addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && this.stage.hold("key", false), { signal });
    root.addEventListener("click", (event) => {
      const button = clicked(event);
      if (button) this.act(button.dataset.do, event.timeStamp, button.value || undefined);
    }, { signal });
    this.at.opacity.addEventListener("input", () => this.stage.fadeTo(this.at.opacity.value / 100), { signal });
    this.at.help.addEventListener("click", (event) => event.target === this.at.help && this.at.help.close(), { signal });
    this.at.gold.hidden = !this.lead;
    this.at.deck.toggleAttribute("data-lead", this.lead);
    fitted(this.at.deck, this.at.frame, signal, () => this.below());
    window.__winnowDeck = this.hook;
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
    delete window.__winnowDeck;
  }

  /** The height of what must be seen below the picture: its caption, or in one column the verdicts and reasons. */
  below() {
    const { frame, verdicts, because } = this.at;
    const column = verdicts.getBoundingClientRect().left < frame.getBoundingClientRect().right;
    return column ? verdicts.offsetHeight + because.offsetHeight + 36 : LINES;
  }

  key(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const { help } = this.at;
    const what = help.open ? { "?": "help" }[key] : KEYS[key];
    if (isTheirs(event, this.root) && !(help.open && !event.ctrlKey && !event.metaKey && !event.altKey)) return;
    if (this.widgetWants(key)) return;
    // C and R are Streamlit's own shortcuts ("clear caches", "rerun"): a slip of the finger mustn't reach them.
    if (!what && !["c", "r"].includes(key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (what && (!event.repeat || REPEATING.includes(what))) this.act(what, event.timeStamp);
  }

  act(what, at, value) {
    const looks = {
      view: () => this.stage.turn(value),
      mask: () => this.stage.set({ masked: !this.stage.masked }),
      hide: () => this.stage.hold("key", true),
      zoom: () => this.stage.zoomOn(),
      fainter: () => this.stage.fadeBy(-1),
      stronger: () => this.stage.fadeBy(1),
      undo: () => this.undo(at),
      gold: () => this.toggleGold(),
      help: () => (this.at.help.open ? this.at.help.close() : this.at.help.showModal()),
      closeHelp: () => this.at.help.close(),
      dismiss: () => this.outbox.dismiss(),
    };
    if (looks[what]) return looks[what]();
    // Nothing is decided about a picture that is not on screen; of a missing one only that it is bad.
    if (!this.current || !(this.state === "showing" || (this.state === "missing" && what !== "keep"))) return;
    if (what === "skip") return this.skip(at);
    this.decide(what === "keep" ? "keep" : "reject", REASONS.includes(what) ? what : null, at);
  }

  // --- what a key does -------------------------------------------------------------------------------------------

  decide(decision, reason, at) {
    const card = this.current;
    const settles = this.lead && this.wanted.show === "disputed";
    this.dealer.moved.add(card.example);
    this.next(at); // the picture first
    const item = this.outbox.add({ example: card.example, photo: card.photo, decision, reason, settles });
    this.sitting.add({ card, did: decision, reason, client_id: item.client_id, order: item.order });
    this.hook.saved.push({ client_id: item.client_id, example: card.example, key: at, saved: null });
    this.say(decision, card, reason);
    this.tell();
    this.deal();
  }

  skip(at) {
    const card = this.current;
    this.sitting.add({ card, did: "skip", client_id: newId(), order: this.outbox.stamp() });
    this.skipped.push(card);
    this.next(at);
    this.say("skip", card);
    this.deal();
  }

  undo(at) {
    const last = this.sitting.pop();
    if (!last) return;
    const { card, did } = last;
    if (this.current && this.current.example !== card.example) this.fresh.unshift(this.current);
    this.without(card.example); // a skipped one may have come round again since
    if (did !== "skip") {
      this.dealer.moved.add(card.example);
      this.outbox.add({ example: card.example, photo: card.photo, decision: "undo", from: did });
      if (this.golden.has(last.client_id)) this.gold(last, false);
    }
    this.show(card, at);
    this.say("undo", card);
    this.tell();
  }

  /** Make the newest verdict a known answer, or withdraw that. */
  toggleGold() {
    const entry = this.sitting.verdict;
    if (this.lead && entry) this.gold(entry, !this.golden.has(entry.client_id));
  }

  async gold({ client_id, card, did, reason }, known) {
    const answer = known ? { decision: did, reason: reason ?? null } : { decision: null, reason: null };
    let says = known ? `Known answer: ${card.photo} (${DID[did].toLowerCase()})` : `No known answer any more: ${card.photo}`;
    try {
      await ask("/api/gold", this.outbox.token, { example: card.example, ...answer });
      if (known) this.golden.add(client_id);
      else this.golden.delete(client_id);
    } catch (error) {
      if (error.status === 403) this.outbox.renew();
      says = `${card.photo} is ${known ? "no" : "still a"} known answer: ${error.message}`;
    }
    if (this.gone) return;
    this.at.last.textContent = says;
    this.tools();
  }

  next(at) {
    let card = this.fresh.shift();
    if (!card && this.dealer.exhausted) card = this.skipped.shift();
    this.show(card ?? null, at);
  }

  /** Take an example out of the hand, but not off the stage. */
  without(example) {
    const others = (card) => card.example !== example;
    this.fresh = this.fresh.filter(others);
    this.skipped = this.skipped.filter(others);
  }

  /** An example that was decided or erased elsewhere is nothing to ask about any more. */
  drop(example, says) {
    this.without(example);
    if (this.current?.example !== example) return;
    const { photo } = this.current;
    this.next(null);
    this.at.last.textContent = `${says}: ${photo}`;
  }

  elsewhere({ example, decision }) {
    this.dealer.moved.add(example);
    if (decision === "undo") return; // that tab has it in hand
    this.drop(example, `${DID[decision]} in your other tab`);
    this.deal();
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  show(card, at = null) {
    this.current = card;
    clearTimeout(this.polling);
    if (card) this.look(at);
    else if (this.dealer.exhausted) this.done();
    else this.become("loading", "Getting the next pictures…");
    this.prefetch();
    this.describe();
    this.tell();
  }

  /** Show the current card's picture, or say what it waits for. */
  look(at) {
    const { example } = this.current;
    const picture = this.pictures.of(example);
    this.awaited = picture ? null : at;
    if (!picture) return this.become("loading", "Getting the picture…");
    if (picture.missing) return this.become("missing", "This picture is missing from the store. Skip it, or reject it as a bad photo.");
    this.become("showing", "", picture);
    const entry = { example, key: at, painted: null };
    this.hook.shown.push(entry);
    presented().then((when) => (entry.painted = when));
  }

  arrived(example) {
    if (example !== this.current?.example || this.state !== "loading") return;
    this.look(this.awaited);
    this.tell();
  }

  /** Have the pictures at hand that come next, and those that undo brings back. */
  prefetch() {
    const { current, fresh, skipped, sitting } = this;
    const ahead = [current, ...fresh.slice(0, AHEAD), ...skipped.slice(0, Math.max(1, AHEAD - fresh.length))];
    const behind = sitting.entries.slice(-BEHIND).map(({ card }) => card).reverse();
    this.pictures.want([...ahead, ...behind].filter(Boolean));
  }

  become(state, says = "", picture = null) {
    this.state = this.at.deck.dataset.state = state;
    this.stage.show(picture);
    this.at.over.hidden = state === "showing";
    if (says) this.at.over.replaceChildren(Object.assign(document.createElement("p"), { textContent: says }));
    this.at.photo.dataset.example = this.current?.example ?? "";
    this.at.photo.dataset.state = state;
  }

  done() {
    const others = this.dealer.tally.left > 0;
    const whole = isQueue(this.wanted);
    const [title, text] = nothingLeft(others, whole, "the last one");
    this.become("done");
    const links = document.createElement("div");
    links.className = "next";
    for (const [href, label] of [["/touchup", "Touch up test masks"], ["/sets", "Freeze a curated set"]]) {
      links.append(Object.assign(document.createElement("a"), { href, textContent: label, className: "button" }));
    }
    const strong = Object.assign(document.createElement("strong"), { textContent: title });
    const sentence = Object.assign(document.createElement("p"), { textContent: text });
    this.at.over.replaceChildren(strong, sentence, ...(others || !whole ? [] : [links]));
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
    this.at.meter.style.width = `${Math.round(card.suspicion * 100)}%`;
    this.at.doubt.textContent = doubtInWords(card);
    this.at.reasons.textContent = card.reasons.join("; ");
    this.at.opinions.textContent = (card.opinions ?? []).map(opinionInWords).join(" · ");
    this.at.photo.setAttribute("aria-label", `${card.photo} with its mask${card.drawn ? ", a drawn portrait" : ""}`);
    // Read out only where somebody stays.
    this.speaking = setTimeout(() => (this.at.spoken.textContent = `${card.photo}. ${doubtInWords(card)}. ${card.reasons.join("; ")}`), 600);
  }

  say(what, card, reason = null) {
    this.at.last.textContent = `${DID[what]}: ${card.photo}${reason ? ` (${REASON_WORDS[reason]})` : ""}`;
    this.at.frame.dataset.flash = what;
    clearTimeout(this.flashing);
    this.flashing = setTimeout(() => delete this.at.frame.dataset.flash, 160);
  }

  // --- counts and buttons ----------------------------------------------------------------------------------------

  tell() {
    if (!this.at || this.gone) return;
    const { tally } = this.dealer;
    drawCounts(this.at, this.at.deck, this.outbox, tally);
    const now = Date.now();
    if (tally) this.at.pace.textContent = paceInWords(pace(this.sitting.times, tally.left, now), tally.left, now);
    this.tools();
  }

  /** Which buttons can be pressed, and what they stand at. */
  tools() {
    const { stage, at } = this;
    const ready = this.state === "showing" || this.state === "missing";
    const decides = ["keep", "reject", "skip", ...REASONS];
    for (const button of this.root.querySelectorAll("button[data-do]")) {
      const what = button.dataset.do;
      if (what === "undo") button.disabled = !this.sitting.entries.length;
      if (what === "gold") button.disabled = !this.sitting.verdict;
      if (decides.includes(what)) button.disabled = !ready || (what === "keep" && this.state === "missing");
      if (what === "view") button.setAttribute("aria-pressed", String(button.value === stage.view));
    }
    at.maskButton.setAttribute("aria-pressed", String(stage.masked));
    at.gold.setAttribute("aria-pressed", String(this.golden.has(this.sitting.verdict?.client_id)));
    at.zoom.hidden = stage.zoomed.zoom === 1;
    at.zoom.textContent = `${Math.round(10 * stage.zoomed.zoom) / 10}×`;
    at.opacity.value = String(Math.round(100 * stage.opacity[stage.view]));
    at.opacity.setAttribute("aria-valuetext", `${at.opacity.value} %`);
  }

  // --- the server ------------------------------------------------------------------------------------------------

  saved(items) {
    const now = performance.now();
    const ids = new Set(items.map((item) => item.client_id));
    for (const entry of this.hook.saved) if (ids.has(entry.client_id)) entry.saved = now;
    if (this.state === "done") this.done();
  }

  /** Ask for cards where few are left. */
  deal() {
    if (this.fresh.length < AHEAD + 5 && !this.dealer.exhausted) this.dealer.ask(HAND);
  }

  dealt(cards, gone) {
    this.fresh.push(...cards);
    for (const example of gone) this.drop(example, "Decided elsewhere, or erased");
    if (this.current) this.prefetch();
    else this.next(null);
    this.tell();
  }
}

export default lasting(Deck);
