// @ts-check
// The touch-up studio: which mask, the clock, the tools' buttons and keys, and saving. The easel paints. The clock is the server's:
// the page only counts down.

import { ask, bitmap, clicked, formatted, made, maskBytes, partsOf, RouteError, topOf } from "../shared.js";
import { Easel } from "./easel.js";
import { SAYS_HAIR, SAYS_NOT_HAIR, SAYS_UNKNOWN } from "./hints.js";
import { keysElsewhere } from "../keys.js";
import { forget, forgetOld, keep, kept } from "./kept.js";
import { doneFigures, versionButtons, waitingButtons } from "./lists.js";
import { bitmapOfPng, greysOf, labelsOf, pixelsOf, pngOf } from "./pictures.js";
import { pageName } from "./presence.js";

/** @import { Done, Version, Waiting } from "./lists.js" */

/** @typedef {{reviewer: string, lead: boolean, token: string, seconds: number, side: number, tint: Tint, waiting: Waiting[], waits: number, done: Done[], more: boolean}} PainterData */

const RETRY_MS = 1500; // after a save that failed
const KEPT_MS = 24 * 60 * 60 * 1000; // that this browser keeps a touch-up which nobody goes on with
const WARMING_MS = 2000; // between two questions whether Refine is ready
const WARNINGS = [15, 5]; // seconds left
const BEACON_BYTES = 60_000; // browsers send no more than 64 KiB on the way out
const LEAST_SIDE = 300; // CSS pixels of the canvas
const BELOW = 8; // CSS pixels of what must be seen below the canvas

/** Every key, what it does, and the words of the list of keys. @type {[string, string, string][]} */
const KEYS = [
  ["s", "start", "Start the clock"],
  ["b", "brush", "Brush: paint hair"],
  ["e", "eraser", "Eraser; so do the right button and Alt"],
  ["x", "swap", "Swap brush and eraser"],
  ["n", "strand", "Strand: a fine line that runs with the hair"],
  ["g", "superpixel", "Superpixels: fill areas of one colour"],
  ["l", "lasso", "Lasso: drag around hair, or click corners; Alt takes away"],
  ["r", "refined", "Refine: look at the refined mask; again: take it"],
  ["f", "refine", "Brush the refined mask in"],
  ["j", "matte", "Brush a trained run's matte in"],
  ["t", "hint", "Hint: mark hair, and the edge around it is solved again; again: not hair, unknown"],
  ["[", "smaller", "Smaller brush"],
  ["]", "larger", "Larger brush"],
  ["u", "undo", "Undo; also Ctrl+Z; after Done: go on"],
  ["y", "redo", "Redo; also Ctrl+Shift+Z"],
  ["v", "view", "Next view: tint, outline, cut-out, recoloured, side by side"],
  ["d", "backdrop", "Cut-out on grey, black, white, checks"],
  ["m", "mask", "Mask on or off"],
  ["h", "before", "Hold: the mask before"],
  ["k", "loupe", "Loupe"],
  ["0", "fit", "The whole picture"],
  ["+", "closer", "Closer"],
  ["-", "farther", "Farther"],
  ["q", "focus", "Focus: only the picture and the tools"],
  ["?", "help", "This list"],
  ["Enter", "enter", "Done; next mask"],
  ["Escape", "leave", "Leave a preview, a polygon, this list"],
  ["Shift", "", "Hold: a straight line from where the last stroke ended"],
  ["Space", "", "Hold and drag: move the picture; the wheel and two fingers zoom"],
];
/** @type {Record<string, string>} */
const ACTIONS = { ...Object.fromEntries(KEYS.filter(([, what]) => what).map(([key, what]) => [key, what])), "=": "closer" };
const CANVAS_ONLY = ["Enter", " ", "+", "=", "-"]; // elsewhere, these belong to the page
const REPEATS = ["smaller", "larger", "undo", "redo", "closer", "farther"];
const TOOL_BUTTONS = ["brush", "eraser", "strand", "superpixel", "lasso", "refine", "matte", "hint"];
/** What a hint's buttons say. @type {Record<string, number>} */
const KINDS = { says_hair: SAYS_HAIR, says_not_hair: SAYS_NOT_HAIR, says_unknown: SAYS_UNKNOWN };
const EDIT_BUTTONS = ["holes", "islands", "grow", "shrink", "smooth"];
const VIEW_NAMES = { tint: "Tint", outline: "Outline", cutout: "Cut-out", colour: "Recoloured" };

class Painter {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  leave = new AbortController();
  /** The mask that is shown: a waiting one, or one that is started over. @type {any} */
  card = null;
  /** The touch-up whose clock runs. @type {number | null} */
  touchUp = null;
  /** What the page is to do when a touch-up is over. */
  ended = () => {};
  /** Asks for more of what is done. */
  more = () => {};
  /** Asks for a new token. */
  renew = () => {};
  renewed = false;
  /** @type {(event: KeyboardEvent) => boolean} */
  isTheirs = () => false;
  /** Whether a hint is being solved. */
  solving = false;
  /** Whether Done was pressed while a hint was being solved. */
  doneAsked = false;

  /** @param {PainterData} data */
  constructor(data) {
    this.data = data;
    this.reviewer = data.reviewer;
    this.token = data.token;
    this.side = data.side; // of a crop, in pixels
    this.state = "idle";
    this.strokes = 0;
    this.savedStrokes = 0;
    this.title = document.title;
    this.page = pageName(this.leave.signal, (presence) => this.tell(presence));
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    const { signal } = this.leave;
    const heard = { signal };
    const [red, green, blue] = this.data.tint.fill;
    this.easel = new Easel(this.at, this.side, {
      colour: [red, green, blue], signal,
      changed: () => this.changed(),
      looked: () => this.tools(),
      hinted: () => this.solve(),
    });
    this.isTheirs = keysElsewhere(root, signal);
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, ...heard });
    window.addEventListener("keyup", (event) => this.keyUp(event), { capture: true, ...heard });
    window.addEventListener("pagehide", () => this.sendOnTheWayOut(), heard);
    window.addEventListener("resize", () => this.fit(), heard);
    root.addEventListener("click", (event) => {
      const button = clicked(/** @type {MouseEvent} */ (event));
      if (button) this.act(button.dataset.do ?? "", button);
    }, heard);
    const { easel } = this;
    for (const [name, set] of Object.entries({
      size: (/** @type {number} */ value) => easel.shape({ radius: value }),
      hardness: (/** @type {number} */ value) => easel.shape({ hardness: value / 100 }),
      strength: (/** @type {number} */ value) => easel.shape({ opacity: value / 100 }),
      opacity: (/** @type {number} */ value) => easel.see({ opacity: value / 100 }),
    })) this.at[name].addEventListener("input", () => set(Number(this.at[name].value)), heard);
    this.at.colour.addEventListener("input", () => easel.see({ colour: rgbOf(this.at.colour.value) }), heard);
    this.at.keys.replaceChildren(...KEYS.map(([key, , words]) => {
      const row = made("div", {});
      row.append(made("dt", { textContent: key.length === 1 ? key.toUpperCase() : key }), made("dd", { textContent: words }));
      return row;
    }));
    for (const wait of [0, 300, 1500]) setTimeout(() => signal.aborted || this.fit(), wait); // what is above may still grow
    this.fit();
    this.tools();
    forgetOld(Date.now() - KEPT_MS);
    window.__winnowPainter = this;
  }

  unmount() {
    this.gone = true;
    this.sendOnTheWayOut(); // what was painted so far; the clock goes on
    this.leave.abort();
    clearInterval(this.ticking);
    clearTimeout(this.saving);
    clearTimeout(this.lapsing);
    document.title = this.title;
    delete window.__winnowPainter;
  }

  /** As large as the window leaves room for. */
  fit() {
    const room = window.innerHeight - (this.focused ? 0 : topOf(this.at.frame)) - BELOW;
    this.at.bench.style.setProperty("--height", `${Math.max(LEAST_SIDE, room)}px`);
    this.easel?.fit();
  }

  /** New data from the page: what waits, what is done. What is being painted stays as it is. @param {PainterData} data */
  update(data) {
    this.data = data;
    this.gallery();
    if (this.state === "painting" || this.state === "sending" || this.state === "beginning") return;
    this.at.next.hidden = this.state !== "over" || !this.upcoming();
    const same = data.waiting.find((item) => item.example === this.card?.example);
    if (this.state !== "over" && !this.stays(same)) this.offer(same ?? data.waiting[0] ?? null);
    this.strip();
  }

  /**
   * Whether what is shown, and not begun, is as the page says now: it keeps its zoom and the version to start from, and a key
   * that is pressed now is not lost in loading it again.
   * @param {Waiting | undefined} same the mask among those that wait
   */
  stays(same) {
    if (!["loading", "idle"].includes(this.state) || !this.card) return false;
    return this.card.again || JSON.stringify(this.card) === JSON.stringify(same);
  }

  /** @param {string} state */
  become(state) {
    this.state = this.at.painter.dataset.state = state;
    this.at.canvas.dataset.example = this.card?.example ?? "";
    const painting = state === "painting";
    this.at.start.hidden = !["loading", "unshown", "idle", "beginning"].includes(state);
    this.at.start.disabled = state !== "idle";
    this.at.finish.hidden = !painting && state !== "sending";
    this.at.finish.disabled = !painting;
    this.at.next.hidden = state !== "over" || !this.upcoming();
    if (this.easel) {
      this.easel.open = painting;
      if (!painting) {
        this.easel.drop();
        this.easel.forget(this.easel.asked); // what is answered after the end is too late
        this.doneAsked = false;
        this.complain(null, "hint");
      }
      this.easel.holdSpace(false);
    }
    if (!painting) document.title = this.title;
    this.tools();
  }

  /** @param {string} title @param {string} text */
  cover(title, text) {
    this.at.over.replaceChildren(made("strong", { textContent: title }), made("p", { textContent: text }));
    this.at.over.hidden = false;
  }

  // --- which mask ------------------------------------------------------------------------------------------------

  upcoming() {
    return this.data.waiting.find((item) => item.example !== this.card?.example) ?? null;
  }

  /**
   * Show a mask without starting its clock; one whose clock is running already continues at once.
   * @param {any} card @param {string | null} from the version of its mask to start from; null: the one that counts now
   */
  async offer(card, from = null) {
    this.card = card;
    this.from = from;
    this.askToTakeOver(null);
    this.canGoBack(0);
    this.at.versions.hidden = true;
    this.touchUp = null;
    this.easel?.clear();
    this.at.over.hidden = true;
    this.at.file.textContent = this.at.file.title = card?.photo ?? "";
    this.at.drawn.hidden = !card?.drawn;
    this.at.unknown.hidden = !card?.unknown;
    this.at.status.textContent = card?.clock ? "The clock starts when you press Start." : "";
    this.shown(card && !card.clock ? null : this.data.seconds, this.data.seconds);
    this.become(card ? "loading" : "over");
    this.strip();
    if (!card) return this.cover("Every mask is touched up", "You can look at them below, or start one over.");
    try {
      await this.lay(card.image, from ?? card.mask, card.unknown);
    } catch (error) {
      if (this.card !== card) return;
      this.cover("This picture cannot be shown", error instanceof Error ? error.message : String(error));
      return this.become("unshown"); // with the page's next data, it is asked for again
    }
    if (this.card !== card || this.gone) return;
    this.become("idle");
    this.prepare(card);
    if (card.held_by) this.askToTakeOver({ reviewer: card.held_by, own: false, seconds_left: null });
    if (card.running) this.start();
    else if (!card.held_by) this.showVersions(card);
  }

  /** Ask before going on with what somebody else, or another page, is painting; null: there is nothing to ask. @param {{reviewer: string, own: boolean, seconds_left: number | null} | null} held */
  askToTakeOver(held) {
    this.takesOver = held !== null;
    this.at.start_label.textContent = held ? "Take over" : "Start";
    if (!held) return;
    this.at.status.textContent = "";
    if (held.seconds_left !== null) this.shown(held.seconds_left, this.data.seconds);
    const left = held.seconds_left === null ? "" : ` ${clockOf(held.seconds_left)} is left on the clock.`;
    const title = held.own ? "You have this mask open on another page" : `${held.reviewer} is working on this mask`;
    this.cover(title, `Take over to go on here with what is saved.${left}`);
    this.at.over.dataset.plain = "";
  }

  /** The versions that a touch-up can start from, if there are several. @param {any} card */
  async showVersions(card) {
    /** @type {Version[]} */
    let found = [];
    try {
      found = (await ask("/api/touchups/versions", this.token, { example: card.example })).versions;
    } catch {
      // Without them, it starts from the mask that is shown.
    }
    if (this.card !== card || this.state !== "idle" || found.length < 2) return;
    this.at.versions.hidden = false;
    this.at.version_list.replaceChildren(...versionButtons(found, this.from ?? card.mask));
  }

  /** Start from another version of the mask. @param {string} mask */
  async startFrom(mask) {
    const { card } = this;
    if (this.state !== "idle" || !card) return;
    await this.resume(mask);
    if (this.card !== card || this.state !== "idle" || !this.easel) return;
    this.from = mask;
    this.easel.original = this.easel.alpha.slice();
    this.easel.sources.refine = null; // it was of the other mask
    for (const button of this.at.version_list.children) button.setAttribute("aria-pressed", String(button.dataset.mask === mask));
    this.at.status.textContent = `Starts from: ${this.at.version_list.querySelector("[aria-pressed=true]")?.title ?? ""}.`;
    this.prepare(card); // Refine answers for the mask that is shown
  }

  /** @param {string} image @param {string} mask @param {string | null} unknown where its source says nothing */
  async lay(image, mask, unknown) {
    const [photo, painted, silent] = await Promise.all([bitmap(image), bitmap(mask), unknown ? bitmap(unknown) : null]);
    const alpha = greysOf(painted);
    this.easel?.lay(photo, alpha, silent && maskBytes(silent));
    painted.close();
    silent?.close();
  }

  /** Fetch what some tools need, while the mask is looked at. @param {any} card */
  async prepare(card) {
    const { from } = this;
    const still = () => this.card === card && this.from === from && !this.gone && this.easel;
    const alpha = this.easel?.alpha.slice();
    if (!alpha) return;
    bitmap(`superpixels/${card.image}`).then((picture) => {
      if (!still() || !this.easel) return;
      this.easel.labels = labelsOf(picture);
      this.tools();
    }).catch(() => {});
    ask("/api/touchups/matte", this.token, { example: card.example }).then(async ({ matte }) => {
      const picture = await bitmap(matte);
      if (!still() || !this.easel) return;
      this.easel.sources.matte = greysOf(picture, this.side);
      this.tools();
    }).catch(() => {}); // no run has made a matte of this example
    const mask = await pngOf(alpha, this.side);
    while (still()) {
      try {
        const { alpha: refined } = await ask("/api/touchups/refine", this.token, { example: card.example, mask });
        if (!still() || !this.easel) return;
        this.easel.sources.refine = greysOf(await bitmapOfPng(refined));
        this.at.refined.title = "";
        this.tools();
        return;
      } catch (error) {
        if (!(error instanceof RouteError) || error.status !== 503) {
          this.at.refined.title = error instanceof Error ? error.message : "";
          return;
        }
        await new Promise((go) => setTimeout(go, WARMING_MS)); // the matting process is starting
      }
    }
  }

  strip() {
    const { waiting, waits } = this.data;
    this.at.queue.hidden = !waiting.length;
    this.at.waits.textContent = `${formatted(waits)} ${waits === 1 ? "mask" : "masks"} to touch up`;
    const locked = this.state === "painting" || this.state === "sending";
    this.at.strip.replaceChildren(...waitingButtons(waiting, this.card?.example, locked));
  }

  gallery() {
    this.at.finished.hidden = !this.data.done.length;
    this.at.more.hidden = !this.data.more;
    const mayDiscard = (/** @type {string} */ by) => this.data.lead || by === this.reviewer;
    this.at.gallery.replaceChildren(...doneFigures(this.data.done, mayDiscard));
  }

  // --- the clock -------------------------------------------------------------------------------------------------

  async start() {
    if (this.state !== "idle" || !this.easel?.photo) return;
    this.become("beginning");
    const card = this.card;
    try {
      const from = this.from ? { start_from: this.from } : {};
      const begun = await ask("/api/touchups/begin", this.token, { example: card.example, page: this.page, take_over: this.takesOver, ...from });
      const arrived = performance.now();
      if (this.gone) return;
      if (begun.held) {
        this.become("idle");
        return this.askToTakeOver(begun.held);
      }
      this.askToTakeOver(null);
      this.at.over.hidden = true;
      delete this.at.over.dataset.plain;
      this.at.versions.hidden = true;
      this.until = begun.seconds_left === null ? null : arrived + begun.seconds_left * 1000;
      this.seconds = begun.seconds_shown;
      this.touchUp = begun.touch_up;
      this.strokes = this.savedStrokes = 0;
      if (begun.mask !== (this.from ?? card.mask)) await this.resume(begun.mask); // it continues after a reload
      if (begun.painted_on) await this.recall(begun.touch_up, begun.painted_on);
      else await forget(begun.touch_up); // of another database, whose touch-ups had the same numbers
    } catch (error) {
      this.become("idle");
      this.complain(error);
      if (error instanceof RouteError && [404, 409].includes(error.status)) this.ended(); // somebody else was faster: see what waits now
      return;
    }
    this.complain(null);
    this.at.status.textContent = "Each stroke is saved as you lift the pen.";
    this.paint();
    if (this.strokes !== this.savedStrokes) this.send();
  }

  /** The clock runs, if there is one, and strokes paint. */
  paint() {
    this.become("painting");
    this.at.canvas.focus({ preventScroll: true });
    this.strip();
    clearInterval(this.ticking);
    this.ticking = setInterval(() => this.tick(), 100);
    this.tick();
  }

  /** Done is taken back. */
  async goBack() {
    const touchUp = this.doneTouchUp;
    if (this.state !== "over" || !touchUp) return;
    this.become("sending");
    try {
      await ask("/api/touchups/resume", this.token, { touch_up: touchUp, page: this.page });
    } catch (error) {
      this.become("over");
      this.complain(error);
      if (!(error instanceof RouteError)) return;
      if ([404, 409].includes(error.status)) this.canGoBack(0);
      else if (error.is("stale_page")) this.renew();
      return;
    }
    if (this.gone) return;
    this.canGoBack(0);
    this.complain(null);
    this.at.over.hidden = true;
    delete this.at.over.dataset.plain;
    this.touchUp = touchUp;
    this.at.status.textContent = "Done is taken back.";
    this.paint();
    this.ended();
  }

  /** Whether Done can be taken back: for so many milliseconds; 0: it cannot, Infinity: there is no clock. @param {number} milliseconds */
  canGoBack(milliseconds) {
    clearTimeout(this.lapsing);
    this.at.back.hidden = milliseconds <= 0;
    if (milliseconds <= 0) this.doneTouchUp = null;
    else if (milliseconds < Infinity) this.lapsing = setTimeout(() => this.canGoBack(0), milliseconds);
  }

  /** Nothing that is painted here can be saved any more: somebody took over, or the mask is gone. @param {Error} error */
  lose(error) {
    clearInterval(this.ticking);
    this.become("idle");
    this.touchUp = null;
    this.cover("Painting has stopped here", error.message);
    this.at.over.dataset.plain = "";
    this.at.status.textContent = "What was saved up to then stays saved.";
  }

  /** Go on with the mask that was saved last. @param {string} mask */
  async resume(mask) {
    const painted = await bitmap(mask);
    this.easel?.replace(greysOf(painted));
    painted.close();
  }

  /** What this browser kept of the touch-up: strokes that the server may not have, and the steps for undo. @param {number} touchUp @param {string} page that painted last: what others kept is older */
  async recall(touchUp, page) {
    const found = await kept(touchUp);
    if (!this.easel || !found || found.image !== this.card.image || found.page !== page) return;
    this.strokes = found.strokes;
    this.savedStrokes = found.saved;
    this.easel.replace(new Uint8Array(found.alpha), found.hints && new Uint8Array(found.hints));
    if (found.hints) Object.assign(this.easel.history, { past: found.past, future: found.future });
  }

  tick() {
    if (this.until === null) return this.shown(null, 0);
    const left = Math.max(0, ((this.until ?? 0) - performance.now()) / 1000);
    this.shown(left, this.seconds ?? this.data.seconds);
    document.title = `${clockOf(left)} · ${this.title}`;
    if (left > 0) return;
    this.easel?.drop(); // the bell cuts off a stroke that is not finished
    this.finish("Time is up");
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
    this.at.clock.textContent = clockOf(left);
    this.at.elapsed.style.width = `${(100 * left) / of}%`;
    this.at.painter.toggleAttribute("data-hurry", left <= Math.min(WARNINGS[0], of / 4));
    const warning = WARNINGS.findLast((seconds) => left <= seconds && left > 0 && seconds < of / 2);
    const words = warning && this.state === "painting" ? `${warning} seconds left` : "";
    if (this.at.warning.textContent !== words) this.at.warning.textContent = words; // read out once
  }

  /** Lock the input, send the last mask, and say so. */
  async finish(title = "Done") {
    if (this.state !== "painting" || !this.easel) return;
    clearInterval(this.ticking);
    clearTimeout(this.saving);
    this.easel.end();
    this.become("sending");
    this.at.status.textContent = `${title}. Saving…`;
    const unsent = this.strokes !== this.savedStrokes || this.inFlight;
    const mask = unsent ? await pngOf(this.easel.alpha, this.side) : null;
    await this.inFlight;
    /** @type {RouteError | null} */
    let lost = null;
    for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
      try {
        const body = { touch_up: this.touchUp, page: this.page, ...(mask && !this.tooLate ? { mask } : {}) };
        const answer = await ask("/api/touchups/finish", this.token, body);
        this.complain(this.tooLate ?? null);
        this.savedStrokes = this.strokes;
        this.at.status.textContent = `Saved after ${Math.round(answer.seconds_used)} s.`;
        break;
      } catch (error) {
        if (this.gone) return;
        this.complain(error);
        // Too late for the last strokes: what was saved before counts, and the touch-up is over.
        const refusal = error instanceof RouteError ? error : null;
        if (refusal?.is("time_up") && mask && !this.tooLate) this.tooLate = refusal;
        else if (refusal && [400, 404, 409].includes(refusal.status)) {
          lost = refusal;
          break;
        } else {
          if (refusal?.is("stale_page")) this.renew();
          await new Promise((go) => setTimeout(go, wait));
        }
      }
    }
    this.tooLate = null;
    if (this.touchUp) forget(this.touchUp);
    this.doneTouchUp = this.touchUp;
    this.touchUp = null;
    if (this.gone) return;
    this.easel.fitAll();
    if (lost) {
      this.complain(null);
      return this.lose(lost);
    }
    this.canGoBack((this.until ?? Infinity) - performance.now());
    this.cover(title, this.at.status.textContent);
    this.at.over.dataset.plain = "";
    this.become("over");
    if (document.activeElement === document.body) this.at.canvas.focus({ preventScroll: true }); // so that Enter goes on
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
    this.complain(null, "hint");
    this.tools();
    this.at.status.textContent = "Saving…";
    this.keepHere();
    clearTimeout(this.saving);
    this.send();
  }

  keepHere() {
    if (!this.touchUp || !this.easel) return;
    const { past, future } = this.easel.history;
    const { alpha, hints } = this.easel;
    keep(this.touchUp, { image: this.card.image, page: this.page, at: Date.now(), alpha: alpha.slice(), hints: hints.slice(), strokes: this.strokes, saved: this.savedStrokes, past, future });
  }

  /** Send the mask as it is now. One request at a time, so that the last stroke is the last to arrive. */
  async send() {
    if (this.inFlight || this.strokes === this.savedStrokes || !this.touchUp || !this.easel) return;
    const { strokes, touchUp } = this;
    const alpha = this.easel.painted; // no half of the next stroke
    const work = (async () => {
      const mask = await pngOf(alpha, this.side);
      await ask("/api/touchups/save", this.token, { touch_up: touchUp, page: this.page, mask });
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
    if (trouble instanceof RouteError) {
      if (trouble.is("stale_page")) this.renew();
      if (trouble.is("not_there") || (trouble.status === 409 && !trouble.is("time_up"))) return this.lose(trouble);
    }
    if (!trouble) this.keepHere();
    if (this.strokes === this.savedStrokes) this.at.status.textContent = "Saved.";
    else if (trouble) this.saving = setTimeout(() => this.send(), RETRY_MS);
    else this.send();
  }

  /** The page is closed or left: send what is not saved, if it is small enough; this browser keeps it in any case. */
  sendOnTheWayOut() {
    if (this.state !== "painting" || this.strokes === this.savedStrokes || !this.easel || !this.touchUp) return;
    const { touchUp, page } = this;
    pngOf(this.easel.alpha, this.side).then((mask) => this.sendAnyway("/api/touchups/save", { touch_up: touchUp, page, mask }));
  }

  /** Say that the page of the running touch-up is hidden, shown or left. @param {import("./presence.js").Presence} presence */
  tell(presence) {
    if (this.state === "painting") this.sendAnyway("/api/touchups/presence", { touch_up: this.touchUp, page: this.page, presence });
  }

  /** Send something small, even if the page is closed meanwhile. @param {string} path @param {object} content */
  sendAnyway(path, content) {
    const body = JSON.stringify(content);
    const headers = { "Content-Type": "application/json", "X-Winnow-Token": this.token };
    if (body.length < BEACON_BYTES) fetch(path, { method: "POST", keepalive: true, headers, body }).catch(() => {});
  }

  /** Show an error; null removes one about the same. @param {any} error @param {"mask" | "hint"} about */
  complain(error, about = "mask") {
    if (!error && this.troubled !== about) return;
    this.troubled = about;
    this.at.trouble.hidden = !error;
    this.at.trouble.textContent = error?.message ?? "";
  }

  // --- hints -----------------------------------------------------------------------------------------------------

  /** Solve the mask again around each hint that was drawn, one after the other. */
  async solve() {
    const { easel } = this;
    this.complain(null, "hint");
    this.tools();
    if (this.solving || !easel) return;
    this.solving = true;
    while (!this.gone) {
      await easel.rested();
      const [hint] = easel.asked;
      if (!hint) break;
      this.at.status.textContent = "Solving around the hint…";
      try {
        await this.solveAround(easel, hint);
      } catch (error) {
        if (this.gone || !easel.asked.includes(hint)) continue; // taken back, or too late
        easel.forget([hint]);
        this.doneAsked = false;
        this.at.status.textContent = "The hint was dropped.";
        this.complain(error, "hint");
        if (error instanceof RouteError && error.is("stale_page")) this.renew();
      }
    }
    this.solving = false;
    if (this.doneAsked && !this.gone) this.finish();
  }

  /**
   * Ask for the mask around a hint and take it over. Where the mask has changed there in the meantime, the hint goes on to wait.
   * @param {Easel} easel @param {import("./easel.js").Asked} hint
   */
  async solveAround(easel, hint) {
    const question = easel.question(hint);
    const { left, top, right, bottom } = question.box;
    const [mask, hints] = await Promise.all([pngOf(question.alpha, this.side), pngOf(question.hints, this.side)]);
    const asked = { example: this.card.example, mask, hints, box: [top, left, bottom, right] };
    const answer = await ask("/api/touchups/refine", this.token, asked);
    const solved = greysOf(await bitmapOfPng(answer.alpha));
    await easel.rested();
    if (this.gone || !easel.asked.includes(hint)) return;
    const { strokes } = this;
    if (easel.take(hint, question, solved) && this.strokes === strokes) this.at.status.textContent = "The hint changed nothing.";
  }

  /** Done, as soon as the hints are solved. */
  done() {
    if (this.state !== "painting" || !this.easel?.asked.length) return this.finish();
    this.doneAsked = true;
    this.at.status.textContent = "Done as soon as the hint is solved…";
  }

  // --- keys and buttons ------------------------------------------------------------------------------------------

  /** Whether the canvas has the focus, so that Enter, Space and the zoom's keys are the painter's. */
  get atEasel() {
    return this.root?.activeElement === this.at.canvas;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const undoKey = (event.ctrlKey || event.metaKey) && !event.altKey && ["z", "y"].includes(event.key.toLowerCase());
    const [target] = event.composedPath();
    if (!undoKey && this.isTheirs(event)) return;
    if (undoKey && target instanceof HTMLInputElement && target.type !== "range") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!undoKey && CANVAS_ONLY.includes(key) && !this.atEasel) return;
    let what = ACTIONS[key];
    if (undoKey) what = key === "y" || event.shiftKey ? "redo" : "undo";
    if (key === " ") {
      this.easel?.holdSpace(true);
      what = "nothing";
    }
    if (!what && key !== "c") return; // C is Streamlit's own: it would clear its caches
    event.preventDefault();
    event.stopImmediatePropagation();
    if (what === "before") this.easel?.peekAt("before");
    else if (what && (!event.repeat || REPEATS.includes(what))) this.act(what);
  }

  /** @param {KeyboardEvent} event */
  keyUp(event) {
    if (event.key === " ") this.easel?.holdSpace(false);
    if (event.key.toLowerCase() === "h" && this.easel?.peek === "before") this.easel.peekAt("");
  }

  /** @param {string} what @param {HTMLButtonElement | null} button */
  act(what, button = null) {
    const { easel } = this;
    if (!easel) return;
    const example = Number(button?.dataset.example);
    if (what === "hint" && easel.tool === "hint") return easel.sayNext();
    if (what in KINDS) return easel.say(KINDS[what]);
    if (TOOL_BUTTONS.includes(what)) return easel.pick(what);
    if (EDIT_BUTTONS.includes(what)) return easel.edit(/** @type {any} */ (what));
    /** @type {Record<string, () => unknown>} */
    const steps = {
      start: () => this.start(),
      finish: () => this.done(),
      next: () => this.next(),
      enter: () => (easel.corners.length ? easel.closePolygon() : this.state === "painting" ? this.done() : this.state === "over" ? this.next() : null),
      swap: () => easel.pick(easel.tool === "eraser" ? "brush" : "eraser"),
      smaller: () => easel.resize(-1),
      larger: () => easel.resize(1),
      undo: () => (this.state === "over" ? this.goBack() : this.state === "painting" && !easel.hand && easel.undo()),
      back: () => this.goBack(),
      version: () => this.startFrom(button?.dataset.mask ?? ""),
      discard: () => this.discard(Number(button?.dataset.touchUp)),
      redo: () => this.state === "painting" && !easel.hand && easel.redo(),
      refined: () => this.refine(),
      view: () => this.turn(),
      backdrop: () => easel.nextBackdrop(),
      mask: () => easel.toggleMask(),
      loupe: () => this.magnify(),
      fit: () => easel.fitAll(),
      closer: () => easel.zoom(1.25),
      farther: () => easel.zoom(0.8),
      focus: () => this.focus(!this.focused),
      help: () => this.help(this.at.help.hidden),
      leave: () => this.step(),
      more: () => this.more(),
      pick: () => this.free() && this.offer(this.data.waiting.find((item) => item.example === example)),
      again: () => this.free() && this.startOver(this.data.done.find((item) => item.example === example)),
    };
    steps[what]?.();
  }

  /** The next view. The first time that hair is recoloured, its own colours are asked for: at its rim the background shines through. */
  async turn() {
    const { card, easel } = this;
    easel?.turn();
    if (!easel || easel.seeing.look !== "colour" || easel.foreground || !card) return;
    try {
      const mask = await pngOf(easel.alpha, this.side);
      const { colours } = await ask("/api/touchups/foreground", this.token, { example: card.example, mask });
      const picture = await bitmapOfPng(colours);
      if (this.card === card && !this.gone) easel.recolour(pixelsOf(picture));
    } catch {
      // Without them, the photo's colours are recoloured.
    }
  }

  /** The refined mask: look at it first, then take it. */
  refine() {
    const { easel } = this;
    const refined = easel?.sources.refine;
    if (!easel || !refined) return;
    if (easel.peek !== "refine") {
      easel.peekAt("refine");
      this.at.status.textContent = this.state === "painting" ? "This is the refined mask. R takes it, Escape leaves it." : "This is the refined mask.";
    } else if (this.state === "painting") {
      easel.peekAt("");
      easel.adopt(refined);
    } else easel.peekAt("");
  }

  /** Escape: leave the innermost of what is open. */
  step() {
    if (!this.at.help.hidden) this.help(false);
    else if (this.easel?.corners.length) {
      this.easel.corners = [];
      this.easel.soon();
    } else if (this.easel?.peek) this.easel.peekAt("");
    else if (this.focused) this.focus(false);
  }

  magnify() {
    if (!this.easel) return;
    this.easel.magnifies = !this.easel.magnifies;
    this.tools();
    this.easel.soon();
  }

  /** Only the picture and the tools, over the whole window. @param {boolean} on */
  focus(on) {
    this.focused = on;
    this.at.painter.toggleAttribute("data-focus", on);
    this.fit();
    this.tools();
  }

  /** @param {boolean} open */
  help(open) {
    this.at.help.hidden = !open;
  }

  free() {
    if (!["loading", "unshown", "idle", "over"].includes(this.state)) return false;
    delete this.at.over.dataset.plain;
    return true;
  }

  /** @param {Done | undefined} done */
  startOver(done) {
    if (!done) return;
    this.offer({ ...done, mask: done.after, running: false, held_by: null, again: true }, done.before);
    this.at.status.textContent = "Starts over from the mask before.";
    this.at.painter.scrollIntoView({ block: "start" });
  }

  /** The masks of a touch-up no longer count. @param {number} touchUp */
  async discard(touchUp) {
    try {
      await ask("/api/touchups/discard", this.token, { touch_up: touchUp });
      this.complain(null);
    } catch (error) {
      this.complain(error);
      if (error instanceof RouteError && error.is("stale_page")) this.renew();
    }
    this.ended();
  }

  /** Show on the buttons what is chosen, and what can be done. */
  tools() {
    const { easel, at } = this;
    if (!easel) return;
    const painting = this.state === "painting";
    for (const name of TOOL_BUTTONS) {
      at[name].setAttribute("aria-pressed", String(easel.tool === name));
      at[name].disabled = !painting || !easel.usable(name);
    }
    for (const name of EDIT_BUTTONS) at[name].disabled = !painting;
    const hinting = easel.tool === "hint";
    at.says.hidden = !hinting;
    for (const name of ["hardness", "strength"]) at[name].parentElement.hidden = hinting; // a hint has neither
    for (const [name, kind] of Object.entries(KINDS)) at[name].setAttribute("aria-pressed", String(easel.kind === kind));
    at.frame.toggleAttribute("data-solving", easel.asked.length > 0);
    at.refined.disabled = !easel.sources.refine;
    at.refined.setAttribute("aria-pressed", String(easel.peek === "refine"));
    at.undo.disabled = !painting || !easel.undoable;
    at.redo.disabled = !painting || !easel.history.future.length;
    at.mask.setAttribute("aria-pressed", String(easel.masked));
    at.loupe_button.setAttribute("aria-pressed", String(easel.magnifies));
    at.focus.setAttribute("aria-pressed", String(this.focused === true));
    at.view_name.textContent = easel.beside ? "Side by side" : VIEW_NAMES[easel.seeing.look];
    at.backdrop.hidden = easel.seeing.look !== "cutout";
    at.size.value = String(easel.brush.radius);
    at.hardness.value = String(100 * easel.brush.hardness);
    at.strength.value = String(100 * easel.brush.opacity);
    at.opacity.value = String(100 * easel.seeing.opacity);
    at.colour.value = hexOf(easel.seeing.colour);
    Object.assign(at.canvas.dataset, { strokes: String(this.strokes), zoom: easel.view.zoom.toFixed(2), shows: easel.peek });
  }
}

/** Seconds as a clock shows them. @param {number} left */
function clockOf(left) {
  const whole = Math.ceil(left);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {string} hex "#rrggbb" @returns {[number, number, number]} */
const rgbOf = (hex) => [parseInt(hex.slice(1, 3), 16), parseInt(hex.slice(3, 5), 16), parseInt(hex.slice(5, 7), 16)];

/** @param {number[]} rgb */
const hexOf = (rgb) => `#${rgb.map((part) => part.toString(16).padStart(2, "0")).join("")}`;

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
