// @ts-check
// The review grid. Most masks of a crowd are right: so many are kept at once, except those that are marked, and those
// that nobody can have seen. A whole grid is one commit; the next one is fetched while this one is on screen.

import { chosenTint, closePicture, decoded, drawPicture, OPACITY } from "../looks.js";
import { clicked, formatted, made, newId, partsOf, RouteError, Shelf, topOf } from "../shared.js";
import { allFit, arranged, GAP, ranged, STEP_KEYS, stepped, STEPS, tileElement } from "../tiles.js";
import {
  DONE, doubtInWords, drawCounts, keysOf, lasting, LEFT_OUT, offerReasons, opinionsInWords, POLL_MS, reasonInWords,
  settlesIt, tellEnd, undoOf, verdictOn,
} from "../review.js";
import { isUndo, keysElsewhere } from "../keys.js";
import { Outbox } from "../outbox.js";
import { Dealer } from "../dealer.js";
import { Sitting } from "../sitting.js";

const COUNTS = [84, 60, 40, 24, 15, 6]; // how many tiles there are on a grid, the smallest tiles first
const COUNT = 40; // until a reviewer chooses; more are offered only where they fit
const VIEWS = ["overlay", "outline", "cutout", "photo"];
const THUMBNAIL = 192; // pixels, the side that the server draws
const BLURRED = 1.1; // times a thumbnail's side: a tile that is larger shows the whole crop
const LOADERS = 6; // pictures fetched at a time
const SEEN_MS = 1500;
const SEEN_SHARE = 0.6; // of a tile within the window
const STEP_MS = 100;
const LONGEST_STEP_MS = 250; // a computer that was asleep showed nothing
const PRESS_MS = 450; // a finger this long on a tile shows it large
const RETRY_PICTURE_MS = 1000;
const LARGE_KEPT = 12; // large pictures kept
const LENS_AROUND = { across: 24, down: 60 }; // CSS pixels around the picture of the lens, as in grid.css: its edge and its caption
const LENS_MOST = 640; // CSS pixels: a crop has 512
const LENS_GAIN = 1.5; // a lens beside its tile is at least so much larger
const EDGE_OF_WINDOW = 8; // CSS pixels that the lens keeps from it
const DOES = { keep: "keeps", fix: "to be fixed", reject: "rejects" };
/** @type {Record<string, string>} */
const KEYS = {
  x: "reject", f: "fix", " ": "toggle", Enter: "commit", u: "undo", Backspace: "undo", v: "view", m: "mask", h: "hide", z: "lens", "?": "help",
  "+": "larger", "=": "larger", "-": "smaller", Escape: "escape", ...STEP_KEYS,
};

/**
 * How long a tile has been seen, in ms, `passed` ms later: time counts only for a drawn picture that is mostly in the window
 * while somebody may be looking.
 * @param {number} before @param {number} passed
 * @param {{drawn: boolean, share: number, looking: boolean}} watched share: of the tile within the window, 0 to 1
 */
export function onScreen(before, passed, { drawn, share, looking }) {
  return drawn && looking && share >= SEEN_SHARE ? before + Math.min(passed, LONGEST_STEP_MS) : before;
}

/** What a commit does with each tile: the marked are fixed or rejected, the seen are kept, the others stay. @param {Tile[]} tiles */
function sortedOut(tiles) {
  const of = (/** @type {Tile} */ tile) => (tile.marked ? tile.decision : tile.ms >= SEEN_MS && tile.picture?.photo ? "keep" : "stay");
  const are = (/** @type {string} */ what) => tiles.filter((tile) => of(tile) === what);
  return { rejects: are("reject"), fixes: are("fix"), keeps: are("keep"), stays: are("stay") };
}

/**
 * Where the lens lies: at the end of the room that is farther from the tile, so that the tile stays in sight; over the tiles
 * where they are too large for that.
 * @param {{left: number, right: number}} tile CSS pixels of the window
 * @param {{left: number, top: number, right: number, bottom: number}} room of the tiles, as much of it as is in the window
 */
export function lensPlace(tile, room) {
  const [before, after] = [tile.left - room.left, room.right - tile.right];
  const beside = Math.max(before, after) - GAP;
  const fits = beside >= LENS_GAIN * (tile.right - tile.left);
  const wide = fits ? beside : room.right - room.left;
  const side = Math.max(1, Math.min(wide - LENS_AROUND.across, room.bottom - room.top - LENS_AROUND.down, LENS_MOST));
  const width = side + LENS_AROUND.across;
  const left = !fits ? (room.left + room.right - width) / 2 : after > before ? room.right - width : room.left;
  return { left, top: (room.top + room.bottom - side - LENS_AROUND.down) / 2, side };
}

/** @import { Picture } from "../looks.js" */

/** @type {WeakMap<Element, Tile>} */
const byElement = new WeakMap();

/** The tile that an element belongs to. @param {EventTarget | null | undefined} target */
const tileOf = (target) => (target instanceof Element ? byElement.get(target.closest(".tile") ?? target) : undefined);

/** One example on the grid, or on its way there. */
class Tile {
  /**
   * @param {Card} card @param {Reason[]} reasons
   * @param {string | null} marked "fix", or the name of a reason to reject it @param {number} ms how long it was seen
   */
  constructor(card, reasons, marked = null, ms = 0) {
    this.card = card;
    this.reasons = reasons;
    this.marked = marked;
    this.ms = ms;
    /** @type {Picture | null} */
    this.picture = null;
    this.whole = false; // the crop as it is, not its thumbnail
    this.loading = false;
    this.gone = false;
    this.share = 0; // of it within the window
    const element = tileElement(card.photo);
    this.element = element;
    element.dataset.example = String(card.example);
    const ring = made("span", { className: "ring", ariaHidden: "true" });
    element.append(ring);
    this.context = element.querySelector("canvas")?.getContext("2d");
    byElement.set(element, this);
    this.tell();
  }

  get example() {
    return this.card.example;
  }

  get missing() {
    return Boolean(this.picture?.missing);
  }

  /** What a commit says of it. @returns {Decision} */
  get decision() {
    return this.marked === "fix" ? "fix" : this.marked ? "reject" : "keep";
  }

  /** @param {string | null} marked */
  mark(marked) {
    this.marked = marked;
    this.tell();
  }

  /** Make the tile's element show what the tile is. */
  tell() {
    const { element, marked, decision, card } = this;
    const reason = decision === "reject" && marked !== "unsaid" ? reasonInWords(this.reasons, marked ?? "") : "";
    const state = this.missing && !marked ? "picture missing, cannot be kept" : DOES[decision];
    element.setAttribute("aria-label", [card.photo, state, reason].filter(Boolean).join(", "));
    element.setAttribute("aria-selected", String(Boolean(marked)));
    element.dataset.decision = decision;
    element.dataset.seen = String(this.ms >= SEEN_MS);
    element.dataset.state = this.missing ? "missing" : this.picture?.photo ? "showing" : "loading";
    for (const [part, text] of [[".why", reason || decision], [".absent", this.missing ? "Picture missing" : ""]]) {
      element.querySelector(part)?.replaceChildren(text);
    }
  }

  /** @param {string} view @param {number} opacity */
  draw(view, opacity) {
    if (this.picture?.photo && this.context) drawPicture(this.context, this.picture, view, opacity);
  }

  /** Show another picture, or none. @param {Picture | null} picture */
  take(picture) {
    closePicture(this.picture ?? {});
    this.picture = picture;
  }

  drop() {
    this.gone = true;
    this.take(null);
  }
}

class Grid {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  leave = new AbortController();
  /** @type {(event: KeyboardEvent) => boolean} */
  isTheirs = () => false;

  /** @param {ReviewData} data @param {(what: "renew" | "clear") => void} tell */
  constructor({ reviewer, token, wanted, lead, tints, reasons }, tell) {
    this.clear = () => tell("clear");
    this.wanted = wanted;
    this.lead = lead;
    this.reasons = reasons;
    this.keys = { ...KEYS, ...keysOf(reasons) };
    this.outbox = new Outbox(reviewer, {
      token,
      renew: () => tell("renew"),
      changed: () => this.tellSoon(),
      elsewhere: (item) => this.elsewhere(item),
      saved: () => this.saved(),
      refusal: (item) => this.sitting.forget(item.client_id),
    });
    this.dealer = new Dealer(wanted, this.outbox, {
      holds: () => [...this.tiles, ...this.ahead].map(({ example }) => example),
      dealt: (cards, gone) => this.dealt(cards, gone),
      failed: (says) => {
        if (!this.tiles.length) this.become(says);
      },
    });
    this.sitting = new Sitting(reviewer, () => this.tellSoon());
    /** @type {Tile[]} */
    this.tiles = []; // on the page
    /** @type {Tile[]} */
    this.ahead = []; // the next
    /** @type {Tile[]} */
    this.behind = []; // those of the last commit, for undo
    /** @type {Tile | null} */
    this.current = null; // the tile that the keys are about
    /** @type {Tile | null} */
    this.pointed = null; // the tile under the pointer
    /** @type {Tile | null} */
    this.shown = null; // the tile that is shown large
    /** @type {Map<number, Promise<Picture>>} */
    this.large = new Map(); // by example
    this.loading = 0;
    /** What Shift marks: from which tile, as what, and the marks before. @type {{from: Tile, mark: string | null, before: (string | null)[]} | null} */
    this.range = null;
    this.shelf = new Shelf("localStorage", "winnow.look.");
    this.tint = chosenTint(tints, this.shelf); // as on the deck
    const { view, masked, count } = this.shelf.get("grid") ?? {};
    this.view = VIEWS.includes(view) ? view : VIEWS[0];
    this.masked = masked !== false;
    this.opacity = { ...OPACITY, ...this.shelf.get("deck")?.opacity }; // as well
    this.chosen = COUNTS.includes(count) ? count : COUNT;
    this.counts = COUNTS; // those that are offered
    this.hidden = false; // the mask, for as long as H is held
    this.columns = 8;
    this.side = THUMBNAIL; // of a tile, in CSS pixels
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    offerReasons(this.at, this.reasons);
    this.at.tiles.replaceChildren(); // those of the grid before this one, when something else is wanted now
    this.magnify(false);
    this.say("");
    const { signal } = this.leave;
    const heard = { signal };
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, ...heard });
    window.addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && this.hide(false), heard);
    window.addEventListener("blur", () => this.hide(false), heard);
    this.isTheirs = keysElsewhere(root, signal);
    root.addEventListener("click", (event) => this.click(/** @type {MouseEvent} */ (event)), heard);
    this.at.tiles.addEventListener("pointerover", (/** @type {PointerEvent} */ event) => this.point(event), heard);
    this.at.tiles.addEventListener("pointerleave", () => this.point(null), heard);
    this.at.tiles.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.press(event), heard);
    this.at.tiles.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => event.shiftKey && event.preventDefault(), heard); // a range begins where the focus is
    for (const over of ["pointerup", "pointercancel"]) window.addEventListener(over, () => this.release(), heard);
    this.at.tiles.addEventListener("contextmenu", (/** @type {PointerEvent} */ event) => event.pointerType === "touch" && event.preventDefault(), heard);
    this.at.tiles.addEventListener("focusin", (/** @type {Event} */ event) => this.go(tileOf(event.target), false), heard);
    this.at.size.addEventListener("input", () => this.resize(this.at.size.value), heard);
    this.at.size.addEventListener("pointerup", () => this.at.size.blur(), heard); // the arrow keys go on to the tiles
    this.at.help.addEventListener("click", (/** @type {Event} */ event) => event.target === this.at.help && this.at.help.close(), heard);
    window.addEventListener("resize", () => this.arrange(), heard);
    for (const wait of [0, 300, 1500]) setTimeout(() => signal.aborted || this.arrange(), wait); // what is above may still grow
    this.ticked = performance.now();
    this.ticking = setInterval(() => this.tick(), STEP_MS);
    this.arrange();
    this.draw();
    this.tell();
    this.outbox.flush();
    this.deal();
  }

  unmount() {
    this.gone = true;
    this.leave.abort();
    this.watcher?.disconnect();
    clearInterval(this.ticking);
    for (const timer of [this.polling, this.pressing]) clearTimeout(timer);
    for (const part of [this.dealer, this.outbox, this.sitting]) part.close();
    for (const tile of [...this.tiles, ...this.ahead, ...this.behind]) tile.drop();
    for (const coming of this.large.values()) coming.then(closePicture, () => {});
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (isUndo(event)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return this.undo();
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const what = this.at.help.open ? (key === "?" ? "help" : undefined) : this.keys[key];
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (this.isTheirs(event) && !(this.at.help.open && !held)) return;
    if (what === "escape" && this.at.lens.hidden) return;
    // C and R are Streamlit's own shortcuts ("clear caches", "rerun"): they must not be pressed by mistake.
    if (!what && !["c", "r"].includes(key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (what && (!event.repeat || STEPS.includes(what))) this.act(what, { ranges: event.shiftKey });
  }

  /** @param {MouseEvent} event */
  click(event) {
    const tile = tileOf(event.target);
    if (tile && this.pressed) return void (this.pressed = false); // a press that showed it large does not mark it
    if (tile && event.shiftKey) return this.reach(tile);
    if (tile) {
      this.range = null;
      this.go(tile);
      return this.toggle();
    }
    const button = clicked(event);
    if (button) this.act(button.dataset.do ?? "", { value: button.value });
  }

  /** @param {string} what @param {{ranges?: boolean, value?: string}} [how] whether Shift was held, and the button's value */
  act(what, { ranges = false, value = "" } = {}) {
    /** @type {Record<string, () => unknown>} */
    const acts = {
      toggle: () => this.toggle(),
      reject: () => this.mark(this.current?.decision === "reject" ? null : "unsaid"),
      fix: () => this.mark(this.current?.decision === "fix" ? null : "fix"),
      commit: () => this.commit(),
      undo: () => this.undo(),
      view: () => this.look(value || VIEWS[(VIEWS.indexOf(this.shownView) + 1) % VIEWS.length]),
      mask: () => this.look(this.masked ? "photo" : this.view),
      larger: () => this.resize(this.counts.indexOf(this.count) + 1),
      smaller: () => this.resize(this.counts.indexOf(this.count) - 1),
      hide: () => this.hide(true),
      lens: () => this.magnify(this.at.lens.hidden),
      escape: () => this.magnify(false),
      help: () => (this.at.help.open ? this.at.help.close() : this.at.help.showModal()),
      closeHelp: () => this.at.help.close(),
      dismiss: () => this.outbox.dismiss(),
      clear: () => this.clear(),
    };
    if (acts[what]) acts[what]();
    else if (STEPS.includes(what)) this.move(what, ranges);
    else this.mark(what);
  }

  // --- which tile ------------------------------------------------------------------------------------------------

  /** Make a tile the one that keys are about, and give it the focus. @param {Tile | undefined} tile */
  go(tile, focuses = true) {
    if (!tile || !this.tiles.includes(tile)) return;
    for (const other of this.tiles) {
      other.element.tabIndex = other === tile ? 0 : -1;
      other.element.toggleAttribute("data-current", other === tile);
    }
    this.current = tile;
    if (focuses) tile.element.focus();
    this.describe();
    this.lens();
  }

  /** @param {string} step @param {boolean} ranges */
  move(step, ranges) {
    const { current } = this;
    if (!current) return;
    this.pointed = null; // the keys lead now
    const to = this.tiles[stepped(this.tiles.indexOf(current), step, this.columns, this.tiles.length)];
    if (ranges) return this.reach(to);
    this.range = null;
    this.go(to);
  }

  /** Mark all from where a range begins, at the current tile, to this one: as that is marked, else as rejected. @param {Tile} tile */
  reach(tile) {
    const from = this.range?.from ?? this.current ?? tile;
    this.range ??= { from, mark: from.marked ?? "unsaid", before: this.tiles.map(({ marked }) => marked) };
    this.go(tile);
    const { mark, before } = this.range;
    const marks = ranged(before, this.tiles.indexOf(from), this.tiles.indexOf(tile), mark);
    for (const [place, one] of this.tiles.entries()) if (one.marked !== marks[place]) one.mark(marks[place]);
    this.describe();
    this.tellSoon();
  }

  /** The tiles that a mark is for: the current one, or all of a range. */
  get meant() {
    const { current, range, tiles } = this;
    if (!current || !range) return current ? [current] : [];
    const [one, other] = [tiles.indexOf(range.from), tiles.indexOf(current)];
    return tiles.slice(Math.min(one, other), Math.max(one, other) + 1);
  }

  /** Mark the current tile as rejected, or unmark it. */
  toggle() {
    this.mark(this.current?.marked ? null : "unsaid");
  }

  /** Mark the current tile or the range: "fix", a reason to reject it, or null. A picture that is missing can't be fixed. @param {string | null} marked */
  mark(marked) {
    for (const tile of this.meant) if (marked !== "fix" || !tile.missing) tile.mark(marked);
    if (this.range) this.range.mark = marked;
    this.describe();
    this.tellSoon();
  }

  describe() {
    const { current, at } = this;
    const card = current?.card;
    at.file.textContent = at.file.title = card?.photo ?? "\u00a0";
    const told = card ? [card.unknown ? LEFT_OUT : "", doubtInWords(card), card.reasons.join("; "), ...opinionsInWords(card, this.reasons)] : [];
    at.about.textContent = at.about.title = told.filter(Boolean).join(" · ");
    for (const button of at.reasonButtons.querySelectorAll("button")) {
      const what = button.dataset.do;
      button.disabled = !card || (what === "fix" && Boolean(current?.missing));
      button.setAttribute("aria-pressed", String(Boolean(current?.marked) && (current?.decision === what || current?.marked === what)));
    }
  }

  // --- verdicts --------------------------------------------------------------------------------------------------

  /** Fix or reject the marked, keep the others that were seen, all in one request; then show the next grid. */
  commit() {
    const { rejects, fixes, keeps, stays } = sortedOut(this.tiles);
    const unseen = `${stays.length} ${stays.length === 1 ? "was" : "were"} not on screen long enough and ${stays.length === 1 ? "stays" : "stay"}`;
    if (!this.tiles.length) return;
    if (stays.length === this.tiles.length) return this.say(`Nothing saved yet: ${unseen}.`);
    const decided = this.tiles.filter((tile) => !stays.includes(tile));
    for (const { example } of decided) this.dealer.moved.add(example);
    this.renew([...stays, ...this.ahead]); // the next grid first
    const commit = newId();
    for (const { card, decision, marked } of decided) {
      const reason = decision === "reject" && marked !== "unsaid" ? marked : null;
      const settles = settlesIt(this, card);
      const item = this.outbox.add({ ...verdictOn(card, decision), reason, settles });
      this.sitting.add({ card, did: decision, reason, client_id: item.client_id, order: item.order, commit, settles });
    }
    for (const tile of this.behind) tile.drop();
    this.behind = decided;
    const done = [`${keeps.length} ${DONE.keep}`, ...(fixes.length ? [`${fixes.length} ${DONE.fix}`] : []), `${rejects.length} ${DONE.reject}`];
    this.say(`${done.join(", ")}${stays.length ? `; ${unseen}` : ""}.`);
    this.deal();
  }

  /** Undo all of the last commit: its tiles come again as they were marked. One that had a verdict before, on the deck, has it again. */
  undo() {
    const last = this.sitting.verdict;
    if (!last) return;
    const entries = last.commit ? this.sitting.entries.filter(({ commit }) => commit === last.commit) : [last];
    const back = entries.filter(({ was }) => !was).map(({ card, did, reason }) => {
      this.without(card.example);
      const marked = did === "fix" ? "fix" : did === "reject" ? (reason ?? "unsaid") : null;
      const known = this.behind.find(({ example }) => example === card.example);
      known?.mark(marked);
      return known ?? new Tile(card, this.reasons, marked, SEEN_MS);
    });
    this.behind = this.behind.filter((tile) => !back.includes(tile));
    this.renew([...back, ...this.tiles, ...this.ahead]);
    for (const { card, did, client_id, was } of entries) {
      this.dealer.moved.add(card.example);
      this.sitting.forget(client_id);
      if (did !== "skip") this.outbox.add(undoOf(card, did, was));
    }
    this.say(`Undone: ${entries.length === 1 ? last.card.photo : `${formatted(entries.length)} verdicts`}.`);
  }

  /** @param {string} text */
  say(text) {
    this.at.last.textContent = text;
  }

  // --- what is on the grid ---------------------------------------------------------------------------------------

  /** Show the first of these tiles, and keep the others ready. @param {Tile[]} tiles */
  renew(tiles) {
    const focused = this.tiles.some(({ element }) => element === this.root?.activeElement);
    this.tiles = tiles.slice(0, this.count);
    this.ahead = tiles.slice(this.count);
    this.pointed = null;
    for (const tile of this.tiles) {
      tile.tell();
      tile.draw(this.shownView, this.opacity[this.view]);
    }
    this.at.tiles.replaceChildren(...this.tiles.map(({ element }) => element));
    this.settle(this.tiles[0], focused);
    this.scrollUp();
  }

  /** More cards have arrived: fill the grid; the rest is for the next. @param {Card[]} cards */
  fill(cards) {
    this.ahead.push(...cards.map((card) => new Tile(card, this.reasons)));
    const fresh = this.ahead.splice(0, this.count - this.tiles.length);
    this.tiles.push(...fresh);
    this.at.tiles.append(...fresh.map(({ element }) => element));
    this.settle(this.current ?? this.tiles[0]);
  }

  /** Remove an example from the grid and from what comes next. @param {number} example */
  without(example) {
    const tile = this.tiles.find((one) => one.example === example);
    for (const one of [...this.tiles, ...this.ahead]) if (one.example === example) one.drop();
    const others = (/** @type {Tile} */ one) => one.example !== example;
    const at = tile ? this.tiles.indexOf(tile) : -1;
    this.tiles = this.tiles.filter(others);
    this.ahead = this.ahead.filter(others);
    if (!tile) return;
    const focused = tile.element === this.root?.activeElement;
    if (tile === this.pointed) this.pointed = null;
    tile.element.remove();
    this.settle(tile === this.current ? this.tiles[Math.min(at, this.tiles.length - 1)] : this.current, focused);
  }

  /** @param {Item} item */
  elsewhere({ example, decision }) {
    this.dealer.moved.add(example);
    if (decision === "undo") return; // that tab shows it
    this.without(example);
    this.deal();
  }

  /**
   * The tiles have changed: set what is current, watched and fetched, and what an empty grid says.
   * @param {Tile | null | undefined} current
   */
  settle(current, focuses = false) {
    this.current = this.range = null;
    if (current) this.go(current, focuses);
    this.arrange();
    this.become();
    this.describe();
    this.prefetch();
    this.tellSoon();
  }

  become(trouble = "") {
    const state = this.tiles.length ? "showing" : this.dealer.exhausted && !trouble ? "done" : "loading";
    this.countUnseen();
    this.at.grid.dataset.state = state;
    this.at.over.hidden = state === "showing";
    clearTimeout(this.polling);
    if (state === "loading") this.at.over.replaceChildren(paragraph(trouble || "Loading the next pictures…"));
    if (state !== "done") return;
    this.tellEnd();
    this.polling = setTimeout(() => this.dealer.ask(this.count), POLL_MS);
  }

  tellEnd() {
    tellEnd(this.at.over, this, this.sitting.verdict ? "Press U to undo the last commit." : "");
  }

  // --- the window ------------------------------------------------------------------------------------------------

  /** Make the tiles as large as they fit into what the window leaves below the page's head. */
  arrange() {
    const { field, tiles, grid, panel } = this.at;
    const aside = getComputedStyle(grid).flexDirection === "row"; // else the panel lies below, over tiles that scroll
    const below = aside ? 0 : panel.offsetHeight;
    const [width, height] = [field.clientWidth, window.innerHeight - topOf(field) - below - GAP];
    this.counts = COUNTS.filter((count) => count <= COUNT || allFit(count, width, height));
    const { columns, side } = arranged(this.count, width, height);
    this.columns = columns;
    this.side = side;
    tiles.style.gridTemplateColumns = `repeat(${columns}, ${side}px)`;
    grid.style.setProperty("--below", `${below}px`);
    this.watch(below);
    this.at.size.max = String(this.counts.length - 1);
    this.at.size.value = String(this.counts.indexOf(this.count));
    this.at.size.setAttribute("aria-valuetext", `${this.count} at a time`);
  }

  /** How many tiles the grid has: as many as were chosen, where they fit. */
  get count() {
    return this.counts.includes(this.chosen) ? this.chosen : this.counts[0];
  }

  /** Choose larger or smaller tiles, by their place among those that are offered. @param {number} place */
  resize(place) {
    const count = this.counts[place];
    if (!count || count === this.count) return;
    const { current } = this;
    this.chosen = count;
    this.remember();
    this.renew([...this.tiles, ...this.ahead]);
    if (current) this.go(current, false);
    this.deal();
  }

  remember() {
    this.shelf.put("grid", { view: this.view, masked: this.masked, count: this.chosen });
  }

  /** Measure how much of each tile is in the window, without what lies under the panel. @param {number} below CSS pixels of the panel */
  watch(below) {
    this.watcher?.disconnect();
    this.watcher = new IntersectionObserver(
      (entries) => {
        for (const { target, intersectionRatio } of entries) {
          const tile = byElement.get(target);
          if (tile) tile.share = intersectionRatio;
        }
      },
      { threshold: [0, SEEN_SHARE], rootMargin: `0px 0px ${-below}px 0px` },
    );
    for (const { element } of this.tiles) this.watcher.observe(element);
  }

  scrollUp() {
    if (this.at.field.getBoundingClientRect().top < 0) this.at.field.scrollIntoView({ block: "start" });
  }

  tick() {
    const now = performance.now();
    const passed = now - (this.ticked ?? now);
    this.ticked = now;
    const looking = document.visibilityState === "visible" && !this.at.help.open;
    const shown = this.at.lens.hidden ? null : this.shown; // the lens lies over the others
    for (const tile of this.tiles) {
      const before = tile.ms;
      const watched = { drawn: Boolean(tile.picture?.photo), share: tile.share, looking: looking && (!shown || tile === shown) };
      tile.ms = onScreen(before, passed, watched);
      if (before < SEEN_MS && tile.ms >= SEEN_MS) tile.tell();
    }
    this.countUnseen();
  }

  countUnseen() {
    this.at.grid.dataset.unseen = String(this.tiles.filter(({ ms }) => ms < SEEN_MS).length);
  }

  // --- looks -----------------------------------------------------------------------------------------------------

  /** What the tiles show: the view that was chosen, or the photo alone. */
  get shownView() {
    return this.masked && !this.hidden ? this.view : "photo";
  }

  /** Show another view; this browser remembers it. @param {string} view */
  look(view) {
    this.masked = view !== "photo";
    if (this.masked) this.view = view;
    this.remember();
    this.draw();
  }

  /** @param {boolean} hidden */
  hide(hidden) {
    if (hidden === this.hidden) return;
    this.hidden = hidden;
    this.draw();
  }

  draw() {
    for (const tile of this.tiles) tile.draw(this.shownView, this.opacity[this.view]);
    Object.assign(this.at.grid.dataset, { view: this.shownView, masked: String(this.shownView !== "photo") });
    for (const button of this.at.views.children) {
      button.setAttribute("aria-pressed", String(button.value === (this.masked ? this.view : "photo")));
    }
    this.lens();
  }

  /** @param {PointerEvent | null} event null: the pointer left the tiles */
  point(event) {
    if (event?.pointerType === "touch") return;
    this.pointed = tileOf(event?.target) ?? null;
    if (!this.at.lens.hidden) this.aim();
  }

  /** While the lens is open, the tile under the pointer is the one that keys are about: nobody marks another than they see. */
  aim() {
    if (!this.pointed) return this.lens();
    const focused = this.current?.element === this.root?.activeElement;
    this.range = null;
    this.go(this.pointed, false);
    if (focused) this.pointed.element.focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  press(event) {
    this.pressed = false;
    const tile = tileOf(event.target);
    if (event.pointerType !== "touch" || !tile) return;
    clearTimeout(this.pressing);
    this.pressing = setTimeout(() => {
      this.pressed = true;
      this.pointed = null; // the finger leads now
      this.go(tile, false);
      this.magnify(true);
    }, PRESS_MS);
  }

  release() {
    clearTimeout(this.pressing);
    if (this.pressed) this.magnify(false);
  }

  /** @param {boolean} opens */
  magnify(opens) {
    this.at.lens.hidden = !opens;
    this.at.lensButton.setAttribute("aria-pressed", String(opens));
    if (opens) this.aim();
  }

  /** Draw the current tile large. */
  async lens() {
    const tile = this.current;
    if (this.at.lens.hidden) return;
    if (!tile) return this.magnify(false);
    this.shown = tile;
    this.placeLens(tile);
    this.at.largeFile.textContent = tile.card.photo;
    this.enlarge(tile.picture, tile);
    if (tile.whole) return;
    const coming = this.large.get(tile.example) ?? decoded(tile.card, this.tint);
    this.large.set(tile.example, coming);
    const [[oldest, passed]] = this.large;
    if (this.large.size > LARGE_KEPT) {
      this.large.delete(oldest);
      passed.then(closePicture, () => {});
    }
    try {
      const picture = await coming;
      if (tile === this.shown) this.enlarge(picture, tile);
    } catch {
      this.large.delete(tile.example); // fetched again the next time
    }
  }

  /** Lay the lens over the tiles, never over the panel, and all of it within the window. @param {Tile} tile */
  placeLens(tile) {
    const { field, panel, lens, grid } = this.at;
    const around = field.getBoundingClientRect();
    const aside = getComputedStyle(grid).flexDirection === "row";
    const top = Math.max(EDGE_OF_WINDOW, around.top);
    const bottom = (aside ? window.innerHeight : Math.min(window.innerHeight, panel.getBoundingClientRect().top)) - EDGE_OF_WINDOW;
    const place = lensPlace(tile.element.getBoundingClientRect(), { left: around.left, right: around.right, top, bottom });
    for (const [name, value] of Object.entries(place)) lens.style.setProperty(`--${name}`, `${value}px`);
  }

  /** @param {Picture | null} picture @param {Tile} tile */
  enlarge(picture, tile) {
    if (!picture?.photo) return;
    drawPicture(this.at.large.getContext("2d"), picture, this.shownView, this.opacity[this.view]);
    Object.assign(this.at.large.dataset, { example: tile.example, side: picture.photo.width });
  }

  // --- counts ----------------------------------------------------------------------------------------------------

  /** Tell once for all that happens in one turn: a commit is forty verdicts. */
  tellSoon() {
    if (this.telling || this.gone) return;
    this.telling = true;
    queueMicrotask(() => {
      this.telling = false;
      this.tell();
    });
  }

  tell() {
    if (!this.root || this.gone) return;
    const { at, outbox } = this;
    drawCounts(at, at.grid, outbox, this.dealer.tally, this.wanted);
    if (at.grid.dataset.state === "done") this.tellEnd();
    const { rejects, fixes } = sortedOut(this.tiles);
    const marks = [...(fixes.length ? [`fix ${fixes.length}`] : []), ...(rejects.length ? [`reject ${rejects.length}`] : [])];
    at.commits.textContent = marks.length ? "Keep the rest" : "Keep all";
    at.marked.textContent = marks.length ? `and ${marks.join(", ")}` : "";
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (this.root.querySelectorAll("button[data-do]"))) {
      const what = button.dataset.do;
      if (what === "undo") button.disabled = !this.sitting.verdict;
      if (what === "commit") button.disabled = !this.tiles.length;
    }
  }

  // --- the server ------------------------------------------------------------------------------------------------

  saved() {
    if (!this.tiles.length && !this.outbox.items.length) this.dealer.ask(this.count); // how it stands now, and what came since
  }

  /** Ask for the next cards when few are left. */
  deal() {
    if (this.tiles.length + this.ahead.length < 2 * this.count && !this.dealer.exhausted) this.dealer.ask(this.count);
  }

  /** @param {Card[]} cards @param {number[]} gone */
  dealt(cards, gone) {
    for (const example of gone) this.without(example);
    this.fill(cards);
    this.deal();
    this.tell();
  }

  /** Fetch, decode and tint the pictures on the grid, then those that come next. */
  prefetch() {
    const whole = this.side > BLURRED * THUMBNAIL;
    for (const tile of [...this.tiles, ...this.ahead]) {
      if (this.loading >= LOADERS) return;
      const enough = tile.picture && (tile.whole || tile.missing || !whole);
      if (!enough && !tile.loading) this.load(tile, whole);
    }
  }

  /** @param {Tile} tile @param {boolean} whole the crop as it is, or its thumbnail */
  async load(tile, whole) {
    this.loading++;
    tile.loading = true;
    let failed = false;
    try {
      tile.take(await decoded(tile.card, this.tint, whole ? "" : `?side=${THUMBNAIL}`));
      tile.whole = whole;
      if (tile.gone) tile.drop();
    } catch (error) {
      failed = !(error instanceof RouteError && error.missing);
      if (!failed) tile.take({ missing: true });
    }
    this.loading--;
    if (this.gone) return;
    if (!failed) {
      tile.loading = false;
      tile.draw(this.shownView, this.opacity[this.view]);
      tile.tell();
    } else {
      setTimeout(() => {
        tile.loading = false;
        if (!this.gone) this.prefetch();
      }, RETRY_PICTURE_MS);
    }
    this.prefetch();
  }
}

/** @param {string} textContent */
const paragraph = (textContent) => made("p", { textContent });

export default lasting(Grid);
