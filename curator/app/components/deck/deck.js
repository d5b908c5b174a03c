// @ts-check
// The review deck. A key draws the next picture at once, from what was fetched and decoded ahead; the verdict goes to the
// server in the background, and stays in this browser until the server says that it is committed (the outbox).

import { ask, clicked, cutInMiddle, fitted, made, newId, partsOf, RouteError, Shelf } from "../shared.js";
import {
  didInWords, DONE, doubtInWords, drawCounts, lasting, LEFT_OUT, offerReasons, opinionsInWords, POLL_MS, reasonInWords,
  settlesIt, tellEnd, undoOf, verdictOn,
} from "../review.js";
import { isUndo, keysElsewhere } from "../keys.js";
import { chosenTint } from "../looks.js";
import { Outbox } from "../outbox.js";
import { Dealer } from "../dealer.js";
import { paceInWords, Sitting } from "../sitting.js";
import { actsOf, boundKeys, keyInWords, keysOfAct, plainKey, readChanges, whyNot } from "./bindings.js";
import { Pictures } from "./pictures.js";
import { Stage } from "./stage.js";
import { lookedAt, signOf, Strip } from "./strip.js";

const AHEAD = 20; // pictures decoded ahead
const BEHIND = 10; // pictures kept to look at again, and for undo
const EARLIER = 50; // verdicts of earlier sittings that can be taken back
const HAND = 40; // cards asked for at a time, before fewer than AHEAD are left
const MARGIN = 12; // CSS pixels below the picture
const FLASH_MS = 450; // how long a verdict is marked on the picture
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
  constructor({ reviewer, token, wanted, lead, side, tints, reasons, pace }, tell) {
    this.clear = () => tell("clear");
    this.wanted = wanted;
    this.lead = lead;
    this.side = side;
    this.reasons = reasons;
    this.pace = pace;
    this.tints = tints;
    this.looks = new Shelf("localStorage", "winnow.look.");
    this.tab = new Shelf("sessionStorage", "winnow.look.");
    this.acts = actsOf(reasons, lead);
    this.changes = readChanges(this.looks.get("keys"), this.acts);
    this.keys = boundKeys(this.acts, this.changes);
    /** @type {import("./bindings.js").Act | null} */
    this.listening = null; // for the key that it is to have
    this.outbox = new Outbox(reviewer, {
      token,
      renew: () => tell("renew"),
      changed: () => this.tell(),
      elsewhere: (item) => this.elsewhere(item),
      saved: () => this.saved(),
      refusal: (item) => {
        this.sitting.forget(item.client_id);
        this.changedBehind();
      },
    });
    this.dealer = new Dealer(wanted, this.outbox, {
      holds: () => [...(this.current ? [this.current] : []), ...this.fresh, ...this.skipped].map(({ example }) => example),
      dealt: (cards, gone) => this.dealt(cards, gone),
      failed: (says) => {
        if (!this.current) this.become("loading", says);
      },
    });
    this.sitting = new Sitting(reviewer, () => this.changedBehind());
    this.pictures = new Pictures(this.tint, (example) => this.arrived(example));
    /** @type {Entry | null} */
    this.looking = null; // at a card from before, on the stage instead of the current one
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
    this.strip = new Strip(this.at.stills, (entry) => didInWords(entry, this.reasons));
    this.isTheirs = keysElsewhere(root, signal);
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, signal });
    window.addEventListener("keyup", ({ key }) => this.keys[plainKey(key)] === "hide" && this.stage?.hold("key", false), { signal });
    root.addEventListener("click", (event) => {
      const button = clicked(/** @type {MouseEvent} */ (event));
      if (button) this.act(button.dataset.do ?? "", button.value || undefined);
    }, { signal });
    this.at.opacity.addEventListener("input", () => this.stage?.fadeTo(this.at.opacity.value / 100), { signal });
    this.at.help.addEventListener("click", (/** @type {Event} */ event) => event.target === this.at.help && this.at.help.close(), { signal });
    this.at.help.addEventListener("close", () => this.listening && this.listen(""), { signal });
    this.at.gold.hidden = !this.lead;
    this.enlarge(this.tab.get("large") === true);
    this.offerTints();
    this.listKeys();
    fitted(this.at.deck, this.at.frame, signal, () => this.below(), 1);
    this.stage.apply();
    this.tell();
    this.outbox.flush();
    this.dealer.ask(HAND);
  }

  unmount() {
    this.gone = true;
    this.leave.abort();
    for (const timer of [this.polling, this.speaking, this.flashing, this.tidying]) clearTimeout(timer);
    for (const part of [this.dealer, this.outbox, this.sitting, this.pictures]) part.close();
  }

  /** The height of what must be seen below the picture: nothing, or in one column the verdicts and reasons. */
  below() {
    const { frame, verdicts, because } = this.at;
    const column = verdicts.getBoundingClientRect().left < frame.getBoundingClientRect().right;
    return column ? verdicts.offsetHeight + because.offsetHeight + 36 : MARGIN;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const key = plainKey(event.key);
    const { help } = this.at;
    if (this.listening && help.open) return this.hear(event);
    if (isUndo(event)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return this.undo();
    }
    const bound = key === "Escape" && (this.looking || this.large) ? "leave" : this.keys[key];
    const what = help.open && bound !== "help" ? undefined : bound;
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
      back: () => this.lookBy(-1),
      forth: () => this.lookBy(1),
      look: () => this.look(this.past.find(({ client_id }) => client_id === value) ?? null),
      leave: () => (this.looking ? this.look(null) : this.enlarge(false)),
      large: () => this.enlarge(!this.large),
      tint: () => this.recolour(value ?? ""),
      key: () => this.listen(value ?? ""),
      resetKeys: () => this.changeKeys({}),
      gold: () => this.toggleGold(),
      help: () => (this.at.help.open ? this.at.help.close() : this.at.help.showModal()),
      closeHelp: () => this.at.help.close(),
      dismiss: () => this.outbox.dismiss(),
      clear: () => this.clear(),
    };
    if (looks[what]) return looks[what]();
    // Nobody judges a picture that is not on screen; a missing one can only be rejected or skipped.
    const { card } = this;
    if (!card || !(this.state === "showing" || (this.state === "missing" && !SEEING.includes(what)))) return;
    if (what === "skip") return this.looking ? this.look(null) : this.skip(card);
    if (what === "keep" || what === "fix") return this.decide(card, what);
    this.decide(card, "reject", this.reasons.some(({ name }) => name === what) ? what : null);
  }

  // --- what a key does -------------------------------------------------------------------------------------------

  /** @param {Card} card @param {Decision} decision @param {string | null} reason */
  decide(card, decision, reason = null) {
    const before = this.looking?.did === "skip" ? null : this.looking; // a skip is no verdict
    if (before?.did === decision && (before.reason ?? null) === reason) return this.look(null); // it says so already
    this.dealer.moved.add(card.example);
    this.without(card.example); // one that was skipped may have been looked at
    this.looking = null;
    if (this.current?.example === card.example) this.next(); // the picture first
    else this.show(this.current);
    const was = /** @type {Decision | undefined} */ (before?.did);
    const settles = settlesIt(this, card, before);
    const item = this.outbox.add({ ...verdictOn(card, decision, was), reason, settles });
    this.sitting.add({ card, did: decision, reason, client_id: item.client_id, order: item.order, was, settles });
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

  /** Take back what is looked at, or else the newest verdict or skip; its card is to be judged again, or had a verdict before. */
  undo() {
    const last = this.sitting.pop(this.looking ?? undefined);
    if (!last) return;
    const { card, did, was } = last;
    this.looking = was ? (this.past.find((entry) => entry.card.example === card.example) ?? null) : null;
    if (!was) {
      if (this.current && this.current.example !== card.example) this.fresh.unshift(this.current);
      this.without(card.example); // a skipped one may have come again since
    }
    if (did !== "skip") {
      this.dealer.moved.add(card.example);
      this.outbox.add(undoOf(card, did, was));
      if (this.golden.has(last.client_id)) this.gold(last, false);
    }
    this.show(was ? this.current : card);
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
    const photo = cutInMiddle(card.photo);
    let says = known ? `Control example: ${photo} (${DONE[did]})` : `No longer a control example: ${photo}`;
    try {
      await ask("/api/gold", this.outbox.token, { example: card.example, ...answer });
      if (known) this.golden.add(client_id);
      else this.golden.delete(client_id);
    } catch (error) {
      if (!(error instanceof RouteError)) throw error;
      if (error.is("stale_page")) this.outbox.renew();
      says = `${photo} is ${known ? "not" : "still"} a control example: ${error.message}`;
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
    this.at.last.textContent = `${says}: ${cutInMiddle(photo)}`;
  }

  // --- looking again -----------------------------------------------------------------------------------------------

  /** What can be looked at again, oldest first. */
  get past() {
    return lookedAt(this.sitting.past, BEHIND);
  }

  /** The card on the stage: one that is looked at again, or the current one. */
  get card() {
    return this.looking ? this.looking.card : this.current;
  }

  /** One further back (-1) or forth (1), and at last the current card again. @param {number} steps */
  lookBy(steps) {
    const { past, looking } = this;
    const at = looking ? past.findIndex(({ client_id }) => client_id === looking.client_id) : past.length;
    if (at < 0) return this.look(null);
    if (at + steps >= 0 && at + steps <= past.length) this.look(past[at + steps] ?? null);
  }

  /** Look at a card from before again; null goes back to the current one. @param {Entry | null} entry */
  look(entry) {
    if (entry === this.looking) return;
    this.looking = entry;
    this.show(this.current);
  }

  /** Something was judged or taken back in another tab, or refused: what is looked at may not stand any more. */
  changedBehind() {
    if (this.looking && !this.sitting.stands(this.looking)) this.look(null);
    else this.tell();
  }

  /** @param {Item} item */
  elsewhere({ example, decision }) {
    this.dealer.moved.add(example);
    if (decision === "undo") return; // that tab shows it
    this.drop(example, `${DID[decision]} in your other tab`);
    this.deal();
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  /** Make a card the current one, and show it, unless another is looked at again. @param {Card | null} card */
  show(card) {
    this.current = card;
    clearTimeout(this.polling);
    if (this.card) this.showPicture(this.card);
    else if (this.dealer.exhausted) this.done();
    else this.become("loading", "Loading the next pictures…");
    this.describe();
    this.tell();
  }

  /** Show a card's picture, or say what it waits for. @param {Card} card */
  showPicture({ example }) {
    const picture = this.pictures.of(example);
    if (picture && picture === this.stage?.picture) return; // it is there, and may be zoomed
    if (!picture) return this.become("loading", "Loading the picture…");
    if (picture.missing) return this.become("missing", "This picture is missing from the store or damaged. Skip it and tell your lead, who can heal it.");
    this.become("showing", "", picture);
  }

  /** @param {number} example */
  arrived(example) {
    if (example === this.card?.example && this.state === "loading") {
      this.showPicture(this.card);
      this.tell();
    }
    this.tidySoon();
  }

  /** Hold the pictures that come next, and those that undo brings back. */
  prefetch() {
    const { card, current, fresh, skipped, past } = this;
    const ahead = [card, current, ...fresh.slice(0, AHEAD), ...skipped.slice(0, Math.max(1, AHEAD - fresh.length))];
    const behind = past.map((entry) => entry.card).reverse();
    this.pictures.want([...ahead, ...behind].filter((one) => one !== null && one !== undefined));
  }

  /** @param {string} state @param {string} says @param {import("../looks.js").Picture | null} picture */
  become(state, says = "", picture = null) {
    this.state = this.at.deck.dataset.state = state;
    this.stage?.show(picture);
    this.at.over.hidden = state === "showing";
    if (says) this.at.over.replaceChildren(made("p", { textContent: says }));
    this.at.photo.dataset.example = this.card?.example ?? "";
    this.at.photo.dataset.state = state;
  }

  done() {
    this.become("done");
    this.tellEnd();
    clearTimeout(this.polling);
    this.polling = setTimeout(() => this.dealer.ask(HAND), POLL_MS);
  }

  tellEnd() {
    const undoes = `Press ${this.keyFor("undo")} to undo the last verdict.`;
    tellEnd(this.at.over, this, this.sitting.past.length ? undoes : "");
  }

  describe() {
    const { card, looking } = this;
    this.at.caption.dataset.empty = String(!card);
    this.at.was.hidden = !looking;
    this.at.deck.toggleAttribute("data-looking", Boolean(looking));
    if (looking) {
      this.at.was.dataset.did = looking.did;
      this.at.was.replaceChildren(signOf(looking.did), didInWords(looking, this.reasons));
    }
    clearTimeout(this.speaking);
    if (!card) return;
    this.at.file.textContent = cutInMiddle(card.photo, 44);
    this.at.file.title = card.photo;
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
    const before = looking ? `, ${didInWords(looking, this.reasons)}` : "";
    this.speaking = setTimeout(() => (this.at.spoken.textContent = `${card.photo}${before}. ${doubtInWords(card)}. ${card.reasons.join("; ")}`), 600);
  }

  /** @param {keyof typeof DID} what @param {Card} card @param {string | null} reason */
  say(what, card, reason = null) {
    this.at.last.textContent = `${DID[what]}: ${cutInMiddle(card.photo)}${reason ? ` (${reasonInWords(this.reasons, reason)})` : ""}`;
    this.at.last.title = card.photo;
    this.at.flash.replaceChildren(signOf(what)); // a new element, so that its animation begins anew
    this.at.frame.dataset.flash = what;
    clearTimeout(this.flashing);
    this.flashing = setTimeout(() => {
      delete this.at.frame.dataset.flash;
      this.at.flash.replaceChildren();
    }, FLASH_MS);
  }

  // --- counts and buttons ----------------------------------------------------------------------------------------

  tell() {
    if (!this.root || this.gone) return;
    const { tally } = this.dealer;
    drawCounts(this.at, this.at.deck, this.outbox, tally, this.wanted);
    if (tally) this.at.pace.textContent = paceInWords(this.sitting.times, tally.left, this.pace);
    if (this.state === "done") this.tellEnd();
    this.tools();
    this.tidySoon();
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  tidying;

  /** In a moment, for which the next picture does not wait: fetch what comes next, and draw the strip. */
  tidySoon() {
    this.tidying ??= setTimeout(() => {
      this.tidying = undefined;
      const { past } = this;
      this.prefetch();
      this.at.strip.hidden = !past.length;
      this.strip?.show(past, this.looking, (example) => this.pictures.of(example));
    }, 0);
  }

  /** Which buttons can be pressed, and which are. */
  tools() {
    const { stage, at, root } = this;
    if (!stage || !root) return;
    const ready = this.state === "showing" || this.state === "missing";
    const decides = ["keep", "fix", "reject", "skip", ...this.reasons.map(({ name }) => name)];
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("button[data-do]"))) {
      const what = button.dataset.do ?? "";
      if (what === "undo") button.disabled = !this.sitting.past.length;
      if (what === "gold") button.disabled = !this.sitting.verdict;
      if (decides.includes(what)) button.disabled = !ready || (SEEING.includes(what) && this.state === "missing");
      if (what === "view") button.setAttribute("aria-pressed", String(button.value === stage.view));
      if (what === "tint") button.setAttribute("aria-pressed", String(button.value === this.tint.name));
    }
    at.maskButton.setAttribute("aria-pressed", String(stage.masked));
    at.largeButton.setAttribute("aria-pressed", String(this.large));
    at.gold.setAttribute("aria-pressed", String(this.golden.has(this.sitting.verdict?.client_id ?? "")));
    at.zoom.hidden = stage.zoomed.zoom === 1;
    at.zoom.textContent = `${Math.round(10 * stage.zoomed.zoom) / 10}×`;
    at.opacity.value = String(Math.round(100 * stage.opacity[stage.view]));
    at.opacity.setAttribute("aria-valuetext", `${at.opacity.value} %`);
  }

  // --- looks and keys, which the browser remembers -----------------------------------------------------------------

  /** Show only the picture, as large as the window, with the verdicts. This tab remembers it. @param {boolean} large */
  enlarge(large) {
    this.large = large;
    this.tab.put("large", large);
    this.at.deck.toggleAttribute("data-large", large);
    this.tools();
  }

  /** The tint that was chosen in this browser, or the first. */
  get tint() {
    return chosenTint(this.tints, this.looks);
  }

  offerTints() {
    const buttons = this.tints.map(({ name, label, fill: [red, green, blue] }) => {
      const button = made("button", { className: "swatch", value: name, title: label });
      button.setAttribute("aria-label", label);
      button.dataset.do = "tint";
      button.style.setProperty("--colour", `rgb(${red} ${green} ${blue})`);
      return button;
    });
    this.at.tints.replaceChildren(...buttons);
  }

  /** @param {string} name of a tint */
  recolour(name) {
    this.looks.put("tint", name);
    this.pictures.use(this.tint);
    this.show(this.current); // its mask is made anew
  }

  /** The first key of an act, as it is shown. @param {string} act */
  keyFor(act) {
    const found = this.acts.find((one) => one.act === act);
    return found ? keyInWords(keysOfAct(found, this.changes)[0]) : "";
  }

  /** Write the keys on the buttons, and into the list where they can be changed. @param {string} [focused] the act that gets the focus */
  listKeys(focused) {
    this.keys = boundKeys(this.acts, this.changes);
    for (const kbd of this.root?.querySelectorAll("kbd[data-key]") ?? []) kbd.textContent = this.keyFor(/** @type {HTMLElement} */ (kbd).dataset.key ?? "");
    for (const kbd of this.at.reasonButtons.querySelectorAll("kbd")) kbd.textContent = this.keyFor(kbd.parentElement.dataset.do);
    const rows = this.acts.map((act) => {
      const button = made("button", { value: act.act, className: "chosen" });
      const keys = keysOfAct(act, this.changes).map(keyInWords);
      button.dataset.do = "key";
      button.setAttribute("aria-label", `${act.does}: ${keys.join(" or ")}. Change the key`);
      button.append(...(act === this.listening ? ["Press a key…"] : keys.map((key) => made("kbd", { textContent: key }))));
      button.toggleAttribute("data-listening", act === this.listening);
      const row = made("li", {});
      row.append(button, made("span", { textContent: act.does }));
      return row;
    });
    this.at.acts.replaceChildren(...rows);
    if (focused) this.at.acts.querySelector(`button[value="${focused}"]`)?.focus();
    if (this.root?.activeElement === this.at.resetKeys) this.at.closeHelp.focus(); // what is disabled loses the focus
    this.at.resetKeys.disabled = !Object.keys(this.changes).length;
    this.ask("Press one of the keys below to give it another key.");
  }

  /** @param {string} says */
  ask(says) {
    this.at.asks.textContent = says;
  }

  /** Wait for the key that an act is to have. @param {string} act */
  listen(act) {
    const before = this.listening?.act;
    this.listening = this.acts.find((one) => one.act === act) ?? null;
    this.listKeys(act || before);
    if (this.listening) this.ask(`${this.listening.does}: press the key that is to do it, or Esc.`);
  }

  /** Give the act that is waiting this key, unless another has it. @param {KeyboardEvent} event */
  hear(event) {
    if (!this.listening || event.isComposing || ["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock"].includes(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const key = plainKey(event.key);
    const { act } = this.listening;
    if (key === "Escape") return this.listen("");
    const refusal = event.ctrlKey || event.metaKey ? "Keys with Ctrl belong to the browser. Choose another key." : whyNot(this.acts, this.changes, act, key);
    if (refusal) return this.ask(refusal);
    this.changeKeys({ ...this.changes, [act]: key });
  }

  /** @param {import("./bindings.js").Changes} changes */
  changeKeys(changes) {
    const before = this.listening?.act;
    this.changes = changes;
    this.listening = null;
    this.looks.put("keys", changes);
    this.listKeys(before);
  }

  // --- the server ------------------------------------------------------------------------------------------------

  saved() {
    if (this.state === "done" && !this.outbox.items.length) this.dealer.ask(HAND); // how it stands now, and what came since
  }

  /** Ask for cards when few are left. */
  deal() {
    if (this.fresh.length < AHEAD + 5 && !this.dealer.exhausted) this.dealer.ask(HAND);
  }

  /** What this reviewer judged in earlier sittings, to look at and to take back; asked for once there are cards to judge. */
  async remember() {
    if (this.remembering) return;
    this.remembering = true;
    try {
      this.sitting.remember((await ask("/api/verdicts/mine", this.outbox.token, { count: EARLIER })).verdicts);
    } catch (error) {
      if (!(error instanceof RouteError)) throw error;
      this.remembering = false; // with the next cards
    }
    if (!this.gone) this.tell();
  }

  /** @param {Card[]} cards @param {number[]} gone */
  dealt(cards, gone) {
    this.remember();
    this.fresh.push(...cards);
    for (const example of gone) this.drop(example, "Judged elsewhere or erased");
    if (!this.current) this.next();
    this.deal(); // a renewal may have been on its way when the hand ran low
    this.tell();
  }
}

export default lasting(Deck);
