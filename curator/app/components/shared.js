// @ts-check
// What all components share: asking our routes, pictures and the tint of a mask, keys, storage.

const CAPTION = 66; // CSS pixels, the height of a caption
/** A hatch that the photo shows through: its lines, and what lies between them. @type {Colour[]} */
const HATCH = [[216, 216, 216, 190], [112, 112, 112, 150]];
const HATCH_STEP = 8; // pixels from one line to the next, a quarter of them the line

/**
 * An error of a route or a picture: `status` is the HTTP status, 0 when no answer of Winnow’s came: the network is down, or a
 * proxy answered. The message is for people; what a page does about it depends on the status and the code.
 */
export class RouteError extends Error {
  /** @param {string} message @param {number} status @param {string} [code] of a route's answer */
  constructor(message, status, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether it is of this kind. @param {ErrorCode} code */
  is(code) {
    return this.code === code;
  }

  /** Whether what was asked for is not there, so that asking again is of no use. */
  get missing() {
    return [400, 404, 409, 410, 422].includes(this.status);
  }
}

/**
 * Ask one of our routes; the answer's JSON. Throws a RouteError with the server's sentence.
 * @param {string} path @param {string} token @param {object} body
 * @returns {Promise<any>}
 */
export const ask = (path, token, body) => post(path, token, { "Content-Type": "application/json" }, JSON.stringify(body));

/**
 * As `ask`, with other headers, any body, and a signal that breaks it off.
 * @param {string} path @param {string} token @param {Record<string, string>} headers @param {BodyInit} body @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function post(path, token, headers, body, signal) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { ...headers, "X-Winnow-Token": token }, body, signal });
  } catch {
    throw new RouteError("Winnow cannot be reached right now.", 0);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  if (typeof answer?.error === "string") throw new RouteError(answer.error, response.status, answer.code);
  // A proxy's answer says nothing about what was asked, but for its size.
  throw new RouteError(`Winnow cannot be reached right now (${response.status}).`, response.status === 413 ? 413 : 0);
}

/**
 * Tell one of our routes something while the page is closing, which nobody waits for; up to 64 KiB.
 * @param {string} path @param {string} token @param {object} body
 */
export function tellLeaving(path, token, body) {
  const headers = { "Content-Type": "application/json", "X-Winnow-Token": token };
  fetch(path, { method: "POST", keepalive: true, headers, body: JSON.stringify(body) }).catch(() => {});
}

/**
 * A stored picture, decoded. Throws a RouteError when the store does not have it, or what it has is no picture.
 * @param {string} address its hash, and `?side=` for a smaller one
 */
export async function bitmap(address) {
  const missing = "This picture is missing from the store or damaged.";
  const response = await fetch(`/pictures/${address}`);
  if (!response.ok) throw new RouteError(missing, response.status);
  const blob = await response.blob();
  return createImageBitmap(blob).catch(() => {
    throw new RouteError(missing, 422);
  });
}

/**
 * A photo without a face and the tint of its mask, decoded; throws as `bitmap`.
 * @param {{submission: number, version: string}} photo @param {Tint} colours @param {number} [side] its longest, in pixels
 */
export async function wholePhoto({ submission, version }, colours, side) {
  const both = await bitmap(`aside/${submission}?v=${version}${side ? `&side=${side}` : ""}`); // the mask lies below the photo
  const [width, height] = [both.width, both.height / 2];
  const context = offscreen(width, both.height);
  context.drawImage(both, 0, 0);
  both.close();
  const mask = bytesOf(context.getImageData(0, height, width, height));
  const tint = offscreen(width, height);
  tint.putImageData(tintOf(mask, width, colours), 0, 0);
  return { photo: await createImageBitmap(context.canvas, 0, 0, width, height), tint: tint.canvas, mask, width, height };
}

/** @param {number} width @param {number} height */
export function offscreen(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser cannot draw off screen.");
  return context;
}

/**
 * A mask picture as one byte a pixel, 0 or 1.
 * @param {ImageBitmap} picture
 */
export function maskBytes(picture) {
  const context = offscreen(picture.width, picture.height);
  context.drawImage(picture, 0, 0);
  return bytesOf(context.getImageData(0, 0, picture.width, picture.height));
}

/**
 * Black and white as one byte a pixel: 1 where red is half and more.
 * @param {ImageData} painted
 */
export function bytesOf({ data }) {
  const mask = new Uint8Array(data.length / 4);
  for (let i = 0; i < mask.length; i++) mask[i] = data[4 * i] >= 128 ? 1 : 0;
  return mask;
}

/**
 * The tint of a mask within a box: a fill, translucent as a rule, and a line along the inside of its edge, one pixel wide.
 * The picture's border is no edge. curator/pictures/tint.py holds the colours; tests/vectors/tint.json binds the two.
 * @param {Uint8Array} mask 0 or 1 a pixel, row by row
 * @param {number} width pixels of a row
 * @param {Tint} colours
 * @param {{left: number, top: number, right: number, bottom: number}} [box] pixels, ends exclusive; all of it when left out
 */
export function tintOf(mask, width, { fill, edge }, box) {
  const height = mask.length / width;
  const { left, top, right, bottom } = box ?? { left: 0, top: 0, right: width, bottom: height };
  const tint = new ImageData(right - left, bottom - top);
  const pixels = new Uint32Array(tint.data.buffer);
  const [filled, edged] = [fill, edge].map((colour) => new Uint32Array(new Uint8Array(colour).buffer)[0]);
  for (let y = top, at = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, at++) {
      const i = y * width + x;
      if (!mask[i]) continue;
      const inner =
        (x === 0 || mask[i - 1]) && (x === width - 1 || mask[i + 1]) &&
        (y === 0 || mask[i - width]) && (y === height - 1 || mask[i + width]);
      pixels[at] = inner ? filled : edged;
    }
  }
  return tint;
}

/**
 * A picture with the grey hatch over every pixel of which a source says nothing.
 * @param {ImageData} picture changed in place @param {Uint8Array} unknown 0 or 1 a pixel, row by row @param {number} width pixels of a row
 */
export function hatched(picture, unknown, width) {
  const pixels = new Uint32Array(picture.data.buffer);
  const [line, between] = HATCH.map((colour) => new Uint32Array(new Uint8Array(colour).buffer)[0]);
  for (let i = 0; i < unknown.length; i++) {
    if (unknown[i]) pixels[i] = ((i % width) + Math.floor(i / width)) % HATCH_STEP < HATCH_STEP / 4 ? line : between;
  }
  return picture;
}

/**
 * An element of that kind with these properties.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} kind @param {Partial<HTMLElementTagNameMap[K]>} properties
 */
export function made(kind, properties) {
  return Object.assign(document.createElement(kind), properties);
}

/**
 * Where an element begins below the top of the page, in CSS pixels, were nothing scrolled.
 * @param {Element} element
 */
export function topOf(element) {
  const around = (/** @type {Element} */ part) => part.parentElement ?? /** @type {ShadowRoot} */ (part.getRootNode()).host;
  let { top } = element.getBoundingClientRect();
  for (let part = around(element); part; part = around(part)) top += part.scrollTop;
  return top;
}

/**
 * Make the picture as large as the window leaves room for; again whenever the window changes.
 * @param {HTMLElement} bench gets the size as `--side`
 * @param {HTMLElement} frame the picture
 * @param {AbortSignal} signal
 * @param {() => number} below CSS pixels of what must be seen below the picture
 * @param {number} most the share of the window's height that the picture may take
 */
export function fitted(bench, frame, signal, below = () => CAPTION, most = 0.8) {
  const fit = () => {
    const top = topOf(frame);
    const room = Math.min(window.innerHeight * most, window.innerHeight - top - below());
    bench.style.setProperty("--side", `${Math.max(300, room)}px`);
  };
  window.addEventListener("resize", fit, { signal });
  for (const wait of [0, 300, 1500]) setTimeout(() => signal.aborted || fit(), wait); // what is above may still grow
  fit();
}

/**
 * The parts of a component by their `data-part`.
 * @param {ParentNode} root
 * @returns {Record<string, any>}
 */
export function partsOf(root) {
  const parts = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-part]")]);
  return Object.fromEntries(parts.map((part) => [part.dataset.part, part]));
}

/**
 * The button with a `data-do` that was clicked, if any. One that was clicked with a mouse loses the focus: Space must not
 * press it again.
 * @param {MouseEvent} event
 * @returns {HTMLButtonElement | null}
 */
export function clicked(event) {
  const target = /** @type {Element} */ (event.target);
  const button = /** @type {HTMLButtonElement | null} */ (target.closest("button[data-do]"));
  if (button && event.detail) button.blur();
  return button;
}

/** A number as people read it: "12,345". @param {number} number */
export const formatted = (number) => number.toLocaleString("en-US");

/** "1 mask", "2,000 masks". @param {number} count @param {string} one @param {string} many */
export const counted = (count, one, many) => `${formatted(count)} ${count === 1 ? one : many}`;

/**
 * A name that may be too long, without its middle: "IMG_2024-05…-final.jpg". The end of a file's name says the most.
 * @param {string} name @param {number} most characters
 */
export function cutInMiddle(name, most = 28) {
  const characters = [...name];
  if (characters.length <= most) return name;
  const end = Math.floor((most - 1) / 2);
  return `${characters.slice(0, most - 1 - end).join("")}…${characters.slice(-end).join("")}`;
}

/** A time of this day: "16:40". @param {number} ms since the epoch */
export const clockTime = (ms) => new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Values in a browser storage under a prefix, each an entry of its own. */
export class Shelf {
  /** @param {"localStorage" | "sessionStorage"} storage @param {string} prefix */
  constructor(storage, prefix) {
    this.prefix = prefix;
    try {
      this.storage = window[storage];
    } catch {
      // A browser may forbid storage: then values live as long as the page.
    }
  }

  /** @returns {any[]} every value that can be read */
  all() {
    const keys = Object.keys(this.storage ?? {}).filter((key) => key.startsWith(this.prefix));
    return keys.map((key) => this.get(key.slice(this.prefix.length))).filter((value) => value !== null);
  }

  /**
   * The value of that name; null where there is none, or none that can be read.
   * @param {string} name
   */
  get(name) {
    try {
      return JSON.parse(this.storage?.getItem(this.prefix + name) ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {string} name @param {unknown} value */
  put(name, value) {
    try {
      this.storage?.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      // The storage is full: this value lives as long as the page.
    }
  }

  /** @param {string[]} names */
  drop(names) {
    for (const name of names) this.storage?.removeItem(this.prefix + name);
  }
}

/** A new name: 128 random bits. (crypto.randomUUID exists on https and localhost only.) */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Sorts by `order`, oldest first. @param {{order: Order}} a @param {{order: Order}} b */
export const byOrder = (a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1];
