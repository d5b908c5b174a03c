// The painter. The mask is one byte a pixel, so that what is sent is exactly black and white; strokes are filled into it
// and the tint is made anew where they went. The clock is the server's: the page only counts down what it was told.

import { ask, bitmap, clicked, fitted, formatted, isTheirs, maskBytes, partsOf, SIDE, tintOf } from "../shared.js";

const SAVE_MS = 400; // after the last stroke
const UNDO_STEPS = 60;
const HURRY_SECONDS = 15;
const KEYS = {
  s: "start", b: "brush", e: "eraser", "[": "smaller", "]": "larger", u: "undo", y: "redo", m: "mask", 0: "fit",
  "+": "closer", "=": "closer", "-": "farther", Enter: "enter",
};

class Painter {
  constructor(reviewer) {
    this.reviewer = reviewer;
    this.state = "idle";
    this.tool = "brush";
    this.radius = 14;
    this.masked = true;
    this.view = { zoom: 1, x: 0, y: 0 }; // x, y: the picture's pixel at the canvas' corner
    this.mask = new Uint8Array(SIDE * SIDE);
    this.tint = new OffscreenCanvas(SIDE, SIDE).getContext("2d");
    this.past = [];
    this.future = [];
    this.strokes = 0;
    this.savedStrokes = 0;
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    this.canvas = this.at.canvas;
    this.context = this.canvas.getContext("2d");
    this.leave = new AbortController();
    const heard = { signal: this.leave.signal };
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, ...heard });
    window.addEventListener("keyup", (event) => event.key === " " && this.holdSpace(false), { capture: true, ...heard });
    window.addEventListener("blur", () => this.holdSpace(false), heard);
    root.addEventListener("click", (event) => {
      const button = clicked(event);
      if (button) this.act(button.dataset.do, button);
    }, heard);
    this.at.size.addEventListener("input", () => this.resize(Number(this.at.size.value)), heard);
    this.canvas.addEventListener("pointerdown", (event) => this.down(event), heard);
    this.canvas.addEventListener("pointermove", (event) => this.move(event), heard);
    this.canvas.addEventListener("pointerup", (event) => this.up(event), heard);
    this.canvas.addEventListener("pointercancel", (event) => this.up(event), heard);
    this.canvas.addEventListener("pointerleave", () => this.point(null), heard);
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault(), heard);
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false, ...heard });
    this.watching = new ResizeObserver(() => this.fitCanvas());
    this.watching.observe(this.at.frame);
    fitted(this.at.bench, this.at.frame, this.leave.signal);
    this.fitCanvas();
    window.__winnowPainter = this;
  }

  unmount() {
    this.gone = true;
    if (this.state === "painting") this.send(); // what was painted up to here; the clock goes on
    this.leave.abort();
    this.watching.disconnect();
    clearInterval(this.ticking);
    clearTimeout(this.saving);
    delete window.__winnowPainter;
  }

  /** New data from the page: who waits, who is done. What is being painted stays as it is. */
  update(data) {
    this.data = data;
    this.gallery();
    if (this.state === "painting" || this.state === "sending" || this.state === "beginning") return;
    this.at.next.hidden = this.state !== "over" || !this.upcoming();
    const same = data.waiting.find((item) => item.example === this.card?.example);
    if (this.state !== "over") this.offer(same ?? data.waiting[0] ?? null);
    this.strip();
  }

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

  cover(title, text) {
    const strong = Object.assign(document.createElement("strong"), { textContent: title });
    const p = Object.assign(document.createElement("p"), { textContent: text });
    this.at.over.replaceChildren(strong, p);
    this.at.over.hidden = false;
  }

  // --- which mask ------------------------------------------------------------------------------------------------

  upcoming() {
    return this.data?.waiting.find((item) => item.example !== this.card?.example || this.again) ?? null;
  }

  /** Lay a mask out without starting its clock; one whose clock runs already goes on at once. */
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
    this.at.status.textContent = card ? "The clock starts when you do." : "";
    this.shown(this.data.seconds, this.data.seconds);
    this.become(card ? "loading" : "over");
    this.strip();
    if (!card) return this.cover("Every test mask is touched up", "Below you can look at them, or start one over.");
    try {
      await this.lay(card.image, again ? card.before : card.mask);
    } catch (error) {
      if (this.card === card) this.cover("This picture can't be shown", error.message);
      return;
    }
    if (this.card !== card || this.gone) return;
    this.become("idle");
    if (card.running) this.start();
  }

  async lay(image, mask) {
    const [photo, painted] = await Promise.all([bitmap(image), bitmap(mask)]);
    this.photo = photo;
    this.mask = maskBytes(painted);
    painted.close();
    this.retint(0, 0, SIDE, SIDE);
    this.draw();
  }

  strip() {
    const others = this.data.waiting;
    this.at.queue.hidden = !others.length;
    this.at.waits.textContent = `${formatted(others.length)} ${others.length === 1 ? "mask waits" : "masks wait"}`;
    this.at.strip.replaceChildren(...others.slice(0, 10).map((item) => {
      const button = document.createElement("button");
      button.dataset.do = "pick";
      button.dataset.example = item.example;
      button.title = item.photo;
      button.setAttribute("aria-label", `Touch up ${item.photo}`);
      if (item.example === this.card?.example) button.setAttribute("aria-current", "true");
      button.disabled = this.state === "painting" || this.state === "sending";
      button.append(Object.assign(document.createElement("img"), { src: `/pictures/${item.image}`, alt: "", loading: "lazy" }));
      return button;
    }));
  }

  gallery() {
    this.at.finished.hidden = !this.data.done.length;
    this.at.gallery.replaceChildren(...this.data.done.map((item) => {
      const figure = document.createElement("figure");
      figure.dataset.example = item.example;
      const two = Object.assign(document.createElement("div"), { className: "two" });
      for (const [mask, label] of [[item.before, "before"], [item.after, "after"]]) {
        const shot = Object.assign(document.createElement("div"), { className: "shot" });
        const tint = Object.assign(document.createElement("div"), { className: "tint" });
        tint.style.maskImage = `url("/pictures/${mask}")`;
        shot.append(
          Object.assign(document.createElement("img"), { src: `/pictures/${item.image}`, alt: `${item.photo}, mask ${label}`, loading: "lazy" }),
          tint, Object.assign(document.createElement("span"), { textContent: label }),
        );
        two.append(shot);
      }
      const caption = document.createElement("figcaption");
      const again = Object.assign(document.createElement("button"), { textContent: "Start over" });
      again.dataset.do = "again";
      again.dataset.example = item.example;
      const used = `${Math.round(item.seconds_used)} of ${item.seconds_shown} s`;
      caption.append(
        Object.assign(document.createElement("b"), { textContent: item.photo, title: item.photo }),
        Object.assign(document.createElement("span"), { textContent: used, className: "quiet", title: `by ${item.reviewer}` }),
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
      this.until = arrived + begun.seconds_left * 1000;
      this.seconds = begun.seconds_shown;
      this.touchUp = begun.touch_up;
      this.strokes = this.savedStrokes = 0;
      if (begun.mask !== (this.again ? card.before : card.mask)) await this.lay(begun.image, begun.mask); // goes on after a reload
    } catch (error) {
      this.become("idle");
      this.complain(error);
      if (error.status === 409 || error.status === 404) this.ended(); // somebody was faster: see who waits now
      return;
    }
    this.complain(null);
    this.at.status.textContent = "Saved as you go.";
    this.become("painting");
    this.strip();
    clearInterval(this.ticking);
    this.ticking = setInterval(() => this.tick(), 100);
    this.tick();
  }

  tick() {
    const left = Math.max(0, (this.until - performance.now()) / 1000);
    this.shown(left, this.seconds);
    if (left <= 0) this.finish("Time is up");
  }

  shown(left, of) {
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
    const mask = unsent ? await pngOf(this.mask) : null;
    await this.inFlight;
    for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
      try {
        const body = { touch_up: this.touchUp, ...(mask && !this.tooLate ? { mask } : {}) };
        const said = await ask("/api/touchups/finish", this.token, body);
        this.complain(this.tooLate ?? null);
        this.at.status.textContent = `Saved after ${Math.round(said.seconds_used)} s.`;
        break;
      } catch (error) {
        if (this.gone) return;
        this.complain(error);
        // Too late for the last strokes: what was saved before counts, and the touch-up is over all the same.
        if (error.status === 409 && mask && !this.tooLate) this.tooLate = error;
        else if ([400, 404, 409].includes(error.status)) break;
        else {
          if (error.status === 403) this.renew?.();
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
      const mask = await pngOf(this.mask);
      await ask("/api/touchups/save", this.token, { touch_up: this.touchUp, mask });
      this.savedStrokes = strokes;
    })();
    this.inFlight = work.catch(() => {});
    let trouble = null;
    try {
      await work;
    } catch (error) {
      trouble = error;
    }
    this.inFlight = null;
    if (this.gone || this.state !== "painting") return;
    this.complain(trouble);
    if (trouble?.status === 403) this.renew?.();
    if (this.strokes === this.savedStrokes) this.at.status.textContent = "Saved.";
    else this.saving = setTimeout(() => this.send(), trouble ? 1500 : SAVE_MS);
  }

  complain(error) {
    this.at.trouble.hidden = !error;
    this.at.trouble.textContent = error?.message ?? "";
  }

  // --- keys and buttons ------------------------------------------------------------------------------------------

  key(event) {
    const undoKey = (event.ctrlKey || event.metaKey) && !event.altKey && ["z", "y"].includes(event.key.toLowerCase());
    if (!undoKey && isTheirs(event, this.root)) return;
    if (undoKey && event.composedPath()[0] instanceof HTMLInputElement && event.composedPath()[0].type !== "range") return;
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

  act(what, button = null) {
    const example = Number(button?.dataset.example);
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
      closer: () => this.zoom(1.25, SIDE / 2, SIDE / 2, true),
      farther: () => this.zoom(0.8, SIDE / 2, SIDE / 2, true),
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

  startOver(done) {
    this.offer({ ...done, running: false }, true);
    this.at.status.textContent = "Starts over from the contributor's mask.";
    this.at.painter.scrollIntoView({ block: "start" });
  }

  pick(tool) {
    this.tool = tool;
    this.tools();
    this.draw();
  }

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

  step(from, to) {
    if (this.state !== "painting" || this.stroke || !from.length) return;
    to.push(this.mask);
    this.mask = from.pop();
    this.retint(0, 0, SIDE, SIDE);
    this.draw();
    this.changed();
  }

  // --- the pointer -----------------------------------------------------------------------------------------------

  holdSpace(held) {
    this.spaceHeld = held;
    if (this.canvas) this.canvas.dataset.tool = held ? "pan" : this.state === "painting" ? "paint" : "";
    this.draw();
  }

  /** Where on the picture an event is, in its pixels. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = SIDE / box.width / this.view.zoom;
    return [this.view.x + (event.clientX - box.left) * scale, this.view.y + (event.clientY - box.top) * scale];
  }

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
    if (!this.masked) this.toggleMask(); // nobody paints blind
    this.paintTo(this.stroke.last);
    this.draw();
  }

  move(event) {
    if (this.panning) {
      const scale = SIDE / this.canvas.getBoundingClientRect().width / this.view.zoom;
      const { x, y, view } = this.panning;
      return this.look({ ...view, x: view.x - (event.clientX - x) * scale, y: view.y - (event.clientY - y) * scale });
    }
    if (this.stroke?.pointer === event.pointerId) {
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) this.paintTo(this.place(step));
    }
    this.point(this.place(event));
  }

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
    this.past.push(this.before);
    if (this.past.length > UNDO_STEPS) this.past.shift();
    this.future = [];
    this.changed();
  }

  point(place) {
    this.cursor = place;
    this.soon();
  }

  /** Fill the capsule from the stroke's last place to this one into the mask. */
  paintTo([x, y]) {
    const [fromX, fromY] = this.stroke.last;
    const { radius, mask } = this;
    const { value } = this.stroke;
    const left = Math.max(0, Math.floor(Math.min(x, fromX) - radius));
    const right = Math.min(SIDE, Math.ceil(Math.max(x, fromX) + radius) + 1);
    const top = Math.max(0, Math.floor(Math.min(y, fromY) - radius));
    const bottom = Math.min(SIDE, Math.ceil(Math.max(y, fromY) + radius) + 1);
    const [dx, dy] = [x - fromX, y - fromY];
    const length = dx * dx + dy * dy;
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const [px, py] = [column + 0.5 - fromX, row + 0.5 - fromY];
        const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        const [ox, oy] = [px - along * dx, py - along * dy];
        if (ox * ox + oy * oy <= radius * radius) mask[row * SIDE + column] = value;
      }
    }
    this.stroke.last = [x, y];
    this.retint(left - 1, top - 1, right + 1, bottom + 1);
    this.soon();
  }

  // --- the view --------------------------------------------------------------------------------------------------

  wheel(event) {
    event.preventDefault();
    const [x, y] = this.place(event);
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), x, y);
  }

  /** Zoom by a factor around a place of the picture; `centred` around the middle of what is shown. */
  zoom(factor, x, y, centred = false) {
    const { view } = this;
    if (centred) [x, y] = [view.x + SIDE / 2 / view.zoom, view.y + SIDE / 2 / view.zoom];
    const zoom = Math.min(12, Math.max(1, view.zoom * factor));
    this.look({ zoom, x: x - ((x - view.x) * view.zoom) / zoom, y: y - ((y - view.y) * view.zoom) / zoom });
  }

  look({ zoom, x, y }) {
    const room = SIDE - SIDE / zoom; // the picture always fills the canvas
    this.view = { zoom, x: Math.min(room, Math.max(0, x)), y: Math.min(room, Math.max(0, y)) };
    this.soon();
  }

  fitCanvas() {
    const side = Math.max(1, Math.round(this.at.frame.clientWidth * (window.devicePixelRatio || 1)));
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    this.draw();
  }

  retint(left, top, right, bottom) {
    [left, top, right, bottom] = [Math.max(0, left), Math.max(0, top), Math.min(SIDE, right), Math.min(SIDE, bottom)];
    if (left < right && top < bottom) this.tint.putImageData(tintOf(this.mask, left, top, right, bottom), left, top);
  }

  soon() {
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (this.drawing) cancelAnimationFrame(this.drawing);
    this.drawing = null;
    const { context, canvas, view, photo } = this;
    if (!context) return;
    const scale = (canvas.width / SIDE) * view.zoom;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!photo) return;
    context.setTransform(scale, 0, 0, scale, -view.x * scale, -view.y * scale);
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = true;
    context.drawImage(photo, 0, 0, SIDE, SIDE);
    if (this.masked) {
      context.imageSmoothingEnabled = scale < 3; // pixels stay pixels where they can be seen
      context.drawImage(this.tint.canvas, 0, 0);
    }
    if (this.cursor && this.state === "painting" && !this.spaceHeld) {
      const [x, y] = this.cursor;
      for (const [colour, width] of [["rgb(0 0 0 / .65)", 3], [this.tool === "eraser" ? "#ffb066" : "#fff", 1.5]]) {
        context.beginPath();
        context.arc(x, y, this.radius, 0, 2 * Math.PI);
        context.strokeStyle = colour;
        context.lineWidth = (width * (window.devicePixelRatio || 1)) / scale;
        context.stroke();
      }
    }
  }
}

/** A mask as a PNG in base64, exactly black and white. */
async function pngOf(mask) {
  const picture = new ImageData(SIDE, SIDE);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < mask.length; i++) pixels[i] = mask[i] ? 0xffffffff : 0xff000000;
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

let painter = null; // module scope outlives reruns

export default function ({ data, parentElement, setTriggerValue }) {
  if (!painter || painter.root !== parentElement || painter.reviewer !== data.reviewer) {
    painter?.unmount();
    painter = new Painter(data.reviewer);
    painter.mount(parentElement);
  }
  const mine = painter;
  if (mine.token !== data.token) {
    mine.token = data.token;
    mine.renewed = false;
  }
  mine.ended = () => setTriggerValue("ended", true);
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
