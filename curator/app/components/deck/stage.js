// @ts-check
// The stage: a photo and the mask over it, in one of several views, zoomed, and moved by mouse and fingers. The photo and
// the mask are layers of their own; a view draws the mask's layer from what was decoded ahead, and waits for no server.

import { LAYERS, OPACITY } from "../looks.js";
import { Shelf } from "../shared.js";

/** @import { Picture } from "../looks.js" */

const VIEWS = ["overlay", "outline", "cutout", "side"];
const OPACITY_STEP = 0.1;
const ZOOMS = [1, 2, 4];
const CLOSEST = 8;
const HOLD_MS = 150; // a press this long, without moving, hides the mask
const SLOP = 8; // CSS pixels that a still finger may move
const SWIPE = 0.22; // of the frame's width: a swipe of this length counts
const FLICK = 0.6; // CSS pixels a millisecond: a swipe of this speed counts as well, if it is
const FLICK_PX = 40; // this long
const SWIPES = { keep: "Keep", fix: "Fix", reject: "Reject", skip: "Skip" };

export class Stage {
  /** The fingers that are down, by pointer. @type {Map<number, PointerEvent>} */
  pointers = new Map();
  /** What the fingers do: press, pan, swipe or pinch. @type {any} */
  gesture = null;
  /** Where the pointer is, in shares of the frame. @type {Point | null} */
  pointed = null;

  /**
   * @param {Record<string, any>} at the parts of the page
   * @param {number} side of a crop, in pixels
   * @param {object} on
   * @param {(what: string) => void} on.swiped called for a swipe that keeps, fixes, rejects or skips
   * @param {() => void} on.changed called for another view, opacity, mask or zoom
   * @param {AbortSignal} on.signal
   */
  constructor(at, side, { swiped, changed, signal }) {
    this.at = at;
    this.swiped = swiped;
    this.changed = changed;
    const context = (/** @type {HTMLCanvasElement} */ canvas) => {
      canvas.width = canvas.height = side;
      return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    };
    this.photo = context(at.photo);
    this.mask = context(at.mask);
    this.plain = context(at.plain);
    /** @type {Picture | null} */
    this.picture = null;
    this.zoomed = { zoom: 1, x: 0, y: 0 }; // x, y: where the picture's corner is, in frames
    /** @type {Set<string>} */
    this.holds = new Set(); // what hides the mask at the moment: a key, a press
    this.shelf = new Shelf("localStorage", "winnow.look.");
    const look = this.shelf.get("deck") ?? {};
    this.view = VIEWS.includes(look.view) ? look.view : "overlay";
    this.opacity = { ...OPACITY };
    for (const view of VIEWS) if (look.opacity?.[view] > 0 && look.opacity[view] <= 1) this.opacity[view] = look.opacity[view];
    this.masked = look.masked !== false;
    const heard = { signal };
    at.card.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.down(event), heard);
    at.card.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.move(event), heard);
    at.card.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => this.up(event), heard);
    at.card.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => this.up(event), heard);
    at.card.addEventListener("pointerleave", () => (this.pointed = null), heard);
    at.card.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false, ...heard });
    at.card.addEventListener("contextmenu", (/** @type {PointerEvent} */ event) => event.pointerType !== "mouse" && event.preventDefault(), heard);
    window.addEventListener("blur", () => this.drop(), heard);
  }

  // --- what is shown ---------------------------------------------------------------------------------------------

  /** Put a picture on the stage, whole; null clears it. @param {Picture | null} picture */
  show(picture) {
    this.picture = picture;
    this.zoomed = { zoom: 1, x: 0, y: 0 };
    if (this.gesture) this.drop();
    for (const context of [this.photo, this.plain]) {
      const { width, height } = context.canvas;
      if (picture?.photo) context.drawImage(picture.photo, 0, 0, width, height);
      else context.clearRect(0, 0, width, height);
    }
    this.draw();
    this.apply();
  }

  draw() {
    const { mask, picture, view } = this;
    mask.reset();
    if (!picture) return;
    mask.save();
    LAYERS[view](mask, picture, this.opacity[view]);
    mask.restore();
    if (picture.hatch) mask.drawImage(picture.hatch, 0, 0); // in every view, and as strong however faint the mask is
  }

  /** Make the page show what is set; cheap, nothing is drawn. */
  apply() {
    const { zoom, x, y } = this.zoomed;
    const shown = this.masked && !this.holds.size;
    for (const canvas of [this.at.photo, this.at.mask, this.at.plain]) {
      canvas.style.transform = zoom === 1 ? "" : `translate(${100 * x}%, ${100 * y}%) scale(${zoom})`;
    }
    this.at.mask.style.visibility = shown ? "" : "hidden";
    this.at.beside.hidden = this.view !== "side";
    this.at.deck.dataset.view = this.view;
    Object.assign(this.at.photo.dataset, { view: this.view, zoom: String(Math.round(100 * zoom) / 100), masked: String(shown) });
    this.changed();
  }

  /** Change the view; this browser remembers it. @param {object} change */
  set(change) {
    Object.assign(this, change);
    this.shelf.put("deck", { view: this.view, opacity: this.opacity, masked: this.masked });
    this.draw();
    this.apply();
  }

  /** The next view, or the one named. */
  turn(view = VIEWS[(VIEWS.indexOf(this.view) + 1) % VIEWS.length]) {
    this.set({ view });
  }

  /** @param {number} opacity */
  fadeTo(opacity) {
    const within = Math.min(1, Math.max(OPACITY_STEP, Math.round(20 * opacity) / 20));
    this.set({ opacity: { ...this.opacity, [this.view]: within } });
  }

  /** Stronger (1) or fainter (-1). @param {number} steps */
  fadeBy(steps) {
    this.fadeTo(this.opacity[this.view] + steps * OPACITY_STEP);
  }

  /** Hide the mask for as long as something holds it. @param {string} by @param {boolean} held */
  hold(by, held) {
    if (held === this.holds.has(by)) return;
    if (held) this.holds.add(by);
    else this.holds.delete(by);
    this.apply();
  }

  // --- closer and farther ----------------------------------------------------------------------------------------

  /** The next of whole, 2x and 4x, around the pointer or the middle. */
  zoomOn() {
    const closer = ZOOMS.find((zoom) => zoom > this.zoomed.zoom + 0.01) ?? 1;
    this.zoomTo(closer, this.pointed ?? [0.5, 0.5]);
  }

  /** Zoom around a point of the frame, which stays where it is. @param {number} zoom @param {Point} around */
  zoomTo(zoom, [across, down]) {
    const { zoom: was, x, y } = this.zoomed;
    zoom = Math.min(CLOSEST, Math.max(1, zoom));
    this.lay(zoom, across - ((across - x) * zoom) / was, down - ((down - y) * zoom) / was);
  }

  /** @param {number} zoom @param {number} x @param {number} y */
  lay(zoom, x, y) {
    const within = (/** @type {number} */ value) => Math.min(0, Math.max(1 - zoom, value)); // the picture always fills the frame
    this.zoomed = { zoom, x: within(x), y: within(y) };
    this.apply();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault(); // over the picture a wheel zooms, and must not scroll the page
    const pixels = event.deltaY * (event.deltaMode ? 33 : 1);
    const pinch = event.ctrlKey ? 0.01 : 0.0015; // browsers report a pinch on a trackpad as a wheel with ctrl, in small steps
    this.zoomTo(this.zoomed.zoom * Math.exp(-pixels * pinch), this.place(event));
  }

  // --- mouse and fingers --------------------------------------------------------------------------------------------

  /** Where on its pane an event is, in shares of its width and height. @param {MouseEvent} event @returns {Point} */
  place({ clientX, clientY }) {
    const boxes = [this.at.pane, this.at.beside].map((pane) => pane.getBoundingClientRect());
    const over = (/** @type {DOMRect} */ box) => clientX >= box.left && clientX < box.right && clientY >= box.top && clientY < box.bottom;
    const box = boxes.find(over) ?? boxes[0];
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button || !this.picture) return;
    event.preventDefault();
    this.at.card.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.release();
    if (this.pointers.size > 1) {
      this.gesture = { what: "pinch", apart: this.apart(), zoom: this.zoomed.zoom };
      return;
    }
    this.gesture = { what: "press", from: event, laid: this.zoomed };
    this.holding = setTimeout(() => this.hold("press", true), HOLD_MS);
  }

  /** @param {PointerEvent} event */
  move(event) {
    this.pointed = this.place(event);
    const { gesture } = this;
    if (!gesture || !this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, event);
    if (gesture.what === "pinch") {
      if (this.pointers.size < 2) return;
      const [one, other] = [...this.pointers.values()].map((pointer) => this.place(pointer));
      return this.zoomTo((gesture.zoom * this.apart()) / gesture.apart, [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2]);
    }
    const [dx, dy] = [event.clientX - gesture.from.clientX, event.clientY - gesture.from.clientY];
    if (gesture.what === "press") {
      if (Math.hypot(dx, dy) < SLOP) return;
      this.release();
      gesture.what = gesture.laid.zoom > 1 ? "pan" : event.pointerType === "mouse" ? "nothing" : "swipe";
    }
    if (gesture.what === "pan") {
      const { width, height } = this.at.pane.getBoundingClientRect();
      this.lay(gesture.laid.zoom, gesture.laid.x + dx / width, gesture.laid.y + dy / height);
    }
    if (gesture.what === "swipe") this.follow(dx, dy);
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.pointers.delete(event.pointerId);
    this.release();
    const { gesture } = this;
    if (!gesture || this.pointers.size) return; // the finger that is left of a pinch does nothing
    this.gesture = null;
    if (gesture.what !== "swipe") return;
    const [dx, dy] = [event.clientX - gesture.from.clientX, event.clientY - gesture.from.clientY];
    const far = Math.hypot(dx, dy);
    const flicked = far > FLICK_PX && far > FLICK * (event.timeStamp - gesture.from.timeStamp);
    const what = event.type === "pointerup" && (flicked || this.reach(dx, dy) >= 1) ? towards(dx, dy) : null;
    this.settle(!what);
    if (what) this.swiped(what);
  }

  apart() {
    const [one, other] = [...this.pointers.values()];
    return Math.max(1, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY));
  }

  /** How far a swipe has come; from 1 on it counts. @param {number} dx @param {number} dy */
  reach(dx, dy) {
    return Math.hypot(dx, dy) / (SWIPE * this.at.frame.clientWidth);
  }

  /** @param {number} dx @param {number} dy */
  follow(dx, dy) {
    const what = towards(dx, dy);
    const { card, swiped } = this.at;
    card.removeAttribute("data-springs");
    card.style.transform = `translate(${dx}px, ${dy}px) rotate(${dx / 40}deg)`;
    swiped.textContent = SWIPES[what];
    swiped.dataset.what = what;
    swiped.dataset.meant = String(this.reach(dx, dy) >= 1);
    swiped.style.opacity = Math.min(1, this.reach(dx, dy));
  }

  /** Put the picture back in its place, springing or at once. @param {boolean} springs */
  settle(springs) {
    this.at.card.toggleAttribute("data-springs", springs);
    this.at.card.style.transform = "";
    this.at.swiped.style.opacity = 0;
  }

  /** The press is over: the mask comes back. */
  release() {
    clearTimeout(this.holding);
    this.hold("press", false);
  }

  /** End every gesture: the window lost the focus, or the picture changed. */
  drop() {
    this.gesture = null;
    this.pointers.clear();
    this.release();
    this.hold("key", false);
    this.settle(false);
  }
}

/** What a swipe in this direction means. @param {number} dx @param {number} dy @returns {keyof typeof SWIPES} */
function towards(dx, dy) {
  if (Math.abs(dx) >= Math.abs(dy)) return dx > 0 ? "keep" : "reject";
  return dy < 0 ? "skip" : "fix";
}
