// @ts-check
// The review grid. Most masks of a crowd are right: so forty are kept at once, except those that are marked, and those
// that nobody can have seen. A whole grid is one commit; the next one is fetched while this one is on screen.

import { bitmap, clicked, formatted, hatched, made, maskBytes, newId, partsOf, RouteError, tintOf, topOf } from "../shared.js";
import {
  DONE, doubtInWords, drawCounts, endOf, keysOf, lasting, LEFT_OUT, offerReasons, opinionsInWords, POLL_MS, reasonInWords,
  settlesIt, undoOf, verdictOn,
} from "../review.js";
import { keysElsewhere } from "../keys.js";
import { Outbox } from "../outbox.js";
import { Dealer } from "../dealer.js";
import { Sitting } from "../sitting.js";

const COUNT = 40;
const THUMBNAIL = 192; // pixels, the side that the server draws
const LOADERS = 6; // pictures fetched at a time
const GAP = 6; // CSS pixels between tiles, as in grid.css
const LEAST = 124; // CSS pixels: on a smaller tile nobody can see a wrong mask, so the grid scrolls instead
const SEEN_MS = 1500;
const SEEN_SHARE = 0.6; // of a tile within the window
const STEP_MS = 100;
const LONGEST_STEP_MS = 250; // a computer that was asleep showed nothing
const PRESS_MS = 450; // a finger this long on a tile shows it large
const RETRY_PICTURE_MS = 1000;
const LARGE_KEPT = 12; // large pictures kept
const DOES = { keep: "keeps", fix: "to be fixed", reject: "rejects" };
/** @type {Record<string, string>} */
const KEYS = {
  x: "reject", f: "fix", " ": "toggle", Enter: "commit", u: "undo", Backspace: "undo", m: "mask", h: "hide", z: "lens", "?": "help",
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last", Escape: "escape",
};
const MOVES = ["left", "right", "up", "down", "first", "last"];

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
 * Columns and side of `count` square tiles, as large as the room allows; where they would be too small, they scroll.
 * @param {number} count @param {number} width of the room in CSS pixels @param {number} height
 */
export function arranged(count, width, height) {
  let best = { columns: 1, side: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const side = Math.floor(Math.min((width + GAP) / columns, (height + GAP) / rows) - GAP);
    if (side > best.side) best = { columns, side };
  }
  if (best.side >= LEAST) return best;
  const columns = Math.max(2, Math.floor((width + GAP) / (LEAST + GAP)));
  return { columns, side: Math.floor((width + GAP) / columns) - GAP };
}

/** A photo and the tint of its mask once decoded, or missing from the store. @typedef {{photo?: ImageBitmap, tint?: ImageBitmap, missing?: boolean}} TilePicture */

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
    /** @type {TilePicture | null} */
    this.picture = null;
    this.loading = false;
    this.gone = false;
    this.share = 0; // of it within the window
    const element = made("div", { className: "tile", tabIndex: -1, title: card.photo });
    this.element = element;
    element.setAttribute("role", "option");
    element.dataset.example = String(card.example);
    element.innerHTML =
      `<canvas width="${THUMBNAIL}" height="${THUMBNAIL}"></canvas>` +
      '<svg class="cross" viewBox="0 0 24 24" aria-hidden="true"><path d="M5 5 19 19M19 5 5 19"/></svg>' +
      '<svg class="brush" viewBox="0 0 24 24" aria-hidden="true"><path d="M20 4 11 13M9 14c-2 0-3 1.5-3 3 0 1.2-.9 2-2.5 2.2C4.6 20 6 20.5 7.5 20.5 10 20.5 12 19 12 17s-1.2-3-3-3Z"/></svg>' +
      '<span class="why" aria-hidden="true"></span><span class="ring" aria-hidden="true"></span><span class="absent" aria-hidden="true"></span>';
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
    for (const [part, text] of [[".why", decision === "fix" ? "fix" : reason], [".absent", this.missing ? "Picture missing" : ""]]) {
      element.querySelector(part)?.replaceChildren(text);
    }
  }

  /** @param {boolean} masked */
  draw(masked) {
    const { photo, tint } = this.picture ?? {};
    if (!photo || !tint || !this.context) return;
    this.context.drawImage(photo, 0, 0, THUMBNAIL, THUMBNAIL);
    if (masked) this.context.drawImage(tint, 0, 0);
  }

  drop() {
    this.gone = true;
    this.picture?.photo?.close();
    this.picture?.tint?.close();
    this.picture = null;
  }
}

class Grid {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  leave = new AbortController();
  /** @type {(event: KeyboardEvent) => boolean} */
  isTheirs = () => false;

  /** @param {ReviewData} data @param {(what: "renew" | "clear") => void} tell */
  constructor({ reviewer, token, wanted, lead, side, tint, reasons }, tell) {
    this.clear = () => tell("clear");
    this.wanted = wanted;
    this.lead = lead;
    this.side = side;
    this.tint = tint;
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
    /** @type {Map<number, Promise<TilePicture>>} */
    this.large = new Map(); // by example
    this.loading = 0;
    this.masked = true;
    this.hidden = false; // the mask, for as long as H is held
    this.columns = 8;
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    offerReasons(this.at, this.reasons);
    this.at.large.width = this.at.large.height = this.side;
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
    for (const over of ["pointerup", "pointercancel"]) window.addEventListener(over, () => this.release(), heard);
    this.at.tiles.addEventListener("contextmenu", (/** @type {PointerEvent} */ event) => event.pointerType === "touch" && event.preventDefault(), heard);
    this.at.tiles.addEventListener("focusin", (/** @type {Event} */ event) => this.go(tileOf(event.target), false), heard);
    this.at.help.addEventListener("click", (/** @type {Event} */ event) => event.target === this.at.help && this.at.help.close(), heard);
    window.addEventListener("resize", () => this.arrange(), heard);
    for (const wait of [0, 300, 1500]) setTimeout(() => signal.aborted || this.arrange(), wait); // what is above may still grow
    this.ticked = performance.now();
    this.ticking = setInterval(() => this.tick(), STEP_MS);
    this.arrange();
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
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const what = this.at.help.open ? (key === "?" ? "help" : undefined) : this.keys[key];
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (this.isTheirs(event) && !(this.at.help.open && !held)) return;
    if (what === "escape" && this.at.lens.hidden) return;
    // C and R are Streamlit's own shortcuts ("clear caches", "rerun"): they must not be pressed by mistake.
    if (!what && !["c", "r"].includes(key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (what && (!event.repeat || MOVES.includes(what))) this.act(what);
  }

  /** @param {MouseEvent} event */
  click(event) {
    const tile = tileOf(event.target);
    if (tile && this.pressed) return void (this.pressed = false); // a press that showed it large does not mark it
    if (tile) {
      this.go(tile);
      return this.toggle();
    }
    const button = clicked(event);
    if (button) this.act(button.dataset.do ?? "");
  }

  /** @param {string} what */
  act(what) {
    /** @type {Record<string, () => unknown>} */
    const acts = {
      toggle: () => this.toggle(),
      reject: () => this.mark(this.current?.decision === "reject" ? null : "unsaid"),
      fix: () => this.mark(this.current?.decision === "fix" ? null : "fix"),
      commit: () => this.commit(),
      undo: () => this.undo(),
      mask: () => this.draw({ masked: !this.masked }),
      hide: () => this.hide(true),
      lens: () => this.magnify(this.at.lens.hidden),
      escape: () => this.magnify(false),
      help: () => (this.at.help.open ? this.at.help.close() : this.at.help.showModal()),
      closeHelp: () => this.at.help.close(),
      dismiss: () => this.outbox.dismiss(),
      clear: () => this.clear(),
    };
    if (acts[what]) acts[what]();
    else if (MOVES.includes(what)) this.move(what);
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

  /** @param {string} where */
  move(where) {
    if (!this.tiles.length) return;
    const [at, last] = [this.tiles.findIndex((tile) => tile === this.current), this.tiles.length - 1];
    /** @type {Record<string, number>} */
    const places = { left: at - 1, right: at + 1, up: at - this.columns, down: at + this.columns, first: 0, last };
    const to = places[where];
    this.pointed = null; // the keys lead now
    this.go(this.tiles[to >= 0 && to <= last ? to : at]);
  }

  /** Mark the current tile as rejected, or unmark it. */
  toggle() {
    this.mark(this.current?.marked ? null : "unsaid");
  }

  /** Mark the current tile: "fix", a reason to reject it, or null. A picture that is missing can't be fixed. @param {string | null} marked */
  mark(marked) {
    const tile = this.current;
    if (!tile || (marked === "fix" && tile.missing)) return;
    tile.mark(marked);
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
      const item = this.outbox.add({ ...verdictOn(card, decision), reason, settles: settlesIt(this, card) });
      this.sitting.add({ card, did: decision, reason, client_id: item.client_id, order: item.order, commit });
    }
    for (const tile of this.behind) tile.drop();
    this.behind = decided;
    const done = [`${keeps.length} ${DONE.keep}`, ...(fixes.length ? [`${fixes.length} ${DONE.fix}`] : []), `${rejects.length} ${DONE.reject}`];
    this.say(`${done.join(", ")}${stays.length ? `; ${unseen}` : ""}.`);
    this.deal();
  }

  /** Undo all of the last commit: its tiles come again as they were marked. */
  undo() {
    const last = this.sitting.verdict;
    if (!last) return;
    const entries = last.commit ? this.sitting.entries.filter(({ commit }) => commit === last.commit) : [last];
    const back = entries.map(({ card, did, reason }) => {
      this.without(card.example);
      const marked = did === "fix" ? "fix" : did === "reject" ? (reason ?? "unsaid") : null;
      const known = this.behind.find(({ example }) => example === card.example);
      known?.mark(marked);
      return known ?? new Tile(card, this.reasons, marked, SEEN_MS);
    });
    this.behind = this.behind.filter((tile) => !back.includes(tile));
    this.renew([...back, ...this.tiles, ...this.ahead]);
    for (const { card, did, client_id } of entries) {
      this.dealer.moved.add(card.example);
      this.sitting.forget(client_id);
      if (did !== "skip") this.outbox.add(undoOf(card, did));
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
    this.tiles = tiles.slice(0, COUNT);
    this.ahead = tiles.slice(COUNT);
    this.pointed = null;
    for (const tile of this.tiles) {
      tile.tell();
      tile.draw(this.tinted);
    }
    this.at.tiles.replaceChildren(...this.tiles.map(({ element }) => element));
    this.settle(this.tiles[0], focused);
    this.scrollUp();
  }

  /** More cards have arrived: fill the grid; the rest is for the next. @param {Card[]} cards */
  fill(cards) {
    this.ahead.push(...cards.map((card) => new Tile(card, this.reasons)));
    const fresh = this.ahead.splice(0, COUNT - this.tiles.length);
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
    this.current = null;
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
    this.at.over.replaceChildren(...endOf(this, this.sitting.verdict ? "Press U to undo the last commit." : ""));
    this.polling = setTimeout(() => this.dealer.ask(COUNT), POLL_MS);
  }

  // --- the window ------------------------------------------------------------------------------------------------

  /** Make the tiles as large as they fit into what the window leaves below the page's head. */
  arrange() {
    const { field, tiles, grid, panel } = this.at;
    const aside = getComputedStyle(grid).flexDirection === "row"; // else the panel lies below, over tiles that scroll
    const below = aside ? 0 : panel.offsetHeight;
    const { columns, side } = arranged(COUNT, field.clientWidth, window.innerHeight - topOf(field) - below - GAP);
    this.columns = columns;
    tiles.style.gridTemplateColumns = `repeat(${columns}, ${side}px)`;
    grid.style.setProperty("--below", `${below}px`);
    this.watch(below);
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

  get tinted() {
    return this.masked && !this.hidden;
  }

  /** @param {boolean} hidden */
  hide(hidden) {
    if (hidden !== this.hidden) this.draw({ hidden });
  }

  /** @param {{masked?: boolean, hidden?: boolean}} [change] */
  draw(change) {
    Object.assign(this, change);
    for (const tile of this.tiles) tile.draw(this.tinted);
    this.at.grid.dataset.masked = String(this.tinted);
    this.at.maskButton.setAttribute("aria-pressed", String(this.masked));
    this.lens();
  }

  /** @param {PointerEvent | null} event null: the pointer left the tiles */
  point(event) {
    if (event?.pointerType === "touch") return;
    this.pointed = tileOf(event?.target) ?? null;
    this.lens();
  }

  /** @param {PointerEvent} event */
  press(event) {
    this.pressed = false;
    const tile = tileOf(event.target);
    if (event.pointerType !== "touch" || !tile) return;
    clearTimeout(this.pressing);
    this.pressing = setTimeout(() => {
      this.pressed = true;
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
    this.lens();
  }

  /** Draw the tile under the pointer, or the current one, large; on the other side of the grid, so that it stays in sight. */
  async lens() {
    const tile = this.pointed ?? this.current;
    if (this.at.lens.hidden) return;
    if (!tile) return this.magnify(false);
    this.shown = tile;
    const { left, width } = tile.element.getBoundingClientRect();
    this.at.lens.dataset.side = left + width / 2 > this.at.field.getBoundingClientRect().left + this.at.field.clientWidth / 2 ? "left" : "right";
    this.at.largeFile.textContent = tile.card.photo;
    this.enlarge(tile.picture, tile);
    const coming = this.large.get(tile.example) ?? picturesOf(tile.card, "", this.tint);
    this.large.set(tile.example, coming);
    const [oldest] = this.large.keys();
    if (this.large.size > LARGE_KEPT) this.large.delete(oldest);
    try {
      const picture = await coming;
      if (tile === this.shown) this.enlarge(picture, tile);
    } catch {
      this.large.delete(tile.example); // fetched again the next time
    }
  }

  /** @param {TilePicture | null} picture @param {Tile} tile */
  enlarge(picture, tile) {
    if (!picture?.photo || !picture.tint) return;
    const context = this.at.large.getContext("2d");
    context.drawImage(picture.photo, 0, 0, this.side, this.side);
    if (this.tinted) context.drawImage(picture.tint, 0, 0, this.side, this.side);
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
    if (!this.tiles.length && !this.outbox.items.length) this.dealer.ask(COUNT); // how it stands now, and what came since
  }

  /** Ask for the next cards when few are left. */
  deal() {
    if (this.tiles.length + this.ahead.length < 2 * COUNT && !this.dealer.exhausted) this.dealer.ask(COUNT);
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
    for (const tile of [...this.tiles, ...this.ahead]) {
      if (this.loading >= LOADERS) return;
      if (!tile.picture && !tile.loading) this.load(tile);
    }
  }

  /** @param {Tile} tile */
  async load(tile) {
    this.loading++;
    tile.loading = true;
    try {
      tile.picture = await picturesOf(tile.card, `?side=${THUMBNAIL}`, this.tint);
      if (tile.gone) tile.drop();
    } catch (error) {
      if (error instanceof RouteError && error.missing) tile.picture = { missing: true };
    }
    this.loading--;
    if (this.gone) return;
    if (tile.picture) {
      tile.loading = false;
      tile.draw(this.tinted);
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

/** @param {Card} card @param {string} size of the pictures, as a query @param {Tint} colours @returns {Promise<TilePicture>} */
async function picturesOf({ image, mask, unknown }, size, colours) {
  const wanted = [image, mask, ...(unknown ? [unknown] : [])];
  const [photo, painted, silent] = await Promise.all(wanted.map((hash) => bitmap(hash + size)));
  const layer = tintOf(maskBytes(painted), painted.width, colours);
  const tint = await createImageBitmap(silent ? hatched(layer, maskBytes(silent), silent.width) : layer);
  painted.close();
  silent?.close();
  return { photo, tint };
}

/** @param {string} textContent */
const paragraph = (textContent) => made("p", { textContent });

export default lasting(Grid);
