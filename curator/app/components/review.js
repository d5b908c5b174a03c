// @ts-check
// What the deck and the grid share: words, counts, the keys of the page around them, and how they come and go.

import { formatted, made } from "./shared.js";

export const POLL_MS = 15000; // a page with nothing left asks again
export const LEFT_OUT = "grey: unknown, left out"; // of pixels of which a source says nothing

/**
 * Draw a button for each reason that has a key, and in the list of keys the first and the last of these keys.
 * @param {Record<string, any>} at the parts of the page @param {Reason[]} reasons
 */
export function offerReasons(at, reasons) {
  const kbd = (/** @type {string | null} */ key) => made("kbd", { textContent: key ?? "" });
  const keyed = reasons.filter(({ key }) => key);
  for (const button of at.reasonButtons.querySelectorAll("[data-reason]")) button.remove(); // of the deck before this one
  for (const { name, label, key } of keyed) {
    const button = made("button", { textContent: `${label} ` });
    Object.assign(button.dataset, { do: name, reason: name });
    button.append(kbd(key));
    at.reasonButtons.append(button);
  }
  at.reasonKeys.replaceChildren(kbd(keyed[0].key), " … ", kbd(keyed[keyed.length - 1].key));
}

/** The keys of reasons: {"1": "no_face", ...}. @param {Reason[]} reasons @returns {Record<string, string>} */
export const keysOf = (reasons) => Object.fromEntries(reasons.flatMap(({ name, key }) => (key ? [[key, name]] : [])));

/** What was done with a card, within a sentence. */
export const DONE = { keep: "kept", fix: "to be fixed", reject: "rejected", skip: "skipped" };

/** A verdict on a card, for the outbox. @param {Card} card @param {Decision} decision */
export const verdictOn = ({ example, photo, mask, repaired_by }, decision) => ({
  example, photo, mask, decision, from: repaired_by ? "repaired" : "open",
});

/** What takes a verdict on a card back. @param {Card} card @param {Decision} decision */
export const undoOf = ({ example, photo, repaired_by }, decision) => ({
  example, photo, decision: /** @type {const} */ ("undo"), from: decision, to: repaired_by ? "repaired" : "open",
});

/**
 * Whether a verdict on a card is a lead's last word: where others disagree, and on the lead's own repair.
 * @param {{lead: boolean, wanted: Wanted, outbox: import("./outbox.js").Outbox}} page @param {Card} card
 */
export const settlesIt = ({ lead, wanted, outbox }, { repaired_by }) =>
  lead && (wanted.show === "disputed" || repaired_by === outbox.reviewer);

/** A reason within a sentence: "spills over". @param {Reason[]} reasons @param {string} name */
export const reasonInWords = (reasons, name) => reasons.find((reason) => reason.name === name)?.label.toLowerCase() ?? name;

/** How doubtful a card is, in words and as a number. @param {Card} card */
export function doubtInWords({ suspicion }) {
  const level = suspicion >= 0.66 ? "Doubtful" : suspicion >= 0.33 ? "Look twice" : "Looks right";
  return `${level} · ${suspicion.toFixed(2)}`;
}

/**
 * The verdicts of others on a card: ["Ada: kept", "Bo: rejected (spills over)"].
 * @param {Card} card @param {Reason[]} reasons
 */
export function opinionsInWords({ opinions = [] }, reasons) {
  return opinions.map(({ reviewer, decision, reason }) => {
    const why = reason ? ` (${reasonInWords(reasons, reason)})` : "";
    return `${reviewer}: ${DONE[decision]}${why}`;
  });
}

/**
 * Why there is no card: a title and a sentence.
 * @param {boolean} others whether other reviewers have some in hand
 * @param {boolean} whole whether nothing was filtered out
 * @param {string} last what U undoes
 */
export function nothingLeft(others, whole, last) {
  if (others) return ["Nothing left for you right now", "Other reviewers have the rest. What they do not finish comes to you automatically."];
  const seen = whole ? "Every picture has a verdict" : "You have seen everything that matches your filters";
  return ["Nothing left to review", `${seen}. Press U to undo ${last}.`];
}

/** Whether the whole queue is wanted, and no second look. @param {Wanted} wanted */
export const isQueue = ({ show = "open", reason, reviewer }) => show === "open" && !reason && !reviewer;

/**
 * Draw the counts, once there are any, and what is not saved.
 * @param {Record<string, any>} at the parts of the page @param {HTMLElement} section
 * @param {import("./outbox.js").Outbox} outbox @param {Counts | null} tally
 */
export function drawCounts(at, section, outbox, tally) {
  const says = outbox.says();
  section.dataset.unsaved = String(outbox.items.length);
  at.unsaved.hidden = !says;
  if (at.unsaved.textContent !== says) at.unsaved.textContent = says; // or a screen reader would repeat it at every count
  at.dismiss.hidden = !outbox.refused.length;
  if (!tally) return;
  const { keep, fix, repaired, reject, open, left } = tally;
  const share = (/** @type {number} */ part) => `${(100 * part) / Math.max(1, keep + fix + repaired + reject + open)}%`;
  at.left.textContent = formatted(left);
  at.kept.textContent = formatted(keep);
  at.fixed.textContent = formatted(fix);
  at.rejected.textContent = formatted(reject);
  at.barKept.style.width = share(keep);
  at.barFixed.style.width = share(fix);
  at.barRejected.style.width = share(reject);
  at.bar.setAttribute("aria-label", `${keep} kept, ${fix} to be fixed, ${reject} rejected, ${left} left`);
}

/**
 * A page that outlives reruns, such as the deck.
 * @typedef {object} Lasting
 * @property {(root: ShadowRoot) => void} mount
 * @property {() => void} unmount
 * @property {import("./outbox.js").Outbox} outbox
 */

/**
 * What Streamlit calls on every run of the page. A rerun leaves the component as it is; for another reviewer, or when
 * something else is wanted, a new `Kind` takes its place.
 * @param {new (data: ReviewData, renew: () => void) => Lasting} Kind
 */
export function lasting(Kind) {
  /** @type {{page: Lasting, root: ShadowRoot, of: string} | null} */
  let one = null; // outlives reruns
  return (/** @type {ComponentArguments<ReviewData>} */ { data, parentElement, setTriggerValue }) => {
    const of = JSON.stringify([data.reviewer, data.wanted, data.lead]);
    if (one?.root !== parentElement || one.of !== of) {
      one?.page.unmount();
      const page = new Kind(data, () => setTriggerValue("renew", true));
      one = { page, root: parentElement, of };
      page.mount(parentElement);
    }
    one.page.outbox.use(data.token);
    const mine = one;
    return () => {
      mine.page.unmount();
      if (one === mine) one = null;
    };
  };
}
