// @ts-check
// The tray. It shows a photo with its mask and a square, or many photos on a wall; a decision is sent, and what comes next is
// shown when the server has saved it.

import { ask, clicked, counted, fitted, formatted, made, partsOf, RouteError, Shelf, wholePhoto } from "../shared.js";
import { isUndo, keysElsewhere } from "../keys.js";
import { STEP_KEYS, STEPS } from "../tiles.js";
import { corners, firstSquare, middle, onPhoto, radians, squareAt, within } from "./square.js";
import { AGAIN_MS, hungAt, WALL, Wall } from "./wall.js";

/**
 * A photo without a face; `version` changes when its number comes to mean another photo.
 * @typedef {Size & {submission: number, photo: string, version: string, drawn: boolean, remarks: string[]}} Photo
 */

/** @typedef {{reviewer: string, token: string, tint: Tint, limits: SideLimits}} TrayData */

const AHEAD = 4; // photos asked for beyond the one that is shown
const EDGE = 28; // CSS pixels around the photo and the square, so that the square's handles can be reached beyond the photo
const NOTHING = "rgb(128 128 128)"; // of a crop where there is no photo
const SMALL = 320; // pixels, the longest side of a photo on the wall
/** @type {Record<string, number>} */
const GRIP = { mouse: 14, touch: 28, pen: 20 }; // CSS pixels around a handle
const STALK = 30; // CSS pixels from the square to its turning handle
/** @type {Record<string, string>} */
const KEYS = {
  Enter: "crop", d: "discard", s: "skip", Escape: "skip", u: "undo", m: "mask", 0: "reset", "-": "smaller", "+": "larger",
  "=": "larger", "[": "left", "]": "right", ArrowLeft: "west", ArrowRight: "east", ArrowUp: "north", ArrowDown: "south",
  g: "many",
};
/** Those of the wall. @type {Record<string, string>} */
const WALL_KEYS = {
  " ": "choose", x: "choose", a: "all", d: "discardChosen", s: "skip", u: "undo", m: "mask", Enter: "open", g: "many", ...STEP_KEYS,
};
/** @type {Record<string, Point>} */
const MOVES = { west: [-1, 0], east: [1, 0], north: [0, -1], south: [0, 1] };

const REPEATING = ["smaller", "larger", "left", "right", ...Object.keys(MOVES)];

class Tray {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  leave = new AbortController();
  /** Asks for a new token. @type {() => void} */
  renew = () => {};
  renewed = false;
  /** @type {(event: KeyboardEvent) => boolean} */
  isTheirs = () => false;
  /** The photo that is shown. @type {any} */
  photo = null;
  /** @type {any} */
  picture = null;
  /** @type {any} */
  square = null;
  /** @type {Promise<boolean> | null} */
  fetching = null;
  /** @type {number | null} */
  drawing = null;
  /** From pixels of the photo to those of the canvas. */
  view = { scale: 1, x: 0, y: 0 };
  /** @type {Wall | null} */
  wall = null;
  /** What a drag began with. @type {{square: Square, places: Point[]}} */
  begun = { square: { top: 0, left: 0, side: 1, rotation: 0 }, places: [] };

  /** @param {TrayData} data */
  constructor({ reviewer, token, tint, limits }) {
    this.reviewer = reviewer;
    this.token = token;
    this.tint = tint;
    this.limits = limits;
    /** @type {Photo[]} */
    this.queue = []; // photos asked for and not shown yet
    this.after = 0; // the last photo asked for
    /** @type {{photos: Photo[], cropped: boolean, square: Square | null}[]} */
    this.done = []; // what was decided in this sitting, with the square of a single photo, newest last
    /** @type {Map<number, Promise<any>>} */
    this.pictures = new Map(); // decoded, or on their way, by submission
    this.masked = true;
    this.shelf = new Shelf("localStorage", "winnow.look.");
    this.many = this.shelf.get("aside")?.many === true; // the wall is shown
    /** @type {Map<number, Point>} */
    this.pointers = new Map();
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    this.canvas = this.at.canvas;
    this.context = this.canvas.getContext("2d");
    const heard = { signal: this.leave.signal };
    this.isTheirs = keysElsewhere(root, this.leave.signal);
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, ...heard });
    root.addEventListener("click", (event) => this.click(/** @type {MouseEvent} */ (event)), heard);
    this.at.wall.addEventListener("mousedown", (/** @type {MouseEvent} */ event) => event.shiftKey && event.preventDefault(), heard); // a range begins where the focus is
    this.at.wall.addEventListener("dblclick", (/** @type {Event} */ event) => hungAt(event.target) && this.act("open"), heard);
    this.at.wall.addEventListener("focusin", (/** @type {Event} */ event) => this.wall?.go(hungAt(event.target), false), heard);
    this.wall = new Wall(this.at.wall, {
      decoded: (photo) => wholePhoto(photo, this.tint, SMALL),
      changed: () => this.tools(),
      masked: () => this.masked,
    });
    window.addEventListener("resize", () => this.many && this.wall?.arrange(), heard);
    this.canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.down(event), heard);
    this.canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.move(event), heard);
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, (/** @type {PointerEvent} */ event) => this.up(event), heard);
    this.canvas.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false, ...heard });
    this.watching = new ResizeObserver(() => this.fitCanvas());
    this.watching.observe(this.at.frame);
    fitted(this.at.bench, this.at.frame, this.leave.signal);
    this.fitCanvas();
    window.__winnowTray = this;
    this.next();
  }

  unmount() {
    this.gone = true;
    this.leave.abort();
    this.watching?.disconnect();
    this.wall?.close();
    delete window.__winnowTray;
  }

  /** @param {string} state */
  become(state) {
    this.state = this.at.aside.dataset.state = state;
    this.canvas.dataset.submission = this.photo?.submission ?? "";
    this.tools();
    this.draw();
  }

  /** Which buttons can be pressed, and which are there. */
  tools() {
    const { at, state, many, wall } = this;
    const [shown, decidable, hangs] = [state === "showing", state === "showing" || state === "broken", state === "wall"];
    at.aside.dataset.many = String(many);
    for (const name of ["crop", "smaller", "larger", "left", "right", "reset"]) at[name].disabled = !shown;
    at.mask.disabled = !shown && !hangs;
    at.skip.disabled = !decidable && !hangs;
    at.discard.disabled = !decidable;
    at.undo.disabled = !this.done.length || state === "saving";
    at.one.setAttribute("aria-pressed", String(!many));
    at.several.setAttribute("aria-pressed", String(many));
    for (const name of ["one", "several"]) at[name].disabled = state === "saving";
    const count = wall?.chosen.length ?? 0;
    at.discardChosen.disabled = !hangs || !count;
    at.chosen.textContent = count ? `Discard ${photos(count)}` : "Discard the chosen";
    at.all.disabled = at.open.disabled = !hangs;
    at.all_label.textContent = count && count === wall?.hung.length ? "Choose none" : "Choose all";
  }

  /** @param {string} title @param {string} text @param {HTMLElement[]} links */
  cover(title, text, ...links) {
    const line = made("div", { className: "links" });
    line.append(...links);
    const said = [made("strong", { textContent: title }), made("p", { textContent: text })];
    this.at.over.replaceChildren(...said, ...(links.length ? [line] : []));
    this.at.over.hidden = false;
  }

  /** Show an error; null removes it. @param {any} error */
  complain(error) {
    if (error instanceof RouteError && error.is("stale_page")) this.renew();
    this.at.trouble.hidden = !error;
    this.at.trouble.textContent = error?.message ?? "";
  }

  /** Say how many are left. @param {number} left */
  count(left) {
    this.left = left;
    this.at.left_over.textContent = left ? `${photos(left)} left.` : "";
  }

  // --- which photo -----------------------------------------------------------------------------------------------

  async next() {
    if (this.many) return this.fill([]);
    this.photo = this.picture = this.square = null;
    this.become("loading");
    if (!this.queue.length) {
      try {
        await this.fetchMore();
      } catch (error) {
        if (!this.gone) this.failed(error);
        return;
      }
    }
    if (this.gone) return;
    const photo = this.queue.shift();
    if (!photo) return this.over();
    this.show(photo);
    if (this.queue.length < AHEAD) this.fetchMore().catch(() => {}); // asked for again when the queue is empty
  }

  /** Ask for more photos; whether there were any. @returns {Promise<boolean>} */
  fetchMore(count = 2 * AHEAD) {
    this.fetching ??= (async () => {
      const answer = await ask("/api/aside", this.token, { after: this.after, count });
      this.count(answer.left);
      this.queue.push(...answer.photos);
      this.after = answer.photos.at(-1)?.submission ?? this.after;
      return answer.photos.length > 0;
    })().finally(() => (this.fetching = null));
    return this.fetching;
  }

  /** Hang these photos on the wall and no others, and more until it is full. @param {Photo[]} hung */
  async fill(hung) {
    const { wall } = this;
    if (!wall) return;
    this.photo = this.picture = this.square = null;
    wall.hang(hung.slice(0, WALL)); // while more are asked for, none that was decided
    this.queue.unshift(...hung.slice(WALL));
    this.become("loading");
    const all = () => [...wall.photos, ...this.queue];
    try {
      while (all().length < WALL && (await this.fetchMore(WALL)));
    } catch (error) {
      if (!all().length) return this.gone || this.failed(error);
      this.complain(error);
    }
    if (this.gone || !this.many) return;
    const found = all();
    this.queue = found.slice(WALL);
    this.at.over.hidden = true;
    wall.hang(found.slice(0, WALL));
    if (!found.length) return this.over();
    this.at.file.textContent = this.at.remarks.textContent = "";
    this.at.drawn.hidden = !found.slice(0, WALL).some(({ drawn }) => drawn);
    this.become("wall");
  }

  /** Show the wall, or one photo after the other. @param {boolean} many */
  turn(many) {
    if (many === this.many || this.state === "saving" || !this.wall) return;
    this.queue.unshift(...(this.photo ? [this.photo] : []), ...this.wall.photos);
    this.wall.hang([]);
    this.many = many;
    this.shelf.put("aside", { many });
    this.next();
  }

  /** Show the current photo of the wall alone, to draw its square. */
  open() {
    const photo = this.wall?.current?.photo;
    if (!photo || !this.wall) return;
    this.queue.unshift(photo, ...this.wall.photos.filter((other) => other !== photo));
    this.wall.hang([]);
    this.many = false;
    this.next();
  }

  /** @param {Photo} photo @param {Square | null} square where it begins; null: around the hair */
  async show(photo, square = null) {
    this.photo = photo;
    this.picture = this.square = null;
    this.at.file.textContent = this.at.file.title = photo.photo;
    this.at.drawn.hidden = !photo.drawn;
    this.at.remarks.textContent = photo.remarks.join(" ");
    this.at.says.textContent = "";
    this.at.over.hidden = true;
    this.become("loading");
    try {
      const picture = await this.decoded(photo);
      if (this.photo !== photo || this.gone) return;
      this.picture = picture;
      this.square = square ?? this.firstSquare();
      this.fitView();
      this.become("showing");
      this.told();
    } catch (error) {
      if (this.photo !== photo || this.gone) return;
      if (!(error instanceof RouteError && error.missing)) { // the network: ask again
        setTimeout(() => this.photo === photo && !this.gone && this.show(photo, square), AGAIN_MS);
        return;
      }
      this.cover("This photo cannot be shown", sentence(error));
      this.become("broken");
    }
    if (this.queue[0]) this.decoded(this.queue[0]).catch(() => {});
  }

  /** Where a person begins with the photo that is shown. */
  firstSquare() {
    return firstSquare(this.photo, this.picture.mask, this.picture.width, this.limits);
  }

  /**
   * A square that is allowed on the photo that is shown.
   * @param {Point} place of its middle @param {number} side @param {number} rotation
   */
  squareAt(place, side, rotation) {
    return squareAt(place, side, rotation, this.photo, this.limits);
  }

  /** The photo and the tint of its mask, decoded once, kept for the photo that is shown and the next. @param {Photo} photo */
  decoded(photo) {
    const known = this.pictures.get(photo.submission);
    if (known) return known;
    const coming = wholePhoto(photo, this.tint);
    coming.catch(() => this.pictures.delete(photo.submission));
    this.pictures.set(photo.submission, coming);
    for (const oldest of this.pictures.keys()) if (this.pictures.size > 3) this.pictures.delete(oldest);
    return coming;
  }

  over() {
    this.at.file.textContent = this.at.remarks.textContent = this.at.says.textContent = "";
    this.at.drawn.hidden = true;
    this.become("over");
    const [review, ingest] = [["/review", "Review"], ["/ingest", "Ingest"]].map(([href, textContent]) =>
      made("a", { className: "button", href, target: "_self", textContent }),
    );
    if (!this.left) return this.cover("No photos left", "Every photo has a crop or was discarded.", review, ingest);
    const again = made("button", { textContent: "Show them again" });
    again.dataset.do = "again";
    this.cover("That was the last one", `${photos(this.left)} ${this.left === 1 ? "was" : "were"} skipped.`, again, review);
  }

  /** @param {unknown} error */
  failed(error) {
    this.complain(error);
    const again = made("button", { textContent: "Try again" });
    again.dataset.do = "again";
    this.cover("The photos could not be loaded", sentence(error), again);
    this.become("over");
  }

  // --- decide ----------------------------------------------------------------------------------------------------

  /** @param {Square | null} square null discards the photo */
  async decide(square) {
    const { photo } = this;
    this.become("saving");
    this.at.says.textContent = "Saving…";
    try {
      const answer = await ask("/api/aside/choose", this.token, { submission: photo.submission, square });
      this.done.push({ photos: [photo], cropped: square !== null, square: this.square });
      this.count(answer.left);
      this.complain(null);
    } catch (error) {
      this.complain(error);
      if (this.gone) return;
      const gone = error instanceof RouteError && (error.is("not_there") || error.is("already_decided"));
      if (gone) return this.next(); // somebody else decided first
      this.become(this.picture ? "showing" : "broken");
      return this.told();
    }
    if (!this.gone) this.next();
  }

  /** Discard the photos that are chosen on the wall, all in one request. */
  async discardChosen() {
    const { wall } = this;
    const chosen = wall?.chosen ?? [];
    if (!wall || !chosen.length) return;
    this.become("saving");
    try {
      const answer = await ask("/api/aside/discard", this.token, { submissions: chosen.map(({ submission }) => submission) });
      const refused = new Set(answer.refused.map((/** @type {{submission: number}} */ one) => one.submission));
      const discarded = chosen.filter(({ submission }) => !refused.has(submission));
      if (discarded.length) this.done.push({ photos: discarded, cropped: false, square: null });
      this.count(answer.left);
      this.complain(sentenceOf(answer.refused));
    } catch (error) {
      this.complain(error);
      if (!this.gone) this.become("wall");
      return;
    }
    if (!this.gone) this.fill(wall.photos.filter((photo) => !chosen.includes(photo))); // what was refused waits no more either
  }

  async undo() {
    const last = this.done.at(-1);
    const { photo, state } = this;
    if (!last) return;
    this.become("saving");
    /** @type {Photo[]} */
    let again = [];
    try {
      const submissions = last.photos.map(({ submission }) => submission);
      const answer = last.cropped
        ? await ask("/api/aside/undo", this.token, { submission: submissions[0] })
        : await ask("/api/aside/restore", this.token, { submissions });
      again = last.cropped ? [answer.photo] : answer.photos;
      this.count(answer.left);
      this.complain(sentenceOf(answer.refused ?? []));
      this.done.pop();
    } catch (error) {
      this.complain(error);
      if (error instanceof RouteError && [404, 409].includes(error.status)) this.done.pop();
    }
    if (this.gone) return;
    if (this.many) {
      if (again.length) this.fill([...again, ...(this.wall?.photos ?? [])]);
      else this.become(state ?? "loading");
    } else if (again.length) {
      this.queue.unshift(...again.slice(1), ...(photo ? [photo] : []));
      this.show(again[0], last.square);
    } else if (photo) this.become(this.picture ? "showing" : "broken");
    else this.over();
  }

  /** @param {MouseEvent} event */
  click(event) {
    const one = hungAt(event.target);
    if (one && this.state === "wall") return event.shiftKey ? this.wall?.reach(one) : this.wall?.toggle(one);
    const button = clicked(event);
    if (button) this.act(button.dataset.do ?? "");
  }

  /** @param {string} what @param {boolean} ranges whether Shift was held */
  act(what, ranges = false) {
    const can = this.state === "showing" || this.state === "broken";
    if (what === "again") {
      this.after = 0;
      this.at.over.hidden = true;
      this.next();
    } else if (what === "undo") {
      if (this.done.length && this.state !== "saving") this.undo();
    } else if (what === "many") this.turn(!this.many);
    else if (what === "one") this.turn(false);
    else if (what === "several") this.turn(true);
    else if (this.many) this.onWall(what, ranges);
    else if (what === "discard" && can) this.decide(null);
    else if (what === "skip" && can) this.next();
    else if (this.state === "showing") this.shape(what);
  }

  /** @param {string} what @param {boolean} ranges */
  onWall(what, ranges) {
    const { wall } = this;
    if (this.state !== "wall" || !wall) return;
    if (what === "choose") wall.toggle(wall.current);
    else if (what === "all") wall.all();
    else if (what === "discardChosen") this.discardChosen();
    else if (what === "skip") this.fill([]);
    else if (what === "open") this.open();
    else if (what === "mask") {
      this.showMasks();
      wall.draw();
    } else if (STEPS.includes(what)) wall.step(what, ranges);
  }

  /** Show masks, or hide them. */
  showMasks() {
    this.masked = !this.masked;
    this.at.mask.setAttribute("aria-pressed", String(this.masked));
  }

  /** @param {string} what */
  shape(what) {
    const { square } = this;
    const change = (/** @type {Point} */ place, /** @type {number} */ side, /** @type {number} */ turn) =>
      this.change(this.squareAt(place, side, square.rotation + turn));
    const at = middle(square);
    if (what === "crop") return this.decide(square);
    if (what === "smaller") change(at, square.side / 1.05, 0);
    else if (what === "larger") change(at, square.side * 1.05, 0);
    else if (what === "left") change(at, square.side, -3);
    else if (what === "right") change(at, square.side, 3);
    else if (what === "reset") this.change(this.firstSquare());
    else if (what === "mask") this.showMasks();
    else if (what in MOVES) {
      const step = square.side / 50;
      change([at[0] + MOVES[what][0] * step, at[1] + MOVES[what][1] * step], square.side, 0);
    }
    if (!this.pointers.size) this.fitView();
    this.draw();
  }

  /** @param {Square} square */
  change(square) {
    this.square = square;
    this.told();
    this.soon();
  }

  /** The square in words. */
  told() {
    const { side, rotation } = this.square;
    const turn = Math.round(rotation); // of the photo to the left, so of the square to the right
    const turned = turn ? `, turned ${Math.abs(turn)}° to the ${turn > 0 ? "right" : "left"}` : "";
    this.at.says.textContent = `${formatted(Math.round(side))} pixels wide${turned}`;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (isUndo(event)) {
      event.preventDefault();
      return this.act("undo");
    }
    const what = (this.many ? WALL_KEYS : KEYS)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!what || this.isTheirs(event)) return;
    const steps = this.many && STEPS.includes(what); // one photo alone is turned left and right
    if (event.shiftKey && event.key !== "+" && !steps) return; // on many keyboards + needs Shift
    if (event.repeat && !steps && !REPEATING.includes(what)) return;
    if ((what in MOVES && this.state !== "showing") || (steps && this.state !== "wall")) return; // the arrows scroll
    event.preventDefault();
    event.stopPropagation();
    this.act(what, event.shiftKey);
  }

  // --- the pointer -----------------------------------------------------------------------------------------------

  /** Where on the photo an event is. @param {PointerEvent} event @returns {Point} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const { scale, x, y } = this.view;
    const ratio = this.canvas.width / box.width;
    return [((event.clientX - box.left) * ratio) / scale + x, ((event.clientY - box.top) * ratio) / scale + y];
  }

  /** CSS pixels as pixels of the photo. @param {number} pixels */
  css(pixels) {
    return (pixels * this.canvas.width) / this.canvas.getBoundingClientRect().width / this.view.scale;
  }

  /** The place of the handle that turns the square. @param {Square} square */
  handle(square) {
    return onPhoto(square, [0, -square.side / 2 - this.css(STALK)]);
  }

  /** What a press at a place takes hold of. @param {Point} place @param {string} kind of pointer */
  hold(place, kind) {
    const { square } = this;
    const reach = this.css(GRIP[kind] ?? GRIP.mouse);
    const near = (/** @type {Point} */ [x, y]) => Math.hypot(place[0] - x, place[1] - y) <= reach;
    if (near(this.handle(square))) return "turn";
    if (corners(square).some(near)) return "size";
    return Math.max(...within(square, place).map(Math.abs)) <= square.side / 2 ? "move" : "draw";
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (this.state !== "showing" || (event.pointerType === "mouse" && event.button !== 0)) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    this.begun = { square: this.square, places: [...this.pointers.values()] };
    this.holding = this.pointers.size > 1 ? "pinch" : this.hold(this.place(event), event.pointerType);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.square) return;
    const place = this.place(event);
    if (!this.pointers.has(event.pointerId)) {
      const looks = { turn: "grab", size: "nwse-resize", move: "move", draw: "crosshair" };
      this.canvas.style.cursor = this.state === "showing" ? looks[this.hold(place, event.pointerType)] : "";
      return;
    }
    this.pointers.set(event.pointerId, place);
    const { square, places: [from, other] } = this.begun;
    const at = middle(square);
    const off = (/** @type {Point} */ a, /** @type {Point} */ b) => /** @type {Point} */ ([b[0] - a[0], b[1] - a[1]]);
    const angle = (/** @type {Point} */ [x, y]) => (Math.atan2(y, x) * 180) / Math.PI;
    if (this.holding === "move") {
      const [dx, dy] = off(from, place);
      this.change(this.squareAt([at[0] + dx, at[1] + dy], square.side, square.rotation));
    } else if (this.holding === "size") {
      this.change(this.squareAt(at, (square.side * Math.hypot(...off(at, place))) / Math.hypot(...off(at, from)), square.rotation));
    } else if (this.holding === "turn") {
      const turn = square.rotation + angle(off(at, place)) - angle(off(at, from));
      const upright = Math.abs(turn - 90 * Math.round(turn / 90)) < 2; // a little pull, so that upright is upright
      this.change(this.squareAt(at, square.side, upright ? 90 * Math.round(turn / 90) : turn));
    } else if (this.holding === "draw") {
      const [dx, dy] = off(from, place);
      const side = Math.max(Math.abs(dx), Math.abs(dy));
      if (side < this.css(8)) return; // a press draws no square
      this.change(this.squareAt([from[0] + (Math.sign(dx) * side) / 2, from[1] + (Math.sign(dy) * side) / 2], side, 0));
    } else if (this.holding === "pinch" && this.pointers.size > 1) {
      const [one, two] = this.pointers.values();
      const [was, is] = [off(from, other), off(one, two)];
      const side = (square.side * Math.hypot(...is)) / Math.max(1, Math.hypot(...was));
      const moved = [(one[0] + two[0] - from[0] - other[0]) / 2, (one[1] + two[1] - from[1] - other[1]) / 2];
      this.change(this.squareAt([at[0] + moved[0], at[1] + moved[1]], side, square.rotation + angle(is) - angle(was)));
    }
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.holding = null; // the finger that is left of a pinch does nothing
    if (!this.pointers.size && this.square) this.fitView();
    this.draw();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (this.state !== "showing") return;
    event.preventDefault();
    const { square } = this;
    const side = square.side * Math.exp(event.deltaY * (event.deltaMode ? 0.03 : 0.001));
    this.change(this.squareAt(middle(square), side, square.rotation));
  }

  // --- the view --------------------------------------------------------------------------------------------------

  /** Show all of the photo and all of the square with its handle, as large as the frame has room for. */
  fitView() {
    const { width, height } = this.photo;
    /** @type {Point[]} */
    const places = [[0, 0], [width, height], ...corners(this.square)];
    this.lookAt(places); // where the handle is depends on the scale
    this.lookAt([...places, this.handle(this.square)]);
  }

  /** Show all of these places. @param {Point[]} places of the photo */
  lookAt(places) {
    const [xs, ys] = [places.map(([x]) => x), places.map(([, y]) => y)];
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const { width, height } = this.canvas;
    const edge = (EDGE * width) / Math.max(1, this.canvas.getBoundingClientRect().width);
    const scale = Math.max(1e-6, Math.min((width - 2 * edge) / (right - left), (height - 2 * edge) / (bottom - top)));
    this.view = { scale, x: (left + right - width / scale) / 2, y: (top + bottom - height / scale) / 2 };
  }

  fitCanvas() {
    const { clientWidth, clientHeight } = this.at.frame;
    const [width, height] = [clientWidth, clientHeight].map((side) => Math.max(1, Math.round(side * (window.devicePixelRatio || 1))));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    if (this.square) this.fitView();
    this.draw();
  }

  soon() {
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (this.drawing) cancelAnimationFrame(this.drawing);
    this.drawing = null;
    const { context, canvas, square, picture, photo } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    this.drawOutcome();
    if (!picture || !square || !photo) return;
    const { scale, x, y } = this.view;
    const line = this.css(1);
    context.setTransform(scale, 0, 0, scale, -x * scale, -y * scale);
    const [first, ...others] = corners(square);
    const around = new Path2D();
    around.moveTo(...first);
    for (const corner of others) around.lineTo(...corner);
    around.closePath();
    context.fillStyle = NOTHING; // as the crop has it where there is no photo
    context.fill(around);
    this.lay(context);
    context.save(); // darken the photo, but for the square
    const whole = new Path2D();
    whole.rect(0, 0, photo.width, photo.height);
    context.clip(whole);
    whole.addPath(around);
    context.fillStyle = "rgb(0 0 0 / .45)";
    context.fill(whole, "evenodd");
    context.restore();
    /** @type {Point[]} */
    const stalk = [onPhoto(square, [0, -square.side / 2]), this.handle(square)];
    for (const { colour, width } of [{ colour: "rgb(0 0 0 / .6)", width: 4 }, { colour: "#fff", width: 2 }]) {
      context.lineWidth = width * line;
      context.strokeStyle = colour;
      context.stroke(around);
      context.beginPath();
      context.moveTo(...stalk[0]);
      context.lineTo(...stalk[1]);
      context.stroke();
    }
    const dots = [{ at: stalk[1], radius: 8 }, ...corners(square).map((at) => ({ at, radius: 6 }))];
    for (const { at: [across, down], radius } of dots) {
      context.beginPath();
      context.arc(across, down, radius * line, 0, 2 * Math.PI);
      context.fillStyle = "#fff";
      context.fill();
      context.lineWidth = 1.5 * line;
      context.strokeStyle = "rgb(0 0 0 / .75)";
      context.stroke();
    }
  }

  /** A preview of the crop: upright, grey where there is no photo. */
  drawOutcome() {
    const context = this.at.outcome.getContext("2d");
    const side = this.at.outcome.width;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, side, side);
    if (!this.picture || !this.square) return;
    context.fillStyle = NOTHING;
    context.fillRect(0, 0, side, side);
    context.translate(side / 2, side / 2);
    context.scale(side / this.square.side, side / this.square.side);
    context.rotate(-radians(this.square));
    context.translate(-middle(this.square)[0], -middle(this.square)[1]);
    this.lay(context);
  }

  /** Draw the photo and the tint of its mask, in pixels of the photo. @param {CanvasRenderingContext2D} context */
  lay(context) {
    const { width, height } = this.photo;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.picture.photo, 0, 0, width, height);
    if (this.masked) context.drawImage(this.picture.tint, 0, 0, width, height);
  }
}

/** "1 photo", "2,000 photos". @param {number} number */
const photos = (number) => counted(number, "photo", "photos");

/** What could not be done, as an error to show; null where all was. @param {{error: string}[]} refused */
const sentenceOf = (refused) => (refused.length ? new Error(refused.map(({ error }) => error).join(" ")) : null);

/** @param {unknown} error */
const sentence = (error) => (error instanceof Error ? error.message : String(error));

/** @type {Tray | null} */
let tray = null; // outlives reruns

/** @param {ComponentArguments<TrayData>} page */
export default function ({ data, parentElement, setTriggerValue }) {
  if (tray?.root !== parentElement || tray.reviewer !== data.reviewer) {
    tray?.unmount();
    tray = new Tray(data);
    tray.mount(parentElement);
  }
  const mine = tray;
  if (mine.token !== data.token) {
    mine.token = data.token;
    mine.renewed = false;
  }
  mine.renew = () => {
    if (mine.renewed) return;
    mine.renewed = true;
    setTriggerValue("renew", true);
  };
  return () => {
    mine.unmount();
    if (tray === mine) tray = null;
  };
}
