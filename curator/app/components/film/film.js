// @ts-check
// The film strip. A rerun adds epochs: what is there stays as it is, and a strip that was at its end stays at its end.

import { isElsewhere } from "../keys.js";
import { made, partsOf } from "../shared.js";

/** A validation example; `mattes` has a hash for each epoch, null where there is none. */
/** @typedef {{example: number, photo: string, image: string, mask: string, mattes: (string | null)[]}} Row */
/** @typedef {{epochs: number[], best: number | null, rows: Row[]}} Strip */
/** @typedef {{row: number, column: number}} Place */


class Film {
  /** The parts of the page. @type {Record<string, any>} */
  part = {};
  leave = new AbortController();
  /** @type {Strip} */
  strip = { epochs: [], best: null, rows: [] };

  constructor() {
    /** @type {Map<string, HTMLImageElement>} */
    this.cells = new Map(); // by example and epoch, so that a picture on screen is never fetched or drawn again
    /** @type {Place | null} */
    this.at = null; // the matte that is chosen, or was last
  }

  /** @param {ShadowRoot} root */
  mount(root) {
    this.part = partsOf(root);
    const { signal } = this.leave;
    const { body, large, scrub, close } = this.part;
    body.addEventListener("click", (/** @type {Event} */ event) => this.open(buttonOf(event)), { signal });
    body.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event), { signal });
    body.addEventListener("focusin", (/** @type {Event} */ event) => this.choose(buttonOf(event)), { signal });
    scrub.addEventListener("input", () => this.at && this.show(this.at.row, Number(scrub.value)), { signal });
    close.addEventListener("click", () => large.close(), { signal });
    large.addEventListener("click", (/** @type {Event} */ event) => event.target === large && large.close(), { signal });
    large.addEventListener("close", () => this.button(this.at)?.focus(), { signal });
  }

  unmount() {
    this.leave.abort();
  }

  /** @param {Strip} strip */
  update(strip) {
    if (JSON.stringify(strip) === JSON.stringify(this.strip)) return;
    const { reel, head, body, large } = this.part;
    const atEnd = reel.scrollLeft + reel.clientWidth >= reel.scrollWidth - 8;
    const hadFocus = body.contains(body.getRootNode().activeElement);
    const chosen = this.at ? strip.epochs.indexOf(this.strip.epochs[this.at.column]) : -1;
    this.strip = strip;
    const corner = made("td", {});
    head.replaceChildren(corner, ...strip.epochs.map((epoch) => this.title(epoch)));
    body.replaceChildren(...strip.rows.map((row, at) => this.row(row, at)));
    const row = Math.min(this.at?.row ?? 0, strip.rows.length - 1);
    this.at = { row, column: chosen >= 0 ? chosen : strip.epochs.length - 1 };
    this.rove();
    if (hadFocus) this.button(this.at)?.focus({ preventScroll: true });
    if (atEnd || !this.drawn) reel.scrollLeft = reel.scrollWidth;
    this.drawn = true;
    if (large.open) this.show(this.at.row, this.at.column);
  }

  /** @param {number} epoch */
  title(epoch) {
    const title = made("th", { scope: "col", textContent: String(epoch) });
    if (epoch !== this.strip.best) return title;
    title.textContent = `${epoch} best`;
    title.dataset.best = "";
    return title;
  }

  /** @param {Row} row @param {number} at */
  row(row, at) {
    const line = made("tr", {});
    const photo = made("th", { scope: "row" });
    photo.append(this.picture(`photo-${row.example}`, `${row.image}?side=192`, row.photo));
    line.append(photo, ...row.mattes.map((matte, column) => this.cell(row, matte, at, column)));
    return line;
  }

  /** @param {Row} row @param {string | null} matte @param {number} at @param {number} column */
  cell(row, matte, at, column) {
    const cell = made("td", {});
    if (!matte) return cell;
    const epoch = this.strip.epochs[column];
    const button = made("button", {});
    Object.assign(button.dataset, { row: at, column });
    button.append(this.picture(`${row.example}-${epoch}`, matte, `${row.photo}, matte after epoch ${epoch}`));
    cell.append(button);
    if (epoch === this.strip.best) cell.dataset.best = "";
    return cell;
  }

  /** @param {string} key @param {string} address @param {string} alt */
  picture(key, address, alt) {
    const image = this.cells.get(key) ?? made("img", { loading: "lazy", src: `/pictures/${address}`, alt });
    this.cells.set(key, image);
    return image;
  }

  // --- one of them -------------------------------------------------------------------------------------------------

  /** @param {Place | null} place @returns {HTMLButtonElement | null} */
  button(place) {
    if (!place) return null;
    const { row, column } = place;
    return this.part.body.querySelector(`button[data-row="${row}"][data-column="${column}"]`);
  }

  /** Tab stops once in the whole strip: at the chosen matte. */
  rove() {
    for (const button of this.part.body.querySelectorAll("button")) button.tabIndex = -1;
    const chosen = this.button(this.at) ?? this.part.body.querySelector("button");
    if (chosen) chosen.tabIndex = 0;
  }

  /** @param {HTMLButtonElement | null} button */
  choose(button) {
    if (!button) return;
    this.at = { row: Number(button.dataset.row), column: Number(button.dataset.column) };
    this.rove();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    /** @type {Record<string, number[]>} */
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const by = isElsewhere(event, "nothing") ? undefined : moves[event.key]; // Alt with an arrow leaves the page
    const next = by && this.at && this.button({ row: this.at.row + by[0], column: this.at.column + by[1] });
    if (by) event.preventDefault();
    if (next) next.focus();
  }

  /** @param {HTMLButtonElement | null} button */
  open(button) {
    this.choose(button);
    if (!button || !this.at) return;
    this.show(this.at.row, this.at.column);
    this.part.large.showModal();
    this.part.scrub.focus();
  }

  /** @param {number} row @param {number} column */
  show(row, column) {
    const { of, photo, mask, matte, after, scrub } = this.part;
    const { epochs, best, rows } = this.strip;
    const shown = rows[row];
    if (!shown) return;
    this.at = { row, column };
    of.textContent = shown.photo;
    photo.src = `/pictures/${shown.image}`;
    mask.src = `/pictures/${shown.mask}`;
    if (shown.mattes[column]) matte.src = `/pictures/${shown.mattes[column]}`;
    after.textContent = `Matte after epoch ${epochs[column]}${epochs[column] === best ? ", the best" : ""}`;
    scrub.max = epochs.length - 1;
    scrub.value = column;
    scrub.setAttribute("aria-valuetext", `epoch ${epochs[column]}`);
  }
}

/** The button that an event is on. @param {Event} event */
const buttonOf = ({ target }) => (target instanceof Element ? target.closest("button") : null);

/** @type {WeakMap<ShadowRoot, Film>} */
const films = new WeakMap(); // by the root they are drawn in; they outlive reruns

/** @param {ComponentArguments<Strip>} page */
export default function ({ data, parentElement }) {
  const film = films.get(parentElement) ?? new Film();
  if (!films.has(parentElement)) film.mount(parentElement);
  films.set(parentElement, film);
  film.update(data);
  return () => {
    film.unmount();
    films.delete(parentElement);
  };
}
