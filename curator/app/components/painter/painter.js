// @ts-check
// The painter. The mask is one byte a pixel, so that exactly black and white is sent; strokes are filled into it, and the
// tint is drawn again where they went. The clock is the server's: the page only counts down.

import { ask, bitmap, clicked, fitted, formatted, isTheirs, made, maskBytes, offscreen, partsOf, RouteError, tintOf } from "../shared.js";

/** @typedef {{example: number, image: string, mask: string, photo: string, split: string, drawn: boolean, fix: boolean, clock: boolean, running: boolean}} Waiting */
/**
 * @typedef {object} Done
 * @property {number} example @property {string} image @property {string} before @property {string} after
 * @property {string} photo @property {string} reviewer @property {string} state @property {boolean} clock
 * @property {number} seconds_used @property {number | null} seconds_shown
 */
/** @typedef {{reviewer: string, token: string, seconds: number, side: number, tint: Tint, waiting: Waiting[], waits: number, done: Done[], more: boolean}} PainterData */

const SAVE_MS = 400; // after the last stroke
const UNDO_STEPS = 60;
const HURRY_SECONDS = 15;
/** What is to be said of a touched-up mask that is not simply kept. @type {Record<string, string>} */
const STANDS = { fix: "to be fixed", repaired: "waits for a second look", reject: "rejected", disputed: "disputed", open: "open" };
/** @type {Record<string, string>} */
const KEYS = {
  s: "start", b: "brush", e: "eraser", "[": "smaller", "]": "larger", u: "undo", y: "redo", m: "mask", 0: "fit",
  "+": "closer", "=": "closer", "-": "farther", Enter: "enter",
};

class Painter {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  leave = new AbortController();
  /** The mask that is shown: a waiting one, or one that is started over. @type {any} */
  card = null;
  /** @type {ImageBitmap | null} */
  photo = null;
  /** @type {Point | null} */
  cursor = null;
  /** @type {number | null} */
  drawing = null;
  /** @type {{pointer: number, last: Point, value: number} | null} */
  stroke = null;
  /** @type {any} */
  panning = null;
  /** What the page is to do when a touch-up is over. */
  ended = () => {};
  /** Asks for more of what is done. */
  more = () => {};
  /** Asks for a new token. */
  renew = () => {};
  renewed = false;

  /** @param {PainterData} data */
  constructor(data) {
    this.data = data;
    this.reviewer = data.reviewer;
    this.token = data.token;
    this.side = data.side; // of a crop, in pixels
    this.state = "idle";
    this.tool = "brush";
    this.radius = 14;
    this.masked = true;
    this.view = { zoom: 1, x: 0, y: 0 }; // x, y: the picture's pixel at the canvas' corner
    this.mask = new Uint8Array(this.side * this.side);
    this.tint = offscreen(this.side, this.side);
    /** @type {Uint8Array<ArrayBuffer>[]} */
    this.past = [];
    /** @type {Uint8Array<ArrayBuffer>[]} */
    this.future = [];
    this.strokes = 0;
    this.savedStrokes = 0;
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    this.canvas = this.at.canvas;
    this.context = this.canvas.getContext("2d");
    const heard = { signal: this.leave.signal };
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, ...heard });
    window.addEventListener("keyup", (event) => event.key === " " && this.holdSpace(false), { capture: true, ...heard });
    window.addEventListener("blur", () => this.holdSpace(false), heard);
    root.addEventListener("click", (event) => {
      const button = clicked(/** @type {MouseEvent} */ (event));
      if (button) this.act(button.dataset.do ?? "", button);
    }, heard);
    this.at.size.addEventListener("input", () => this.resize(Number(this.at.size.value)), heard);
    this.canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.down(event), heard);
    this.canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.move(event), heard);
    this.canvas.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => this.up(event), heard);
    this.canvas.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => this.up(event), heard);
    this.canvas.addEventListener("pointerleave", () => this.point(null), heard);
    this.canvas.addEventListener("contextmenu", (/** @type {Event} */ event) => event.preventDefault(), heard);
    this.canvas.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false, ...heard });
    this.watching = new ResizeObserver(() => this.fitCanvas());
    this.watching.observe(this.at.frame);
    fitted(this.at.bench, this.at.frame, this.leave.signal);
    this.fitCanvas();
    window.__winnowPainter = this;
  }

  unmount() {
    this.gone = true;
    if (this.state === "painting") this.send(); // what was painted so far; the clock goes on
    this.leave.abort();
    this.watching?.disconnect();
    clearInterval(this.ticking);
    clearTimeout(this.saving);
    delete window.__winnowPainter;
  }

  /** New data from the page: what waits, what is done. What is being painted stays as it is. @param {PainterData} data */
  update(data) {
    this.data = data;
    this.gallery();
    if (this.state === "painting" || this.state === "sending" || this.state === "beginning") return;
    this.at.next.hidden = this.state !== "over" || !this.upcoming();
    const same = data.waiting.find((item) => item.example === this.card?.example);
    if (this.state !== "over") this.offer(same ?? data.waiting[0] ?? null);
    this.strip();
  }

  /** @param {string} state */
  become(state) {
    this.state = this.at.painter.dataset.state = state;
    this.canvas.dataset.example = this.card?.example ?? "";
    const painting = state === "painting";
    this.at.start.hidden = !(state === "idle" || state === "beginning" || state === "loading");
    this.at.start.disabled = state !== "idle";
    this.at.finish.hidden = !painting && state !== "sending";
    this.at.finish.disabled = !painting;
    this.at.next.hidden = state !== "over" || !this.upcoming();
    for (const name of ["brush", "eraser"]) this.at[name].disabled = !painting;
    this.canvas.dataset.tool = painting ? "paint" : "";
    this.tools();
    this.draw();
  }

  /** @param {string} title @param {string} text */
  cover(title, text) {
    this.at.over.replaceChildren(made("strong", { textContent: title }), made("p", { textContent: text }));
    this.at.over.hidden = false;
  }

  // --- which mask ------------------------------------------------------------------------------------------------

  upcoming() {
    return this.data.waiting.find((item) => item.example !== this.card?.example || this.again) ?? null;
  }

  /**
   * Show a mask without starting its clock; one whose clock is running already continues at once.
   * @param {any} card @param {boolean} again whether it starts over
   */
  async offer(card, again = false) {
    this.card = card;
    this.again = again;
    this.touchUp = null;
    this.photo = null;
    this.past = [];
    this.future = [];
    this.view = { zoom: 1, x: 0, y: 0 };
    this.at.over.hidden = true;
    this.at.file.textContent = this.at.file.title = card?.photo ?? "";
    this.at.drawn.hidden = !card?.drawn;
    this.at.hint.textContent = "";
    this.at.status.textContent = card?.clock ? "The clock starts when you press Start." : "";
    this.shown(card && !card.clock ? null : this.data.seconds, this.data.seconds);
    this.become(card ? "loading" : "over");
    this.strip();
    if (!card) return this.cover("Every mask is touched up", "You can look at them below, or start one over.");
    try {
      await this.lay(card.image, again ? card.before : card.mask);
    } catch (error) {
      if (this.card === card) this.cover("This picture cannot be shown", error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.card !== card || this.gone) return;
    this.become("idle");
    if (card.running) this.start();
  }

  /** @param {string} image @param {string} mask */
  async lay(image, mask) {
    const [photo, painted] = await Promise.all([bitmap(image), bitmap(mask)]);
    this.photo = photo;
    this.mask = maskBytes(painted);
    painted.close();
    this.retint(0, 0, this.side, this.side);
    this.draw();
  }

  strip() {
    const { waiting, waits } = this.data;
    this.at.queue.hidden = !waiting.length;
    this.at.waits.textContent = `${formatted(waits)} ${waits === 1 ? "mask" : "masks"} to touch up`;
    this.at.strip.replaceChildren(...waiting.map((item) => {
      const button = made("button", { title: item.photo });
      Object.assign(button.dataset, { do: "pick", example: item.example });
      button.setAttribute("aria-label", `Touch up ${item.photo}`);
      if (item.example === this.card?.example) button.setAttribute("aria-current", "true");
      button.disabled = this.state === "painting" || this.state === "sending";
      button.append(made("img", { src: `/pictures/${item.image}`, alt: "", loading: "lazy" }));
      return button;
    }));
  }

  gallery() {
    this.at.finished.hidden = !this.data.done.length;
    this.at.more.hidden = !this.data.more;
    this.at.gallery.replaceChildren(...this.data.done.map((item) => {
      const figure = made("figure", {});
      figure.dataset.example = String(item.example);
      const two = made("div", { className: "two" });
      for (const [mask, label] of [[item.before, "before"], [item.after, "after"]]) {
        const shot = made("div", { className: "shot" });
        const tint = made("div", { className: "tint" });
        tint.style.maskImage = `url("/pictures/${mask}")`;
        const photo = made("img", { src: `/pictures/${item.image}`, alt: `${item.photo}, mask ${label}`, loading: "lazy" });
        shot.append(photo, tint, made("span", { textContent: label }));
        two.append(shot);
      }
      const caption = made("figcaption", {});
      const again = made("button", { textContent: "Start over" });
      Object.assign(again.dataset, { do: "again", example: item.example });
      const used = `${Math.round(item.seconds_used)}${item.seconds_shown === null ? "" : ` of ${item.seconds_shown}`} s by ${item.reviewer}`;
      caption.append(
        made("b", { textContent: item.photo, title: item.photo }),
        made("span", { textContent: [used, STANDS[item.state]].filter(Boolean).join(", "), className: "quiet" }),
        again,
      );
      figure.append(two, caption);
      return figure;
    }));
  }

  // --- the clock -------------------------------------------------------------------------------------------------

  async start() {
    if (this.state !== "idle" || !this.photo) return;
    this.become("beginning");
    const card = this.card;
    try {
      const begun = await ask("/api/touchups/begin", this.token, { example: card.example, again: this.again });
      const arrived = performance.now();
      if (this.gone) return;
      this.until = begun.seconds_left === null ? null : arrived + begun.seconds_left * 1000;
      this.seconds = begun.seconds_shown;
      this.touchUp = begun.touch_up;
      this.strokes = this.savedStrokes = 0;
      if (begun.mask !== (this.again ? card.before : card.mask)) await this.lay(begun.image, begun.mask); // it continues after a reload
    } catch (error) {
      this.become("idle");
      this.complain(error);
      if (error instanceof RouteError && [404, 409].includes(error.status)) this.ended(); // somebody else was faster: see what waits now
      return;
    }
    this.complain(null);
    this.at.status.textContent = "Strokes are saved as you paint.";
    this.become("painting");
    this.strip();
    clearInterval(this.ticking);
    this.ticking = setInterval(() => this.tick(), 100);
    this.tick();
  }

  tick() {
    if (this.until === null) return this.shown(null, 0);
    const left = Math.max(0, ((this.until ?? 0) - performance.now()) / 1000);
    this.shown(left, this.seconds ?? this.data.seconds);
    if (left <= 0) this.finish("Time is up");
  }

  /** Draw the clock. @param {number | null} left seconds; null: there is no clock @param {number} of seconds */
  shown(left, of) {
    this.at.clock.toggleAttribute("data-none", left === null);
    if (left === null) {
      this.at.clock.textContent = "No clock";
      this.at.elapsed.style.width = "0";
      this.at.painter.removeAttribute("data-hurry");
      return;
    }
    const whole = Math.ceil(left);
    this.at.clock.textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    this.at.elapsed.style.width = `${(100 * left) / of}%`;
    this.at.painter.toggleAttribute("data-hurry", left <= Math.min(HURRY_SECONDS, of / 4));
  }

  /** Lock the input, send the last mask, and say so. */
  async finish(title = "Done") {
    if (this.state !== "painting") return;
    clearInterval(this.ticking);
    clearTimeout(this.saving);
    this.endStroke();
    this.become("sending");
    this.at.status.textContent = `${title}. Saving…`;
    const unsent = this.strokes !== this.savedStrokes || this.inFlight;
    const mask = unsent ? await pngOf(this.mask, this.side) : null;
    await this.inFlight;
    for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
      try {
        const body = { touch_up: this.touchUp, ...(mask && !this.tooLate ? { mask } : {}) };
        const answer = await ask("/api/touchups/finish", this.token, body);
        this.complain(this.tooLate ?? null);
        this.at.status.textContent = `Saved after ${Math.round(answer.seconds_used)} s.`;
        break;
      } catch (error) {
        if (this.gone) return;
        this.complain(error);
        // Too late for the last strokes: what was saved before counts, and the touch-up is over.
        const status = error instanceof RouteError ? error.status : 0;
        if (status === 409 && mask && !this.tooLate) this.tooLate = error;
        else if ([400, 404, 409].includes(status)) break;
        else {
          if (status === 403) this.renew();
          await new Promise((go) => setTimeout(go, wait));
        }
      }
    }
    this.tooLate = null;
    if (this.gone) return;
    this.look({ zoom: 1, x: 0, y: 0 });
    this.cover(title, this.at.status.textContent);
    this.at.over.dataset.plain = "";
    this.become("over");
    this.ended();
  }

  next() {
    const upcoming = this.upcoming();
    delete this.at.over.dataset.plain;
    if (upcoming) this.offer(upcoming);
  }

  // --- saving ----------------------------------------------------------------------------------------------------

  changed() {
    this.strokes++;
    this.tools();
    this.at.status.textContent = "Saving…";
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.send(), SAVE_MS);
  }

  /** Send the mask as it is now. One request at a time, so that the last stroke is the last to arrive. */
  async send() {
    if (this.inFlight || this.strokes === this.savedStrokes || !this.touchUp) return;
    const strokes = this.strokes;
    const work = (async () => {
      const mask = await pngOf(this.mask, this.side);
      await ask("/api/touchups/save", this.token, { touch_up: this.touchUp, mask });
      this.savedStrokes = strokes;
    })();
    this.inFlight = work.catch(() => {});
    /** @type {unknown} */
    let trouble = null;
    try {
      await work;
    } catch (error) {
      trouble = error;
    }
    this.inFlight = null;
    if (this.gone || this.state !== "painting") return;
    this.complain(trouble);
    if (trouble instanceof RouteError && trouble.status === 403) this.renew();
    if (this.strokes === this.savedStrokes) this.at.status.textContent = "Saved.";
    else this.saving = setTimeout(() => this.send(), trouble ? 1500 : SAVE_MS);
  }

  /** Show an error; null removes it. @param {any} error */
  complain(error) {
    this.at.trouble.hidden = !error;
    this.at.trouble.textContent = error?.message ?? "";
  }

  // --- keys and buttons ------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  key(event) {
    const undoKey = (event.ctrlKey || event.metaKey) && !event.altKey && ["z", "y"].includes(event.key.toLowerCase());
    const [target] = event.composedPath();
    if (!undoKey && this.root && isTheirs(event, this.root)) return;
    if (undoKey && target instanceof HTMLInputElement && target.type !== "range") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let what = KEYS[key];
    if (undoKey) what = key === "y" || event.shiftKey ? "redo" : "undo";
    if (key === " ") {
      this.holdSpace(true);
      what = "nothing";
    }
    if (!what && !["c", "r"].includes(key)) return; // C and R are Streamlit's own
    event.preventDefault();
    event.stopImmediatePropagation();
    const repeats = ["smaller", "larger", "undo", "redo", "closer", "farther"];
    if (what && (!event.repeat || repeats.includes(what))) this.act(what);
  }

  /** @param {string} what @param {HTMLButtonElement | null} button */
  act(what, button = null) {
    const example = Number(button?.dataset.example);
    /** @type {Record<string, () => unknown>} */
    const steps = {
      start: () => this.start(),
      finish: () => this.finish(),
      next: () => this.next(),
      enter: () => (this.state === "painting" ? this.finish() : this.state === "over" ? this.next() : null),
      brush: () => this.pick("brush"),
      eraser: () => this.pick("eraser"),
      smaller: () => this.resize(this.radius - Math.max(1, Math.round(this.radius / 6))),
      larger: () => this.resize(this.radius + Math.max(1, Math.round(this.radius / 6))),
      undo: () => this.step(this.past, this.future),
      redo: () => this.step(this.future, this.past),
      mask: () => this.toggleMask(),
      fit: () => this.look({ zoom: 1, x: 0, y: 0 }),
      closer: () => this.zoomOn(1.25),
      farther: () => this.zoomOn(0.8),
      more: () => this.more(),
      pick: () => this.free() && this.offer(this.data.waiting.find((item) => item.example === example)),
      again: () => this.free() && this.startOver(this.data.done.find((item) => item.example === example)),
    };
    steps[what]?.();
  }

  free() {
    if (!["idle", "over", "loading"].includes(this.state)) return false;
    delete this.at.over.dataset.plain;
    return true;
  }

  /** @param {Done | undefined} done */
  startOver(done) {
    if (!done) return;
    this.offer({ ...done, running: false }, true);
    this.at.status.textContent = "Starts over from the contributor's mask.";
    this.at.painter.scrollIntoView({ block: "start" });
  }

  /** @param {string} tool */
  pick(tool) {
    this.tool = tool;
    this.tools();
    this.draw();
  }

  /** @param {number} radius */
  resize(radius) {
    this.radius = Math.min(80, Math.max(1, Math.round(radius)));
    this.at.size.value = String(this.radius);
    this.draw();
  }

  toggleMask() {
    this.masked = !this.masked;
    this.tools();
    this.draw();
  }

  tools() {
    for (const name of ["brush", "eraser"]) this.at[name].setAttribute("aria-pressed", String(this.tool === name));
    this.at.mask.setAttribute("aria-pressed", String(this.masked));
    this.at.undo.disabled = this.state !== "painting" || !this.past.length;
    this.at.redo.disabled = this.state !== "painting" || !this.future.length;
    this.canvas.dataset.strokes = String(this.strokes);
  }

  /** Undo or redo a stroke. @param {Uint8Array<ArrayBuffer>[]} from @param {Uint8Array<ArrayBuffer>[]} to */
  step(from, to) {
    if (this.state !== "painting" || this.stroke) return;
    const mask = from.pop();
    if (!mask) return;
    to.push(this.mask);
    this.mask = mask;
    this.retint(0, 0, this.side, this.side);
    this.draw();
    this.changed();
  }

  // --- the pointer -----------------------------------------------------------------------------------------------

  /** @param {boolean} held */
  holdSpace(held) {
    this.spaceHeld = held;
    if (this.canvas) this.canvas.dataset.tool = held ? "pan" : this.state === "painting" ? "paint" : "";
    this.draw();
  }

  /** Where on the picture an event is, in its pixels. @param {MouseEvent} event @returns {Point} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.side / box.width / this.view.zoom;
    return [this.view.x + (event.clientX - box.left) * scale, this.view.y + (event.clientY - box.top) * scale];
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (!event.isPrimary && event.pointerType === "touch") return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    if (event.button === 1 || this.spaceHeld) {
      this.panning = { x: event.clientX, y: event.clientY, view: { ...this.view } };
      return;
    }
    if (this.state !== "painting" || (event.button !== 0 && event.button !== 5)) return;
    this.before = this.mask.slice();
    const erases = this.tool === "eraser" || event.button === 5; // 5: a pen's eraser end
    this.stroke = { pointer: event.pointerId, last: this.place(event), value: erases ? 0 : 1 };
    if (!this.masked) this.toggleMask(); // nobody should paint blind
    this.paintTo(this.stroke.last);
    this.draw();
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (this.panning) {
      const scale = this.side / this.canvas.getBoundingClientRect().width / this.view.zoom;
      const { x, y, view } = this.panning;
      return this.look({ ...view, x: view.x - (event.clientX - x) * scale, y: view.y - (event.clientY - y) * scale });
    }
    if (this.stroke?.pointer === event.pointerId) {
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) this.paintTo(this.place(step));
    }
    this.point(this.place(event));
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.panning = null;
    if (this.stroke?.pointer !== event.pointerId) return;
    // A busy browser may leave out the last moves of a quick stroke: it still ends where the pen was lifted.
    if (event.type === "pointerup") this.paintTo(this.place(event));
    this.endStroke();
  }

  endStroke() {
    if (!this.stroke) return;
    this.stroke = null;
    if (this.before) this.past.push(this.before);
    if (this.past.length > UNDO_STEPS) this.past.shift();
    this.future = [];
    this.changed();
  }

  /** @param {Point | null} place of the pointer */
  point(place) {
    this.cursor = place;
    this.soon();
  }

  /** Fill the mask along the line from the stroke's last place to this one, as wide as the brush. @param {Point} place */
  paintTo([x, y]) {
    if (!this.stroke) return;
    const [fromX, fromY] = this.stroke.last;
    const { radius, mask } = this;
    const { value } = this.stroke;
    const left = Math.max(0, Math.floor(Math.min(x, fromX) - radius));
    const right = Math.min(this.side, Math.ceil(Math.max(x, fromX) + radius) + 1);
    const top = Math.max(0, Math.floor(Math.min(y, fromY) - radius));
    const bottom = Math.min(this.side, Math.ceil(Math.max(y, fromY) + radius) + 1);
    const [dx, dy] = [x - fromX, y - fromY];
    const length = dx * dx + dy * dy;
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const [px, py] = [column + 0.5 - fromX, row + 0.5 - fromY];
        const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        const [ox, oy] = [px - along * dx, py - along * dy];
        if (ox * ox + oy * oy <= radius * radius) mask[row * this.side + column] = value;
      }
    }
    this.stroke.last = [x, y];
    this.retint(left - 1, top - 1, right + 1, bottom + 1);
    this.soon();
  }

  // --- the view --------------------------------------------------------------------------------------------------

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const [x, y] = this.place(event);
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), x, y);
  }

  /** Zoom by a factor around the middle of what is shown. @param {number} factor */
  zoomOn(factor) {
    const { zoom, x, y } = this.view;
    this.zoom(factor, x + this.side / 2 / zoom, y + this.side / 2 / zoom);
  }

  /** Zoom by a factor around a place of the picture. @param {number} factor @param {number} x @param {number} y */
  zoom(factor, x, y) {
    const { view } = this;
    const zoom = Math.min(12, Math.max(1, view.zoom * factor));
    this.look({ zoom, x: x - ((x - view.x) * view.zoom) / zoom, y: y - ((y - view.y) * view.zoom) / zoom });
  }

  /** @param {{zoom: number, x: number, y: number}} view */
  look({ zoom, x, y }) {
    const room = this.side - this.side / zoom; // the picture always fills the canvas
    this.view = { zoom, x: Math.min(room, Math.max(0, x)), y: Math.min(room, Math.max(0, y)) };
    this.soon();
  }

  fitCanvas() {
    const side = Math.max(1, Math.round(this.at.frame.clientWidth * (window.devicePixelRatio || 1)));
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    this.draw();
  }

  /** @param {number} left @param {number} top @param {number} right @param {number} bottom */
  retint(left, top, right, bottom) {
    const box = {
      left: Math.max(0, left), top: Math.max(0, top), right: Math.min(this.side, right), bottom: Math.min(this.side, bottom),
    };
    if (box.left >= box.right || box.top >= box.bottom) return;
    this.tint.putImageData(tintOf(this.mask, this.side, this.data.tint, box), box.left, box.top);
  }

  soon() {
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (this.drawing) cancelAnimationFrame(this.drawing);
    this.drawing = null;
    const { context, canvas, view, photo } = this;
    if (!context) return;
    const scale = (canvas.width / this.side) * view.zoom;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!photo) return;
    context.setTransform(scale, 0, 0, scale, -view.x * scale, -view.y * scale);
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = true;
    context.drawImage(photo, 0, 0, this.side, this.side);
    if (this.masked) {
      context.imageSmoothingEnabled = scale < 3; // pixels stay sharp where they can be seen
      context.drawImage(this.tint.canvas, 0, 0);
    }
    if (this.cursor && this.state === "painting" && !this.spaceHeld) {
      const [x, y] = this.cursor;
      const ring = this.tool === "eraser" ? "#ffb066" : "#fff";
      for (const { colour, width } of [{ colour: "rgb(0 0 0 / .65)", width: 3 }, { colour: ring, width: 1.5 }]) {
        context.beginPath();
        context.arc(x, y, this.radius, 0, 2 * Math.PI);
        context.strokeStyle = colour;
        context.lineWidth = (width * (window.devicePixelRatio || 1)) / scale;
        context.stroke();
      }
    }
  }
}

/** A mask as a PNG in base64, exactly black and white. @param {Uint8Array} mask @param {number} side */
async function pngOf(mask, side) {
  const picture = new ImageData(side, side);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < mask.length; i++) pixels[i] = mask[i] ? 0xffffffff : 0xff000000;
  const context = offscreen(side, side);
  context.putImageData(picture, 0, 0);
  const bytes = new Uint8Array(await (await context.canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** @type {Painter | null} */
let painter = null; // outlives reruns

/** @param {ComponentArguments<PainterData>} page */
export default function ({ data, parentElement, setTriggerValue }) {
  if (painter?.root !== parentElement || painter.reviewer !== data.reviewer) {
    painter?.unmount();
    painter = new Painter(data);
    painter.mount(parentElement);
  }
  const mine = painter;
  if (mine.token !== data.token) {
    mine.token = data.token;
    mine.renewed = false;
  }
  mine.ended = () => setTriggerValue("ended", true);
  mine.more = () => setTriggerValue("more", true);
  mine.renew = () => {
    if (mine.renewed) return;
    mine.renewed = true;
    setTriggerValue("renew", true);
  };
  mine.update(data);
  return () => {
    mine.unmount();
    if (painter === mine) painter = null;
  };
}
