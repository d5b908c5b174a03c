// What the deck and the grid share: why an example is rejected, and for how long a page holds what it was dealt.

const REASONS = ["no_face", "not_hair", "hair_missing", "spills_over", "too_coarse", "bad_photo"]; // keys 1 to 6
const REASON_WORDS = {
  no_face: "no face", not_hair: "not hair", hair_missing: "hair missing", spills_over: "spills over",
  too_coarse: "too coarse", bad_photo: "bad photo", unsaid: "no reason given",
};
const RENEW_MS = 4 * 60 * 1000; // leases last ten minutes
const POLL_MS = 15000; // who has nothing left looks again
const HELD = 2000; // the server reads no longer a list

/** The element that has the focus, also inside a component; null where none has. */
function focusedElement() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element === document.body ? null : element;
}

/**
 * Says of a key whether a widget of the page, outside `root`, wants it: one that was reached with Tab keeps the keys that
 * press and move it. One that was clicked gives them back, so that Space skips also after a click on the page's controls.
 */
function widgetKeys(root, heard) {
  const wanted = ["Enter", " ", "Home", "End", "Escape", "Backspace", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  let reached = false;
  const look = () => {
    const focused = focusedElement();
    reached = focused?.matches(":is(a, button, summary, [role]):focus-visible") && focused.getRootNode() !== root;
  };
  document.addEventListener("focusin", look, heard);
  document.addEventListener("focusout", () => (reached = false), heard);
  look();
  return (key) => reached && wanted.includes(key);
}
