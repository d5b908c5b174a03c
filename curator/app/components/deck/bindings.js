// @ts-check
// Which key of the deck does what, and how a reviewer changes that; this browser remembers it.

/** What a key does: its name, the keys that do it unless they are changed, and words for the list. @typedef {{act: string, keys: string[], does: string}} Act */
/** The key that a reviewer chose instead, by act. @typedef {Record<string, string>} Changes */

/** @type {Act[]} */
const BEFORE_REASONS = [
  { act: "keep", keys: ["k", "a"], does: "Keep" },
  { act: "fix", keys: ["f"], does: "Fix: not good enough to keep, but worth repairing" },
  { act: "reject", keys: ["x"], does: "Reject" },
];
/** @type {Act[]} */
const AFTER_REASONS = [
  { act: "skip", keys: [" "], does: "Skip; it comes again at the end" },
  { act: "undo", keys: ["u", "Backspace"], does: "Undo the last verdict or skip; so does Ctrl+Z" },
  { act: "back", keys: ["ArrowLeft"], does: "Look again at the one before" },
  { act: "forth", keys: ["ArrowRight"], does: "And at the one after it" },
  { act: "large", keys: ["l"], does: "Only the picture, as large as the window; Esc leaves it" },
  { act: "view", keys: ["v"], does: "Next view: tint, outline, cut-out, side by side" },
  { act: "mask", keys: ["m"], does: "Show or hide the mask" },
  { act: "hide", keys: ["h"], does: "Hide the mask while held" },
  { act: "zoom", keys: ["z"], does: "Zoom to 2×, 4× and back" },
  { act: "fainter", keys: ["["], does: "Fainter mask" },
  { act: "stronger", keys: ["]"], does: "Stronger mask" },
  { act: "help", keys: ["?"], does: "This list" },
];
/** @type {Act} */
const GOLD = { act: "gold", keys: ["g"], does: "Make the last verdict a control example, or withdraw it" };
const WORDS = new Map([[" ", "Space"], ["ArrowLeft", "←"], ["ArrowRight", "→"], ["ArrowUp", "↑"], ["ArrowDown", "↓"]]);
const OTHERS = ["Backspace", "Delete", "Insert", "Home", "End", "PageUp", "PageDown", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

/** All that keys do. @param {Reason[]} reasons @param {boolean} lead @returns {Act[]} */
export function actsOf(reasons, lead) {
  const rejecting = reasons.flatMap(({ name, label, key }) => (key ? [{ act: name, keys: [key], does: `Reject: ${label.toLowerCase()}` }] : []));
  return [...BEFORE_REASONS, ...rejecting, ...AFTER_REASONS, ...(lead ? [GOLD] : [])];
}

/** A key as the page compares it: letters without case. @param {string} key */
export const plainKey = (key) => (key.length === 1 ? key.toLowerCase() : key);

/** A key as it is shown: "K", "Space", "←". @param {string} key */
export const keyInWords = (key) => WORDS.get(key) ?? (key.length === 1 ? key.toUpperCase() : key);

/** The keys of an act. @param {Act} act @param {Changes} changes */
export const keysOfAct = ({ act, keys }, changes) => (changes[act] ? [changes[act]] : keys);

/** What each key does; what was chosen goes before what was there. @param {Act[]} acts @param {Changes} changes @returns {Record<string, string>} */
export function boundKeys(acts, changes) {
  const chosen = (/** @type {Act} */ { act }) => Boolean(changes[act]);
  const sorted = [...acts.filter((act) => !chosen(act)), ...acts.filter(chosen)];
  return Object.fromEntries(sorted.flatMap((act) => keysOfAct(act, changes).map((key) => [key, act.act])));
}

/**
 * Why an act can't have a key, in a sentence; "" if it can.
 * @param {Act[]} acts @param {Changes} changes @param {string} act @param {string} key
 */
export function whyNot(acts, changes, act, key) {
  if ([...key].length !== 1 && !OTHERS.includes(key)) return `${keyInWords(key)} belongs to the browser. Choose another key.`;
  const taken = acts.find((other) => other.act === boundKeys(acts, changes)[key]);
  return taken && taken.act !== act ? `${keyInWords(key)} is taken: ${taken.does}. Choose another key, or change that one first.` : "";
}

/** Those changes that can be read from a browser's storage. @param {unknown} found @param {Act[]} acts @returns {Changes} */
export function readChanges(found, acts) {
  const entries = Object.entries(found && typeof found === "object" ? found : {});
  return Object.fromEntries(entries.filter(([act, key]) => typeof key === "string" && key && acts.some((one) => one.act === act)));
}
