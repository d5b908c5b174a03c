// @ts-check
// The easel: a photo with an alpha over it that is painted, looked at, zoomed and moved. It knows no clock and no server.

import { hatched, offscreen, Shelf } from "../shared.js";
import { dropIslands, fillHoles, fillPolygon, fillSuperpixels, grow, shrink, smooth, Stroke, union, whole } from "./alpha.js";
import { copyWithin, drawHints, forgetPainted, SAYS_HAIR, HINT_COLOURS, HINTS, mark, opposite, sameNear, solvedBox } from "./hints.js";
import { History } from "./history.js";
import { drawLayer } from "./layers.js";
import { hairField, strand, taper } from "./strands.js";
import { moved, pinched, placeUnder, scaleOf, settled, wholeView, zoomed } from "./view.js";

/** @import { Box } from "./alpha.js" */
/** @import { Hint } from "./hints.js" */
/** @import { Planes, Step } from "./history.js" */
/** @import { Backdrop, Look, Seeing } from "./layers.js" */
/** @import { Field } from "./strands.js" */
/** @import { Pane } from "./view.js" */

/** @type {Look[]} */
const LOOKS = ["tint", "outline", "cutout", "colour"];
/** @type {Backdrop[]} */
const BACKDROPS = ["grey", "black", "white", "checks"];
/** How strongly each look is drawn, until somebody chooses. @type {Record<Look, number>} */
const OPACITY = { tint: 0.45, outline: 1, cutout: 1, colour: 0.9 };
const STRAND = { radius: 0.2, least: 0.8, hardness: 0.4 }; // of the brush's radius; pixels; soft at its sides
const TOOLS = ["brush", "eraser", "superpixel", "strand", "lasso", "refine", "matte", "hint"];
const STRAIGHT = ["brush", "eraser", "refine", "matte", "hint"]; // tools that Shift draws a straight line with
const EDITS = { holes: fillHoles, islands: dropIslands, grow, shrink, smooth };
const MOST_RADIUS = 80; // pixels
const LOUPE = 4; // times as close as the canvas
const LOUPE_SIDE = 190; // CSS pixels
const CLOSE_ENOUGH = 8; // CSS pixels: a click this near to a polygon's first corner closes it
const FAINTEST_PRESSURE = 0.25; // of the radius, for a pen that hardly touches

/** @typedef {{tool: string, value: number | Uint8Array, last: Point, pressure: number, stroke: Stroke, start: Point, filled: Set<number>, corners: Point[], box: Box | null}} Hand */
/** A hint that is drawn and not yet solved, and the last step before it. @typedef {Hint & {since: Step | undefined}} Asked */
/** What is to be solved: the mask, all hints, and the box around the newest. @typedef {Planes & {box: Box}} Question */

export class Easel {
  /** @type {ImageBitmap | null} */
  photo = null;
  /** The alpha before the touch-up, to compare with. @type {Uint8Array | null} */
  original = null;
  /** Other alphas to brush in: a refinement, a run's matte. @type {Record<string, Uint8Array | null>} */
  sources = { refine: null, matte: null };
  /** The hair's own colours, without the background's that shines through: RGBA. @type {Uint8ClampedArray | null} */
  foreground = null;
  /** Superpixels, one label a pixel. @type {Uint16Array | null} */
  labels = null;
  /** Where the photo's source says nothing, 0 or 1 a pixel: nothing is painted there. @type {Uint8Array | null} */
  unknown = null;
  /** @type {Field | null} */
  field = null;
  /** Whether strokes paint. */
  open = false;
  tool = "brush";
  /** @type {Hand | null} */
  hand = null;
  /** What a hint says: hair, not hair or unknown. */
  kind = SAYS_HAIR;
  /** Hints that wait to be solved, in the order in which they were drawn. @type {Asked[]} */
  asked = [];
  /** Who waits for the stroke to end. @type {(() => void)[]} */
  waiting = [];
  /** Where the last stroke ended. @type {Point | null} */
  last = null;
  /** Corners of a polygon that is clicked together. @type {Point[]} */
  corners = [];
  /** @type {any} */
  panning = null;
  /** The fingers and pens that are down, and where. @type {Map<number, Point>} */
  down = new Map();
  /** @type {any} */
  pinch = null;
  /** @type {Point | null} */
  pointed = null;
  /** What is shown instead of the alpha at the moment: "before", "refine", "matte", or nothing. */
  peek = "";
  masked = true;
  magnifies = false;
  spaceHeld = false;
  /** @type {number | null} */
  drawing = null;
  /** Whether the photo has to be drawn again. */
  stale = true;

  /**
   * @param {Record<string, any>} at the parts of the page
   * @param {number} side of the picture, in pixels
   * @param {object} on
   * @param {() => void} on.changed called after each change of the alpha
   * @param {() => void} on.looked called for another tool, size, view or zoom
   * @param {() => void} on.hinted called when a hint was drawn, which is to be solved
   * @param {[number, number, number]} on.colour of the tint, until this browser chose another
   * @param {AbortSignal} on.signal
   */
  constructor(at, side, { changed, looked, hinted, colour, signal }) {
    this.at = at;
    this.side = side;
    this.changed = changed;
    this.looked = looked;
    this.hinted = hinted;
    this.canvas = /** @type {HTMLCanvasElement} */ (at.canvas);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.under = /** @type {CanvasRenderingContext2D} */ (at.under.getContext("2d")); // the photo, drawn again only when it moves
    this.magnified = /** @type {CanvasRenderingContext2D} */ (at.loupe.getContext("2d"));
    this.alpha = new Uint8Array(side * side);
    this.hints = new Uint8Array(side * side); // what was solved by them is in the alpha
    this.marks = new Uint8Array(side * side); // the hints that are seen: also those that wait, and the one that is drawn
    this.layer = offscreen(side, side);
    this.other = offscreen(side, side); // what is peeked at
    this.marked = offscreen(side, side);
    this.hatch = offscreen(side, side); // over what is unknown
    this.pixels = new Uint8ClampedArray(4 * side * side);
    this.history = new History(side);
    this.view = wholeView(side);
    this.shelf = new Shelf("localStorage", "winnow.look.");
    const look = this.shelf.get("painter") ?? {};
    this.brush = { radius: look.radius > 0 ? look.radius : 14, hardness: look.hardness ?? 0.8, opacity: look.strength ?? 1 };
    this.beside = look.beside === true;
    /** @type {Record<Look, number>} */
    this.opacity = { ...OPACITY };
    for (const name of LOOKS) if (look.opacity?.[name] > 0 && look.opacity[name] <= 1) this.opacity[name] = look.opacity[name];
    /** @type {Seeing} */
    this.seeing = {
      look: LOOKS.includes(look.look) ? look.look : "tint",
      backdrop: BACKDROPS.includes(look.backdrop) ? look.backdrop : "grey",
      colour: Array.isArray(look.colour) && look.colour.length === 3 ? look.colour : colour,
      opacity: 1,
    };
    this.seeing.opacity = this.opacity[this.seeing.look];
    const heard = { signal };
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.press(event), heard);
    canvas.addEventListener("pointermove", (event) => this.move(event), heard);
    canvas.addEventListener("pointerup", (event) => this.lift(event), heard);
    canvas.addEventListener("pointercancel", (event) => this.lift(event), heard);
    canvas.addEventListener("pointerleave", () => this.point(null), heard);
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), heard);
    canvas.addEventListener("dblclick", () => this.closePolygon(), heard);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false, ...heard });
    window.addEventListener("blur", () => this.letGo(), heard);
    this.watching = new ResizeObserver(() => this.fit());
    this.watching.observe(at.frame);
    signal.addEventListener("abort", () => this.watching.disconnect());
    this.fit();
  }

  // --- the picture -----------------------------------------------------------------------------------------------

  /** Put a photo and its alpha on the easel. @param {ImageBitmap} photo @param {Uint8Array<ArrayBuffer>} alpha @param {Uint8Array | null} unknown 0 or 1 a pixel */
  lay(photo, alpha, unknown = null) {
    this.photo = photo;
    this.unknown = unknown;
    if (unknown) this.hatch.putImageData(hatched(new ImageData(this.side, this.side), unknown, this.side), 0, 0);
    this.stale = true;
    const copy = offscreen(this.side, this.side);
    copy.drawImage(photo, 0, 0, this.side, this.side);
    this.pixels = copy.getImageData(0, 0, this.side, this.side).data;
    this.field = null;
    this.labels = null;
    this.foreground = null;
    this.sources = { refine: null, matte: null };
    this.peek = "";
    this.corners = [];
    this.asked = [];
    this.last = null;
    this.view = settled(wholeView(this.side), this.pane);
    this.history = new History(this.side);
    this.original = alpha.slice();
    this.replace(alpha);
  }

  /** Nothing is on the easel. */
  clear() {
    this.photo = null;
    this.stale = true;
    this.draw();
  }

  /** Show another alpha and its hints; no step for undo. @param {Uint8Array<ArrayBuffer>} alpha @param {Uint8Array<ArrayBuffer>} hints */
  replace(alpha, hints = new Uint8Array(alpha.length)) {
    this.alpha = alpha;
    this.hints = hints;
    this.redraw(whole(this.side));
    this.remark(whole(this.side));
  }

  /** The alpha changed within a box. @param {Box | null} box */
  redraw(box) {
    if (!box) return;
    this.leaveUnknown(box);
    drawLayer(this.layer, this.alpha, this.side, this.seeing, this.foreground ?? this.pixels, box);
    this.soon();
  }

  /** Take back what was painted where the source says nothing, within a box. @param {Box} box */
  leaveUnknown({ left, top, right, bottom }) {
    if (!this.unknown) return;
    for (let y = top; y < bottom; y++) {
      for (let i = y * this.side + left; i < y * this.side + right; i++) if (this.unknown[i]) this.alpha[i] = 0;
    }
  }

  /** Take over another alpha as one step. @param {Uint8Array} alpha */
  adopt(alpha) {
    if (!this.open || this.hand) return;
    this.step(() => {
      this.alpha.set(alpha);
      return whole(this.side);
    });
  }

  /** One of the edits of the whole alpha. @param {keyof typeof EDITS} name */
  edit(name) {
    if (this.open && !this.hand) this.step(() => EDITS[name](this.alpha, this.side));
  }

  /** @param {() => Box | null} change */
  step(change) {
    const before = this.alpha.slice();
    const box = change();
    if (!box || !this.record(before, box)) return;
    this.redraw(box);
    this.changed();
  }

  /** Make one step of what was changed by hand within a box; false if nothing was. @param {Uint8Array} before @param {Box} box */
  record(before, box) {
    this.leaveUnknown(box);
    const hints = this.hints.slice();
    forgetPainted(this.hints, this.side, before, this.alpha, box);
    this.remark(box);
    return this.history.record({ alpha: before, hints }, this, box);
  }

  /** Take back the last step, or the hint that was drawn since and is not solved yet. */
  undo() {
    if (this.asked.length && this.asked.at(-1)?.since === this.history.past.at(-1)) this.forget(this.asked.slice(-1));
    else this.travel(this.history.undo(this));
  }

  redo() {
    this.travel(this.history.redo(this));
  }

  get undoable() {
    return this.history.past.length + this.asked.length > 0;
  }

  /** @param {Box | null} box */
  travel(box) {
    if (!box) return;
    this.redraw(box);
    this.remark(box);
    this.changed();
  }

  /** The alpha without the stroke that is under way. */
  get painted() {
    return this.hand && this.hand.tool !== "hint" ? this.hand.stroke.before : this.alpha;
  }

  // --- hints -----------------------------------------------------------------------------------------------------

  /** What the next hints say: hair, not hair or unknown. @param {number} kind */
  say(kind) {
    this.kind = kind;
    this.looked();
    this.soon();
  }

  /** The next of the three. */
  sayNext() {
    this.say(HINTS[(HINTS.indexOf(this.kind) + 1) % HINTS.length]);
  }

  /** Resolves when no stroke is under way. @returns {Promise<void>} */
  rested() {
    return new Promise((done) => (this.hand ? this.waiting.push(done) : done()));
  }

  /** What has to be solved for a hint, as of now. @param {Hint} hint @returns {Question} */
  question(hint) {
    const hints = this.hints.slice();
    mark(hints, this.side, hint);
    return { alpha: this.painted.slice(), hints, box: solvedBox(hint, this.side) };
  }

  /**
   * Take over what was solved for a hint, as one step, unless something has changed near it since. Returns whether it did.
   * @param {Asked} hint @param {Question} question @param {Uint8Array} solved
   */
  take(hint, question, solved) {
    const { side } = this;
    const { alpha, hints, box } = this.question(hint);
    if (!sameNear(alpha, question.alpha, side, box) || !sameNear(hints, question.hints, side, box)) return false;
    const before = { alpha, hints: this.hints.slice() };
    copyWithin(solved, this.alpha, side, box);
    this.hints.set(hints);
    this.forget([hint]);
    this.redraw(box);
    if (this.history.record(before, this, box)) this.changed();
    return true;
  }

  /** Hints that are not solved are as if they had never been drawn. @param {Asked[]} hints */
  forget(hints) {
    this.asked = this.asked.filter((hint) => !hints.includes(hint));
    for (const { box } of hints) this.remark(box);
    this.looked();
  }

  /** The hints changed within a box. @param {Box | null} box */
  remark(box) {
    if (!box) return;
    const { hand, marks, side } = this;
    marks.set(this.hints);
    for (const hint of this.asked) mark(marks, side, hint);
    if (hand?.tool === "hint" && hand.box) mark(marks, side, { kind: Number(hand.value), drawn: hand.stroke.alpha, box: hand.box });
    drawHints(this.marked, marks, side, box);
    this.soon();
  }

  // --- tools -----------------------------------------------------------------------------------------------------

  /** @param {string} tool */
  pick(tool) {
    if (!TOOLS.includes(tool) || !this.usable(tool)) return;
    this.tool = tool;
    this.corners = [];
    this.looked();
    this.soon();
  }

  /** Whether a tool has what it needs: superpixels, a refinement, a matte. @param {string} tool */
  usable(tool) {
    if (tool === "superpixel") return this.labels !== null;
    if (tool === "hint") return this.sources.refine !== null; // Refine is there to solve it
    return !(tool in this.sources) || this.sources[tool] !== null;
  }

  /** Change the brush: radius in pixels, hardness and opacity 0 to 1. @param {Partial<Easel["brush"]>} change */
  shape(change) {
    const { radius, hardness, opacity } = { ...this.brush, ...change };
    const share = (/** @type {number} */ value, least = 0) => Math.min(1, Math.max(least, Math.round(100 * value) / 100));
    this.brush = {
      radius: Math.min(MOST_RADIUS, Math.max(0.5, Math.round(2 * radius) / 2)),
      hardness: share(hardness),
      opacity: share(opacity, 0.05),
    };
    this.remember();
    this.soon();
  }

  /** A size up (1) or down (-1). @param {number} steps */
  resize(steps) {
    const { radius } = this.brush;
    this.shape({ radius: radius + steps * Math.max(0.5, radius / 6) });
  }

  /** What a tool paints: hair, no hair, what another alpha has there; or a hint's kind. @param {string} tool @param {boolean} inverted */
  paint(tool, inverted) {
    if (tool === "hint") return inverted ? opposite(this.kind) : this.kind;
    if (inverted) return tool === "eraser" ? 255 : 0;
    if (tool === "eraser") return 0;
    return this.sources[tool] ?? 255;
  }

  // --- what is seen ----------------------------------------------------------------------------------------------

  /** See the alpha in another way; each look keeps its own opacity. @param {Partial<Seeing>} change */
  see(change) {
    Object.assign(this.seeing, change);
    const { look } = this.seeing;
    if (change.opacity) this.opacity[look] = change.opacity;
    this.seeing.opacity = this.opacity[look];
    this.masked = true;
    this.remember();
    this.redraw(whole(this.side));
    if (this.peek) this.peekAt(this.peek);
  }

  /** The next of the views, with the plain photo beside it as the last. */
  turn() {
    const at = this.beside ? LOOKS.length : LOOKS.indexOf(this.seeing.look);
    this.beside = at === LOOKS.length - 1;
    if (this.beside) this.see({ look: "tint" });
    else this.see({ look: LOOKS[(at + 1) % (LOOKS.length + 1)] ?? "tint" });
    this.settle();
  }

  nextBackdrop() {
    const { backdrop } = this.seeing;
    this.see({ look: "cutout", backdrop: BACKDROPS[(BACKDROPS.indexOf(backdrop) + 1) % BACKDROPS.length] });
  }

  /** Show something instead of the alpha, or the alpha again. @param {string} what "before", "refine", "matte" or "" */
  peekAt(what) {
    const alpha = what === "before" ? this.original : this.sources[what] ?? null;
    this.peek = alpha ? what : "";
    if (alpha) drawLayer(this.other, alpha, this.side, this.seeing, this.foreground ?? this.pixels);
    this.looked();
    this.soon();
  }

  /** Recolour the hair's own colours from now on. @param {Uint8ClampedArray} colours RGBA */
  recolour(colours) {
    this.foreground = colours;
    this.redraw(whole(this.side));
  }

  toggleMask() {
    this.masked = !this.masked;
    this.looked();
    this.soon();
  }

  remember() {
    const { radius, hardness, opacity: strength } = this.brush;
    const { look, backdrop, colour } = this.seeing;
    this.shelf.put("painter", { look, backdrop, colour, opacity: this.opacity, radius, hardness, strength, beside: this.beside });
    this.looked();
  }

  // --- the view --------------------------------------------------------------------------------------------------

  /** The part of the canvas that shows the picture once; beside it, the plain photo. @returns {Pane} */
  get pane() {
    const { width, height } = this.canvas.getBoundingClientRect();
    return { width: Math.max(1, this.beside ? width / 2 : width), height: Math.max(1, height), side: this.side };
  }

  /** @param {import("./view.js").View} view */
  look(view) {
    this.view = view;
    this.stale = true;
    this.looked();
    this.soon();
  }

  settle() {
    this.look(settled(this.view, this.pane));
  }

  /** The whole picture. */
  fitAll() {
    this.look(settled(wholeView(this.side), this.pane));
  }

  /** @param {number} factor around the pointer, or the middle */
  zoom(factor) {
    const { pane } = this;
    const middle = /** @type {Point} */ ([pane.width / 2, pane.height / 2]);
    this.look(zoomed(this.view, factor, this.pointed ? this.over(this.pointed) : middle, pane));
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode ? 33 : 1);
    const pinch = event.ctrlKey ? 0.01 : 0.0015; // browsers report a pinch on a trackpad as a wheel with ctrl, in small steps
    this.look(zoomed(this.view, Math.exp(-pixels * pinch), this.over(this.placeOf(event)), this.pane));
  }

  /** @param {boolean} held */
  holdSpace(held) {
    this.spaceHeld = held;
    this.canvas.dataset.tool = held ? "pan" : this.open ? "paint" : "";
    this.soon();
  }

  // --- the pointer -----------------------------------------------------------------------------------------------

  /** Where on the canvas an event is, in CSS pixels. @param {MouseEvent} event @returns {Point} */
  placeOf({ clientX, clientY }) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  /** A place of the canvas as one of its first pane. @param {Point} at @returns {Point} */
  over([x, y]) {
    const { width } = this.pane;
    return [this.beside && x >= width ? x - width : x, y];
  }

  /** The place of the picture under an event. @param {MouseEvent} event @returns {Point} */
  place(event) {
    return placeUnder(this.view, this.pane, this.over(this.placeOf(event)));
  }

  /** @param {PointerEvent} event */
  press(event) {
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.placeOf(event));
    if (event.pointerType === "touch" && this.down.size > 1) {
      this.drop(); // the first finger meant no stroke
      const [one, other] = [...this.down.values()];
      this.pinch = { view: this.view, from: [one, other] };
      return;
    }
    if (event.button === 1 || this.spaceHeld || (!this.open && event.button === 0)) {
      this.panning = { from: this.placeOf(event), view: this.view };
      return;
    }
    if (!this.open || this.hand || ![0, 2, 5].includes(event.button)) return;
    this.begin(event);
  }

  /** @param {PointerEvent} event */
  begin(event) {
    const inverted = event.button !== 0 || event.altKey; // 2: the right button, 5: a pen's eraser end
    if (this.tool === "hint" && !this.usable("hint")) return; // what is meant as a hint must not paint
    const tool = this.usable(this.tool) ? this.tool : "brush";
    const start = this.place(event);
    const value = this.paint(tool, inverted);
    const fine = { radius: Math.max(STRAND.least, STRAND.radius * this.brush.radius), hardness: STRAND.hardness };
    const brush = tool === "strand" ? { ...this.brush, ...fine } : this.brush;
    const stroke = tool === "hint"
      ? new Stroke(new Uint8Array(this.alpha.length), this.side, { value: 255, radius: brush.radius }) // beside the alpha
      : new Stroke(this.alpha, this.side, { ...brush, value });
    if (this.peek) this.peekAt("");
    if (!this.masked) this.toggleMask(); // nobody should paint blind
    this.hand = { tool, value, start, stroke, last: start, pressure: pressureOf(event), filled: new Set(), corners: [start], box: null };
    if (event.shiftKey && this.last && STRAIGHT.includes(tool)) this.hand.last = this.last;
    this.paintTo(start, this.hand.pressure);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (this.down.has(event.pointerId)) this.down.set(event.pointerId, this.placeOf(event));
    if (this.pinch) {
      const [one, other] = [...this.down.values()];
      if (other) this.look(pinched(this.pinch.view, this.pinch.from, [one, other], this.pane));
      return;
    }
    if (this.panning) {
      const [x, y] = this.placeOf(event);
      const { from, view } = this.panning;
      this.look(moved(view, x - from[0], y - from[1], this.pane));
      return;
    }
    if (this.hand && this.down.has(event.pointerId)) {
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) this.paintTo(this.place(step), pressureOf(step));
    }
    this.point(this.placeOf(event));
  }

  /** @param {PointerEvent} event */
  lift(event) {
    if (!this.down.delete(event.pointerId)) return;
    if (this.pinch) {
      if (!this.down.size) this.pinch = null; // the finger that is left of a pinch does nothing
      return;
    }
    if (this.panning) {
      this.panning = null;
      return;
    }
    if (!this.hand) return;
    // A busy browser may leave out the last moves of a quick stroke: it still ends where the pen was lifted.
    if (event.type === "pointerup") this.paintTo(this.place(event), this.hand.pressure);
    this.end();
  }

  /** Go on with the stroke to a place. @param {Point} to @param {number} pressure */
  paintTo(to, pressure) {
    const { hand } = this;
    if (!hand) return;
    /** @type {Box | null} */
    let box = null;
    if (hand.tool === "superpixel" && this.labels) {
      box = fillSuperpixels(this.alpha, this.labels, this.side, hand.last, to, Number(hand.value), hand.filled);
    } else if (hand.tool === "strand") {
      box = union(hand.stroke.clear(), this.strandTo(hand, to));
    } else if (hand.tool === "lasso") {
      hand.corners.push(to);
    } else {
      box = hand.stroke.line(hand.last, to, hand.pressure, pressure);
    }
    hand.box = union(hand.box, box);
    [hand.last, hand.pressure] = [to, pressure];
    if (hand.tool === "hint") this.remark(box);
    else this.redraw(box);
    this.soon();
  }

  /** @param {Hand} hand @param {Point} to */
  strandTo(hand, to) {
    this.field ??= hairField(this.pixels, this.side);
    const places = strand(this.field, hand.start, to);
    const wide = (/** @type {number} */ at) => taper(at / Math.max(1, places.length - 1));
    for (let at = 1; at < places.length; at++) hand.stroke.line(places[at - 1], places[at], wide(at - 1), wide(at));
    return hand.stroke.box;
  }

  /** The pen is lifted: what it painted is one step. */
  end() {
    const hand = this.handOff();
    if (!hand) return;
    this.last = hand.last;
    if (hand.tool === "lasso") return this.lasso(hand);
    if (!hand.box) return;
    if (hand.tool === "hint") {
      this.asked.push({ kind: Number(hand.value), drawn: hand.stroke.alpha, box: hand.box, since: this.history.past.at(-1) });
      this.hinted();
    } else if (this.record(hand.stroke.before, hand.box)) this.changed();
  }

  /** A stroke that is not meant, or that the bell cut off: as if it had never begun. */
  drop() {
    const hand = this.handOff();
    if (!hand) return;
    hand.stroke.clear();
    this.redraw(hand.box);
    this.remark(hand.box);
  }

  /** No stroke is under way any more. */
  handOff() {
    const { hand } = this;
    this.hand = null;
    for (const done of this.waiting.splice(0)) done();
    return hand;
  }

  /** Every gesture ends: the window lost the focus. */
  letGo() {
    this.end();
    this.panning = this.pinch = null;
    this.down.clear();
    this.holdSpace(false);
    if (this.peek === "before") this.peekAt("");
  }

  /** A drag encloses hair; a click adds a corner of a polygon. @param {Hand} hand */
  lasso(hand) {
    const reach = CLOSE_ENOUGH / scaleOf(this.view, this.pane);
    const far = Math.max(...hand.corners.map(([x, y]) => Math.hypot(x - hand.start[0], y - hand.start[1])));
    this.enclosing = Number(hand.value);
    if (far > reach) return this.enclose(hand.corners);
    const [first] = this.corners;
    if (first && this.corners.length > 2 && Math.hypot(first[0] - hand.start[0], first[1] - hand.start[1]) <= reach) return this.closePolygon();
    this.corners.push(hand.start);
    this.soon();
  }

  closePolygon() {
    const { corners } = this;
    this.corners = [];
    this.enclose(corners);
  }

  /** @param {Point[]} corners */
  enclose(corners) {
    if (this.open) this.step(() => fillPolygon(this.alpha, this.side, corners, this.enclosing ?? 255));
    this.soon();
  }

  /** @param {Point | null} at of the pointer, in CSS pixels of the canvas */
  point(at) {
    this.pointed = at;
    this.soon();
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  fit() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const dots = window.devicePixelRatio || 1;
    const [across, down] = [Math.max(1, Math.round(width * dots)), Math.max(1, Math.round(height * dots))];
    for (const canvas of [this.canvas, this.under.canvas]) {
      if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
    }
    this.stale = true;
    this.at.loupe.width = this.at.loupe.height = Math.round(LOUPE_SIDE * dots);
    this.view = settled(this.view, this.pane);
    this.draw();
  }

  soon() {
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (this.drawing) cancelAnimationFrame(this.drawing);
    this.drawing = null;
    const { canvas, pane } = this;
    const contexts = this.stale ? [this.under, this.context] : [this.context];
    for (const context of contexts) {
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
    }
    this.at.loupe.hidden = !(this.magnifies && this.photo && this.pointed);
    if (!this.photo) return;
    const dots = canvas.width / (this.beside ? 2 * pane.width : pane.width);
    const scale = scaleOf(this.view, pane) * dots;
    for (const number of this.beside ? [0, 1] : [0]) {
      for (const context of contexts) {
        context.save();
        context.beginPath();
        context.rect(number * pane.width * dots, 0, pane.width * dots, canvas.height);
        context.clip();
        context.setTransform(scale, 0, 0, scale, (number + 0.5) * pane.width * dots - this.view.x * scale, canvas.height / 2 - this.view.y * scale);
        if (context === this.under) this.drawPhoto(context, scale);
        else {
          if (number === 0) this.drawMask(context, scale);
          this.drawHand(context, scale / dots);
        }
        context.restore();
      }
    }
    this.stale = false;
    if (!this.at.loupe.hidden) this.drawLoupe(dots);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} scale */
  drawPhoto(context, scale) {
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = scale < 6; // pixels stay sharp where they can be seen
    if (this.photo) context.drawImage(this.photo, 0, 0, this.side, this.side);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} scale */
  drawMask(context, scale) {
    context.imageSmoothingEnabled = scale < 3;
    if (!this.masked) return;
    context.drawImage((this.peek ? this.other : this.layer).canvas, 0, 0);
    if (this.unknown) context.drawImage(this.hatch.canvas, 0, 0);
    if (!this.peek && (this.tool === "hint" || this.asked.length)) context.drawImage(this.marked.canvas, 0, 0);
  }

  /** The brush's ring, the lasso's line. @param {CanvasRenderingContext2D} context @param {number} scale */
  drawHand(context, scale) {
    const ring = this.tool === "hint" ? `rgb(${HINT_COLOURS[this.kind].join(" ")})` : this.tool === "eraser" ? "#ffb066" : "#fff";
    const lines = [{ colour: "rgb(0 0 0 / .65)", width: 3 }, { colour: ring, width: 1.5 }];
    const corners = this.hand?.tool === "lasso" ? this.hand.corners : this.corners;
    const place = this.pointed && placeUnder(this.view, this.pane, this.over(this.pointed));
    for (const { colour, width } of lines) {
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      if (corners.length) {
        context.beginPath();
        for (const [x, y] of corners) context.lineTo(x, y);
        if (place && this.corners.length) context.lineTo(...place);
        context.stroke();
      }
      if (!place || !this.open || this.spaceHeld || this.tool === "lasso") continue;
      const radius = this.tool === "superpixel" ? 2 : this.brush.radius;
      for (const share of this.brush.hardness < 0.95 && radius > 4 && this.tool !== "hint" ? [1, this.brush.hardness] : [1]) {
        context.beginPath();
        context.arc(place[0], place[1], Math.max(0.5, radius * share), 0, 2 * Math.PI);
        context.setLineDash(share < 1 ? [3 / scale, 3 / scale] : []);
        context.stroke();
      }
      context.setLineDash([]);
    }
  }

  /** @param {number} dots of the screen a CSS pixel */
  drawLoupe(dots) {
    if (!this.pointed) return;
    const { magnified, pane } = this;
    const [x, y] = placeUnder(this.view, pane, this.over(this.pointed));
    const scale = scaleOf(this.view, pane) * dots * LOUPE;
    const half = (LOUPE_SIDE * dots) / 2;
    magnified.setTransform(1, 0, 0, 1, 0, 0);
    magnified.clearRect(0, 0, 2 * half, 2 * half);
    magnified.setTransform(scale, 0, 0, scale, half - x * scale, half - y * scale);
    this.drawPhoto(magnified, scale);
    this.drawMask(magnified, scale);
    this.drawHand(magnified, scale / dots);
  }
}

/** How hard a pen presses, as a share of the brush's radius; mice and fingers press fully. @param {PointerEvent} event */
function pressureOf({ pointerType, pressure }) {
  return pointerType === "pen" && pressure > 0 ? FAINTEST_PRESSURE + (1 - FAINTEST_PRESSURE) * pressure : 1;
}
