// @ts-check
// What the deck and the grid share: words, counts, the keys of the page around them, and how they come and go.

import { clockTime, counted, formatted, made } from "./shared.js";

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
  at.reasonKeys?.replaceChildren(kbd(keyed[0].key), " … ", kbd(keyed[keyed.length - 1].key));
}

/** The keys of reasons: {"1": "no_face", ...}. @param {Reason[]} reasons @returns {Record<string, string>} */
export const keysOf = (reasons) => Object.fromEntries(reasons.flatMap(({ name, key }) => (key ? [[key, name]] : [])));

/** What was done with a card, within a sentence. */
export const DONE = { keep: "kept", fix: "to be fixed", reject: "rejected", skip: "skipped" };

/** What a reviewer did with a card: "rejected by you: hair missing". @param {Entry} entry @param {Reason[]} reasons */
export function didInWords({ did, reason }, reasons) {
  const why = reason ? `: ${reasonInWords(reasons, reason)}` : "";
  return did === "fix" ? "sent to be fixed by you" : `${DONE[did]} by you${why}`;
}

/**
 * A verdict on a card, for the outbox.
 * @param {Card} card @param {Decision} decision @param {Decision} [was] the reviewer's verdict before, if it is judged again
 */
export const verdictOn = ({ example, photo, mask, repaired_by }, decision, was) => ({
  example, photo, mask, decision, from: was ?? (repaired_by ? "repaired" : "open"),
});

/** What takes a verdict on a card back. @param {Card} card @param {Decision} decision @param {Decision | null} [was] the one that counts again */
export const undoOf = ({ example, photo, repaired_by }, decision, was) => ({
  example, photo, decision: /** @type {const} */ ("undo"), from: decision, to: was ?? (repaired_by ? "repaired" : "open"),
});

/**
 * Whether a verdict on a card is a lead's last word: where others disagree, and on the lead's own repair. A verdict that takes
 * the place of another is what that one was.
 * @param {{lead: boolean, wanted: Wanted, outbox: {reviewer: string}}} page @param {Card} card @param {Entry | null} [before]
 */
export const settlesIt = ({ lead, wanted, outbox }, { repaired_by }, before) =>
  lead && (before ? Boolean(before.settles) : wanted.show === "disputed" || repaired_by === outbox.reviewer);

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

/** Whether the queue is wanted, filtered or not, and no second look. @param {Wanted} wanted */
const isQueue = ({ show = "open", reason, reviewer }) => show === "open" && !reason && !reviewer;

/** Whether anything but the order was chosen. @param {Wanted} wanted */
const isNarrowed = (wanted) => !isQueue(wanted) || ["source", "split", "consent"].some((name) => wanted[name]);

/**
 * What a page without a card says, and whether it offers to clear the filter or links to the next steps.
 * @param {Wanted} wanted
 * @param {Counts} tally the dealer's
 * @param {{judged: boolean, undo: string}} sitting whether anything was judged in it, and how to undo: "" where nothing can be
 * @returns {{title: string, text: string, offers: "clear" | "steps" | ""}}
 */
export function nothingLeft(wanted, tally, { judged, undo }) {
  const { left, elsewhere, others, until, repaired } = tally;
  const narrowed = isNarrowed(wanted);
  const beyond = elsewhere ? `${counted(elsewhere, "is", "are")} left elsewhere.` : "";
  const told = (/** @type {string[]} */ ...sentences) => sentences.filter(Boolean).join(" ");
  if (others) {
    const have = `Other reviewers have ${counted(others, "picture", "pictures")} in hand, until ${clockTime(until)} if they do not go on. What they leave comes to you by itself.`;
    return { title: "Nothing left for you just now", text: told(have, beyond), offers: elsewhere ? "clear" : "" };
  }
  if (left) return { title: "Nothing left for you just now", text: told("This page looks for more.", beyond), offers: elsewhere ? "clear" : "" };
  if (narrowed) {
    const title = judged ? "This filter is done" : "This filter leaves nothing to review";
    return { title, text: told(beyond || "Nothing is left elsewhere either.", undo), offers: "clear" };
  }
  const own = repaired ? ` ${counted(repaired, "mask that you repaired waits", "masks that you repaired wait")} for another reviewer.` : "";
  return { title: "Nothing left to review", text: told(`Every picture that can be reviewed has a verdict.${own}`, undo), offers: "steps" };
}

/**
 * Tell what a page without a card says. What is said already stays: a screen reader would repeat it, and a button lose the focus.
 * @param {HTMLElement} over where
 * @param {{wanted: Wanted, dealer: import("./dealer.js").Dealer, sitting: import("./sitting.js").Sitting}} page
 * @param {string} undo a sentence that says how to undo, "" where nothing can be undone
 */
export function tellEnd(over, { wanted, dealer, sitting }, undo) {
  if (!dealer.tally) return;
  const { title, text, offers } = nothingLeft(wanted, dealer.tally, { judged: Boolean(sitting.verdict), undo });
  const next = made("div", { className: "next" });
  if (offers === "clear") {
    next.append(made("button", { textContent: "Clear the filter" }));
    Object.assign(/** @type {HTMLElement} */ (next.firstElementChild).dataset, { do: "clear" });
  }
  if (offers === "steps") {
    for (const [href, label] of [["/touchup", "Touch up masks"], ["/sets", "Freeze a curated set"]]) {
      next.append(made("a", { href, textContent: label, className: "button" }));
    }
  }
  const said = [made("strong", { textContent: title }), made("p", { textContent: text }), next];
  if (over.textContent !== said.map(({ textContent }) => textContent).join("")) over.replaceChildren(...said);
}

/**
 * Draw the counts, once there are any, and what is not saved. Of a second look there is no bar: how the examples stand says
 * nothing of how far it has come.
 * @param {Record<string, any>} at the parts of the page @param {HTMLElement} section
 * @param {import("./outbox.js").Outbox} outbox @param {Counts | null} tally @param {Wanted} wanted
 */
export function drawCounts(at, section, outbox, tally, wanted) {
  const says = outbox.says();
  section.dataset.unsaved = String(outbox.items.length);
  at.unsaved.hidden = !says;
  if (at.unsaved.textContent !== says) at.unsaved.textContent = says; // or a screen reader would repeat it at every count
  at.dismiss.hidden = !outbox.refused.length;
  if (!tally) return;
  const { keep, fix, reject, left } = tally;
  const share = (/** @type {number} */ part) => `${(100 * part) / Math.max(1, keep + fix + reject + left)}%`;
  at.left.textContent = formatted(left);
  at.leftOf.textContent = isNarrowed(wanted) ? "left in this filter" : "left for you";
  at.bar.hidden = at.tally.hidden = !isQueue(wanted);
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
 * something else is wanted, a new `Kind` takes its place. `tell` asks the page for a new token, or to clear the filter.
 * @param {new (data: ReviewData, tell: (what: "renew" | "clear") => void) => Lasting} Kind
 */
export function lasting(Kind) {
  /** @type {{page: Lasting, root: ShadowRoot, of: string} | null} */
  let one = null; // outlives reruns
  return (/** @type {ComponentArguments<ReviewData>} */ { data, parentElement, setTriggerValue }) => {
    const of = JSON.stringify([data.reviewer, data.wanted, data.lead]);
    if (one?.root !== parentElement || one.of !== of) {
      one?.page.unmount();
      const page = new Kind(data, (what) => setTriggerValue(what, true));
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
