// @ts-check
// Whom a key press is for: a component, or the page and the browser around it. One rule for all components.

const PRESS_KEYS = ["Enter", " "];
const MOVE_KEYS = ["Home", "End", "PageUp", "PageDown", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const LEAVE_KEYS = ["Escape", "Backspace"];
const TEXT_PARTS = // a dialog that was closed keeps the focus until the page is drawn again
  "textarea, select, [contenteditable=''], [contenteditable=true], [role=textbox], [role=dialog], dialog[open], " +
  "input:not([type=range], [type=checkbox], [type=radio], [type=button], [type=color])";

/**
 * What has the focus: `text` takes what is typed; a `button`, a `slider` of the component and a `widget` of the page around it
 * were reached with Tab; everything else is `nothing` to the rule.
 * @typedef {"text" | "button" | "slider" | "widget" | "nothing"} Focus
 */

/** The keys that it keeps for itself. @type {Record<Exclude<Focus, "text">, string[]>} */
const KEEPS = { button: PRESS_KEYS, slider: MOVE_KEYS, widget: [...PRESS_KEYS, ...MOVE_KEYS, ...LEAVE_KEYS], nothing: [] };

/**
 * Whether a key is for something else than a component: the browser's shortcuts and Tab always are, and what is typed into
 * a text; what presses and moves a widget is where Tab has reached it. One that was clicked lets the component have them:
 * Space skips even after a click on the page's controls.
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "isComposing">} press
 * @param {Focus} focus
 */
export function isElsewhere({ key, ctrlKey, metaKey, altKey, isComposing }, focus) {
  if (ctrlKey || metaKey || altKey || isComposing || key === "Tab") return true;
  return focus === "text" || KEEPS[focus].includes(key);
}

/**
 * What an element that has the focus is to the rule.
 * @param {EventTarget | undefined} target @param {Node} root the component's @param {boolean} reached with Tab
 * @returns {Focus}
 */
function focusOf(target, root, reached) {
  if (!(target instanceof Element)) return "nothing";
  if (target.closest(TEXT_PARTS)) return "text";
  if (!reached) return "nothing";
  if (target.getRootNode() !== root) return target.matches("a, button, summary, input, [role]") ? "widget" : "nothing";
  if (target.matches("[type=range]")) return "slider";
  return target.matches("a, button, summary, input") ? "button" : "nothing"; // a canvas or a tile: the keys are about it
}

/**
 * Whether a key press is the shortcut for undo, Ctrl+Z or Command+Z, outside of a text.
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey" | "repeat" | "composedPath">} event
 */
export function isUndo(event) {
  if (event.key.toLowerCase() !== "z" || event.ctrlKey === event.metaKey || event.altKey || event.shiftKey || event.repeat) return false;
  const target = event.composedPath()[0];
  return !(target instanceof Element && target.closest(TEXT_PARTS));
}

/** The element that has the focus, even inside a component; null when there is none. */
function focusedElement() {
  /** @type {Element | null} */
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element === document.body ? null : element;
}

/**
 * Answers whether a key press is for something else than the component. It follows the focus, because a browser shows it
 * with the next key also on what was clicked.
 * @param {ShadowRoot} root the component's @param {AbortSignal} signal
 * @returns {(event: KeyboardEvent) => boolean}
 */
export function keysElsewhere(root, signal) {
  let reached = false;
  const look = () => (reached = Boolean(focusedElement()?.matches(":focus-visible")));
  for (const part of [document, root]) { // what happens within the component does not reach the document
    part.addEventListener("focusin", look, { signal });
    part.addEventListener("focusout", () => (reached = false), { signal });
  }
  look();
  return (event) => isElsewhere(event, focusOf(event.composedPath()[0], root, reached));
}
