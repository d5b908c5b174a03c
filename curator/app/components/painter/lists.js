// @ts-check
// The painter's lists: the masks that wait, the versions of one, and the touch-ups that are done.

import { made } from "../shared.js";

/** @typedef {{example: number, image: string, mask: string, unknown: string | null, photo: string, split: string, drawn: boolean, fix: boolean, clock: boolean, running: boolean, held_by: string | null}} Waiting */
/** @typedef {{mask: string, origin: string, by: string | null, at: string | null, discarded: boolean}} Version */
/**
 * @typedef {object} Done
 * @property {number} touch_up @property {number} example @property {string} image @property {string | null} unknown @property {string} before @property {string} after
 * @property {string} photo @property {string} reviewer @property {string} state @property {boolean} clock
 * @property {number} seconds_used @property {number} seconds_hidden @property {number | null} seconds_shown @property {number} attempts @property {number} seconds_in_all @property {string | null} discarded_by
 */

/** What is to be said of a touched-up mask that is not simply kept. @type {Record<string, string>} */
const STANDS = { fix: "to be fixed", repaired: "waits for a second look", reject: "rejected", disputed: "disputed", open: "open" };

/** A button for each mask that waits. @param {Waiting[]} waiting @param {number | undefined} shown the example on the easel @param {boolean} locked */
export function waitingButtons(waiting, shown, locked) {
  return waiting.map((item) => {
    const button = made("button", { title: item.photo, disabled: locked });
    Object.assign(button.dataset, { do: "pick", example: item.example });
    button.setAttribute("aria-label", `Touch up ${item.photo}`);
    if (item.example === shown) button.setAttribute("aria-current", "true");
    button.append(made("img", { src: `/pictures/${item.image}`, alt: "", loading: "lazy" }));
    return button;
  });
}

/** A button for each version of a mask. @param {Version[]} versions @param {string} chosen the hash of one */
export function versionButtons(versions, chosen) {
  return versions.map((version) => {
    const button = made("button", { title: calledVersion(version) });
    Object.assign(button.dataset, { do: "version", mask: version.mask });
    button.setAttribute("aria-label", `Start from: ${button.title}`);
    button.setAttribute("aria-pressed", String(version.mask === chosen));
    button.append(made("img", { src: `/pictures/${version.mask}`, alt: "", loading: "lazy" }), made("span", { textContent: button.title }));
    return button;
  });
}

/** Which version of a mask it is, in words. @param {Omit<Version, "mask">} version */
export function calledVersion({ origin, by, at, discarded }) {
  if (origin === "contributor") return "the contributor's mask";
  const when = at ? `, ${new Date(at).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" })}` : "";
  return `${origin === "refinement" ? "refined, accepted" : "touched up"} by ${by}${when}${discarded ? ", discarded" : ""}`;
}

/**
 * A figure for each touch-up that is done: the mask before and after, who made it, and what can be done with it.
 * @param {Done[]} done @param {(by: string) => boolean} mayDiscard whether that reviewer's may be discarded
 */
export function doneFigures(done, mayDiscard) {
  return done.map((item) => {
    const figure = made("figure", {});
    figure.dataset.example = String(item.example);
    figure.toggleAttribute("data-discarded", item.discarded_by !== null);
    const two = made("div", { className: "two" });
    for (const [mask, label] of [[item.before, "before"], [item.after, "after"]]) {
      const shot = made("div", { className: "shot" });
      const tint = made("div", { className: "tint" });
      tint.style.maskImage = `url("/pictures/${mask}")`;
      const photo = made("img", { src: `/pictures/${item.image}`, alt: `${item.photo}, mask ${label}`, loading: "lazy" });
      shot.append(photo, tint, made("span", { textContent: label }));
      two.append(shot);
    }
    const steps = made("div", { className: "steps" });
    const again = made("button", { textContent: "Start over" });
    Object.assign(again.dataset, { do: "again", example: item.example });
    again.setAttribute("aria-label", `Start over ${item.photo}`);
    steps.append(again);
    if (!item.discarded_by && mayDiscard(item.reviewer)) {
      const discard = made("button", { textContent: "Discard", title: "The mask before counts again. This one stays on record." });
      Object.assign(discard.dataset, { do: "discard", touchUp: item.touch_up });
      discard.setAttribute("aria-label", `Discard ${item.photo}`);
      steps.append(discard);
    }
    const caption = made("figcaption", {});
    caption.append(
      made("b", { textContent: item.photo, title: item.photo }),
      made("span", { textContent: doneWords(item), className: "quiet" }),
      steps,
    );
    figure.append(two, caption);
    return figure;
  });
}

/** What is to be said of a touch-up that is done. @param {Pick<Done, "seconds_used" | "seconds_hidden" | "seconds_shown" | "attempts" | "seconds_in_all" | "reviewer" | "discarded_by" | "state">} done */
export function doneWords({ seconds_used, seconds_hidden, seconds_shown, attempts, seconds_in_all, reviewer, discarded_by, state }) {
  const used = `${Math.round(seconds_used)}${seconds_shown === null ? "" : ` of ${seconds_shown}`} s by ${reviewer}`;
  const hidden = seconds_hidden >= 1 ? `${Math.round(seconds_hidden)} s of them hidden` : "";
  const all = attempts > 1 ? `${attempts} attempts, ${Math.round(seconds_in_all)} s in all` : "";
  return [used, hidden, all, discarded_by ? `discarded by ${discarded_by}` : STANDS[state]].filter(Boolean).join(", ");
}
