// @ts-check
// The last ten pictures, small, each with what was decided; and the signs of the verdicts.

import { made } from "../shared.js";

const SIDE = 96; // pixels of a still
const TINTED = 0.4; // opacity of its mask
const SVG = "http://www.w3.org/2000/svg";
/** @type {Record<string, string>} */
const SIGNS = {
  keep: "M4 12.5 9.5 18 20 6.5",
  fix: "M20 4 11 13M9 14c-2 0-3 1.5-3 3 0 1.2-.9 2-2.5 2.2C4.6 20 6 20.5 7.5 20.5 10 20.5 12 19 12 17s-1.2-3-3-3Z",
  reject: "M5 5 19 19M19 5 5 19",
  skip: "M5 5 12 12 5 19M12 5 19 12 12 19",
  undo: "M9 4 4 9 9 14M4 9h10a5.5 5.5 0 0 1 0 11h-4",
};

/** @import { Picture } from "../looks.js" */

/** The sign of what was done, as a drawing. @param {string} did */
export function signOf(did) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SIGNS[did]);
  svg.append(path);
  return svg;
}

/** What lies behind, oldest first: each card once, with what was done last. @param {Entry[]} entries oldest first @param {number} count */
export function lookedAt(entries, count) {
  const found = new Map();
  for (const entry of entries.toReversed()) {
    if (found.size === count) break;
    if (!found.has(entry.card.example)) found.set(entry.card.example, entry);
  }
  return /** @type {Entry[]} */ ([...found.values()].reverse());
}

export class Strip {
  /** @param {HTMLElement} element @param {(entry: Entry) => string} says what was done with a card, in words */
  constructor(element, says) {
    this.element = element;
    this.says = says;
    /** @type {Map<string, {button: HTMLButtonElement, drawn: Picture | undefined}>} */
    this.stills = new Map(); // by client id
  }

  /** @param {Entry[]} entries @param {Entry | null} current @param {(example: number) => Picture | undefined} pictureOf */
  show(entries, current, pictureOf) {
    const before = this.stills;
    this.stills = new Map(entries.map((entry) => [entry.client_id, before.get(entry.client_id) ?? { button: this.still(entry), drawn: undefined }]));
    const buttons = [...this.stills.values()].map(({ button }) => button);
    const { children } = this.element;
    const focused = /** @type {HTMLElement | null} */ (this.element.querySelector(":focus"));
    for (const button of [...children]) if (!buttons.some((one) => one === button)) button.remove();
    for (const [at, button] of buttons.entries()) {
      if (children[at] !== button) this.element.insertBefore(button, children[at] ?? null); // the others keep the focus
    }
    if (focused && !focused.isConnected) buttons.find(({ dataset }) => dataset.example === focused.dataset.example)?.focus(); // judged again
    for (const entry of entries) {
      const still = this.stills.get(entry.client_id);
      const picture = pictureOf(entry.card.example);
      if (!still) continue;
      if (entry === current) still.button.setAttribute("aria-current", "true");
      else still.button.removeAttribute("aria-current");
      if (picture?.photo && still.drawn !== picture) draw(still.button, (still.drawn = picture));
    }
  }

  /** @param {Entry} entry */
  still(entry) {
    const title = `${entry.card.photo}: ${this.says(entry)}`;
    const button = made("button", { className: "still", value: entry.client_id, title });
    button.setAttribute("aria-label", title);
    Object.assign(button.dataset, { do: "look", did: entry.did, example: entry.card.example });
    const mark = made("span", { className: "sign" });
    mark.append(signOf(entry.did));
    button.append(made("canvas", { width: SIDE, height: SIDE }), mark);
    return button;
  }
}

/** @param {HTMLElement} button @param {Picture} picture */
function draw(button, { photo, alpha }) {
  const context = button.querySelector("canvas")?.getContext("2d");
  if (!context || !photo || !alpha) return;
  context.globalAlpha = 1;
  context.drawImage(photo, 0, 0, SIDE, SIDE);
  context.globalAlpha = TINTED;
  context.drawImage(alpha, 0, 0, SIDE, SIDE);
}
