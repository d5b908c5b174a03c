// What the deck and the painter share: asking our routes, the tint of a mask, keys, and when a picture was presented.

export const SIDE = 512;
const CAPTION = 66; // its height on the page
// Azure: no natural hair has it, and red-green blindness keeps it apart from brown, blond, red and grey.
export const FILL = [0, 132, 255, 92];
export const EDGE = [120, 225, 255, 255];

/** Ask one of our routes. Throws an Error with `status` (0 when the network is down) and the server's sentence. */
export async function ask(path, token, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Winnow-Token": token },
      body: JSON.stringify(body),
    });
  } catch {
    throw Object.assign(new Error("Winnow can't be reached just now."), { status: 0 });
  }
  const said = await response.json().catch(() => null);
  if (response.ok && said) return said;
  const sentence = said?.error ?? `Winnow answered with an error (${response.status}).`;
  throw Object.assign(new Error(sentence), { status: response.status });
}

/** A stored picture, decoded. Throws when it is missing. */
export async function bitmap(sha256) {
  const response = await fetch(`/pictures/${sha256}`);
  if (!response.ok) throw Object.assign(new Error("This picture is missing from the store."), { missing: response.status < 500 });
  return createImageBitmap(await response.blob());
}

/** A mask picture as one byte a pixel, 0 or 1, `side` pixels square. */
export function maskBytes(picture, side = SIDE) {
  const context = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, side, side);
  const rgba = context.getImageData(0, 0, side, side).data;
  const mask = new Uint8Array(side * side);
  for (let i = 0; i < mask.length; i++) mask[i] = rgba[4 * i] >= 128 ? 1 : 0;
  return mask;
}

/** The tint of a mask within a box: a fill, translucent as a rule, and a line along the inside of its edge. */
export function tintOf(mask, left = 0, top = 0, right = SIDE, bottom = SIDE, colours = [FILL, EDGE], side = SIDE) {
  const tint = new ImageData(right - left, bottom - top);
  const pixels = new Uint32Array(tint.data.buffer);
  const [fill, edge] = colours.map((colour) => new Uint32Array(new Uint8Array(colour).buffer)[0]);
  for (let y = top, at = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, at++) {
      const i = y * side + x;
      if (!mask[i]) continue;
      const inner =
        (x === 0 || mask[i - 1]) && (x === side - 1 || mask[i + 1]) &&
        (y === 0 || mask[i - side]) && (y === side - 1 || mask[i + side]);
      pixels[at] = inner ? fill : edge;
    }
  }
  return tint;
}

/** Whether a key belongs to somebody else: a text field, a shortcut of the browser, a button that has the focus. */
export function isTheirs(event, root) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (target.closest("textarea, select, [contenteditable=''], [contenteditable=true], [role=textbox], [role=dialog], dialog")) return true;
  if (target.matches("input:not([type=range])")) return true;
  // Enter and Space press a button of ours that was reached with Tab; anywhere else they are shortcuts.
  const presses = event.key === "Enter" || event.key === " ";
  return presses && target.matches("button, a, summary") && target.getRootNode() === root && target.matches(":focus-visible");
}

/** The moment the frame being drawn has been handed over, in performance.now() time. */
export function presented() {
  return new Promise((done) => {
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => done(performance.now());
      channel.port2.postMessage(0); // runs after the frame that this callback belongs to
    });
  });
}

/** Make the picture as large as the window leaves room for, with what must stand below it; again whenever the window changes. */
export function fitted(bench, frame, signal, below = () => CAPTION) {
  const fit = () => {
    let top = frame.getBoundingClientRect().top;
    for (let part = bench; part; part = part.parentElement ?? part.getRootNode().host) top += part.scrollTop; // unscrolled
    const room = Math.min(window.innerHeight * 0.8, window.innerHeight - top - below());
    bench.style.setProperty("--side", `${Math.max(300, room)}px`);
  };
  window.addEventListener("resize", fit, { signal });
  for (const wait of [0, 300, 1500]) setTimeout(() => signal.aborted || fit(), wait); // what is above may still grow
  fit();
}

/** The parts of a component by their `data-part`. */
export function partsOf(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
}

/** The button with a `data-do` that a click is on, if any. A mouse leaves no focus behind that Space would press again. */
export function clicked(event) {
  const button = event.target.closest?.("button[data-do]");
  if (button && event.detail) button.blur();
  return button;
}

export const formatted = (number) => number.toLocaleString("en-US");

/** Values in a browser storage ("localStorage" or "sessionStorage") under a prefix, each an entry of its own. */
export class Shelf {
  constructor(storage, prefix) {
    this.prefix = prefix;
    try {
      this.storage = window[storage];
    } catch {} // storage may be forbidden, or full later: then things live as long as the page
  }

  all() {
    const keys = Object.keys(this.storage ?? {}).filter((key) => key.startsWith(this.prefix));
    return keys.map((key) => this.get(key.slice(this.prefix.length))).filter((value) => value !== null);
  }

  /** The value of that name; null where there is none, or none that can be read. */
  get(name) {
    try {
      return JSON.parse(this.storage?.getItem(this.prefix + name) ?? null);
    } catch {
      return null;
    }
  }

  put(name, value) {
    try {
      this.storage?.setItem(this.prefix + name, JSON.stringify(value));
    } catch {}
  }

  drop(names) {
    for (const name of names) this.storage?.removeItem(this.prefix + name);
  }
}

/** A name that nothing else has: 128 random bits. crypto.randomUUID is there on https and localhost alone. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Sorts what has an `order` of [time, count], oldest first. */
export const byOrder = (a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1];
