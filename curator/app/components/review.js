// What the deck and the grid share: words, counts, the keys of the page around them, and how they come and go.

import { formatted } from "./shared.js";

export const REASONS = ["no_face", "not_hair", "hair_missing", "spills_over", "too_coarse", "bad_photo"]; // keys 1 to 6
export const REASON_WORDS = {
  no_face: "no face", not_hair: "not hair", hair_missing: "hair missing", spills_over: "spills over",
  too_coarse: "too coarse", bad_photo: "bad photo", unsaid: "no reason given",
};
export const POLL_MS = 15000; // who has nothing left looks again

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
export function widgetKeys(root, heard) {
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

/** How doubtful a card is, in words and as a number. */
export function doubtInWords({ suspicion }) {
  const level = suspicion >= 0.66 ? "Doubtful" : suspicion >= 0.33 ? "Look twice" : "Looks right";
  return `${level} · ${suspicion.toFixed(2)}`;
}

/** What one reviewer said: "Ada: rejected (spills over)". */
export function opinionInWords({ reviewer, decision, reason }) {
  return `${reviewer}: ${decision === "keep" ? "kept" : "rejected"}${reason ? ` (${REASON_WORDS[reason]})` : ""}`;
}

/** Why there is no card: a title and a sentence. `others` have some in hand; `last` is what U takes back. */
export function nothingLeft(others, whole, last) {
  if (others) return ["Nothing left for you just now", "The rest is in other reviewers' hands. What they leave comes to you by itself."];
  return ["Nothing left to review", `${whole ? "Every picture has a verdict" : "You have seen all that you asked for"}. U takes ${last} back.`];
}

/** Whether what is wanted is the whole queue, and no second look. */
export const isQueue = ({ show = "open", reason, reviewer }) => show === "open" && !reason && !reviewer;

/** Draw the counts, where there are any yet, and what is not saved. */
export function drawCounts(at, section, outbox, tally) {
  const says = outbox.says();
  section.dataset.unsaved = String(outbox.items.length);
  at.unsaved.hidden = !says;
  if (at.unsaved.textContent !== says) at.unsaved.textContent = says; // said once, not at every count
  at.dismiss.hidden = !outbox.refused.length;
  if (!tally) return;
  const { keep, reject, open, left } = tally;
  const share = (part) => `${(100 * part) / Math.max(1, keep + reject + open)}%`;
  at.left.textContent = formatted(left);
  at.kept.textContent = formatted(keep);
  at.rejected.textContent = formatted(reject);
  at.barKept.style.width = share(keep);
  at.barRejected.style.width = share(reject);
  at.bar.setAttribute("aria-label", `${keep} kept, ${reject} rejected, ${left} left`);
}

/**
 * What Streamlit calls on every run of the page. A rerun leaves the component as it is; for another reviewer, or where
 * something else is wanted, a new `Kind` takes its place.
 */
export function lasting(Kind) {
  let one = null; // outlives reruns
  return ({ data, parentElement, setTriggerValue }) => {
    const same = (name) => JSON.stringify(one[name]) === JSON.stringify(data[name]);
    if (!one || one.root !== parentElement || !["reviewer", "wanted", "lead"].every(same)) {
      one?.unmount();
      one = new Kind(data, () => setTriggerValue("renew", true));
      one.mount(parentElement);
    }
    one.outbox.use(data.token);
    const mine = one;
    return () => {
      mine.unmount();
      if (one === mine) one = null;
    };
  };
}
