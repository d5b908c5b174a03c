// The film strip. A rerun brings more epochs: what is there stays as it is, and a strip that was at its end stays at its end.

import { partsOf } from "../shared.js";

class Film {
  constructor() {
    this.cells = new Map(); // by example and epoch, so that a picture on screen is never fetched or drawn again
    this.at = null; // row and column of what is, or was last, chosen
  }

  mount(root) {
    this.root = root;
    this.part = partsOf(root);
    this.leave = new AbortController();
    const { signal } = this.leave;
    const { body, large, scrub, close } = this.part;
    body.addEventListener("click", (event) => this.open(event.target.closest("button")), { signal });
    body.addEventListener("keydown", (event) => this.key(event), { signal });
    body.addEventListener("focusin", (event) => this.choose(event.target.closest("button")), { signal });
    scrub.addEventListener("input", () => this.show(this.at.row, Number(scrub.value)), { signal });
    close.addEventListener("click", () => large.close(), { signal });
    large.addEventListener("click", (event) => event.target === large && large.close(), { signal });
    large.addEventListener("close", () => this.button(this.at)?.focus(), { signal });
  }

  unmount() {
    this.leave.abort();
  }

  update(strip) {
    const said = JSON.stringify(strip);
    if (said === this.said) return;
    this.said = said;
    const { reel, head, body, large } = this.part;
    const atEnd = reel.scrollLeft + reel.clientWidth >= reel.scrollWidth - 8;
    const hadFocus = body.contains(body.getRootNode().activeElement);
    const chosen = this.at ? strip.epochs.indexOf(this.strip.epochs[this.at.column]) : -1;
    this.strip = strip;
    const corner = Object.assign(document.createElement("td"), { textContent: "" });
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

  title(epoch) {
    const title = Object.assign(document.createElement("th"), { scope: "col", textContent: epoch });
    if (epoch !== this.strip.best) return title;
    title.textContent = `${epoch} best`;
    title.dataset.best = "";
    return title;
  }

  row(row, at) {
    const line = document.createElement("tr");
    const photo = document.createElement("th");
    photo.scope = "row";
    photo.append(this.picture(`photo-${row.example}`, `${row.image}?side=192`, row.photo));
    line.append(photo, ...row.mattes.map((matte, column) => this.cell(row, matte, at, column)));
    return line;
  }

  cell(row, matte, at, column) {
    const cell = document.createElement("td");
    if (!matte) return cell;
    const epoch = this.strip.epochs[column];
    const button = document.createElement("button");
    Object.assign(button.dataset, { row: at, column });
    button.append(this.picture(`${row.example}-${epoch}`, matte, `${row.photo}, matte after epoch ${epoch}`));
    cell.append(button);
    if (epoch === this.strip.best) cell.dataset.best = "";
    return cell;
  }

  picture(key, address, alt) {
    if (!this.cells.has(key)) {
      this.cells.set(key, Object.assign(document.createElement("img"), { loading: "lazy", src: `/pictures/${address}`, alt }));
    }
    return this.cells.get(key);
  }

  // --- one of them -------------------------------------------------------------------------------------------------

  button({ row, column }) {
    return this.part.body.querySelector(`button[data-row="${row}"][data-column="${column}"]`);
  }

  /** One stop for Tab in the whole strip: the chosen matte. */
  rove() {
    for (const button of this.part.body.querySelectorAll("button")) button.tabIndex = -1;
    const chosen = this.button(this.at) ?? this.part.body.querySelector("button");
    if (chosen) chosen.tabIndex = 0;
  }

  choose(button) {
    if (!button) return;
    this.at = { row: Number(button.dataset.row), column: Number(button.dataset.column) };
    this.rove();
  }

  key(event) {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const next = by && this.button({ row: this.at.row + by[0], column: this.at.column + by[1] });
    if (by) event.preventDefault();
    if (next) next.focus();
  }

  open(button) {
    if (!button) return;
    this.choose(button);
    this.show(this.at.row, this.at.column);
    this.part.large.showModal();
    this.part.scrub.focus();
  }

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

const films = new WeakMap(); // by the element it is drawn in; outlives reruns

export default function ({ data, parentElement }) {
  if (!films.has(parentElement)) {
    const film = new Film();
    film.mount(parentElement);
    films.set(parentElement, film);
  }
  const mine = films.get(parentElement);
  mine.update(data);
  return () => {
    mine.unmount();
    films.delete(parentElement);
  };
}
