// @ts-check
// Which page this is, of several that may show the same touch-up, and whether anybody sees it.

import { newId, Shelf } from "../shared.js";

/** @typedef {"hidden" | "shown" | "left"} Presence */

const KEPT_AS = "painter";

/**
 * A name for this page, and word of when it is hidden, shown again and left. A reload keeps the name; a second tab, even a copy
 * of this one, has another: the name lies in the tab's storage only from one page's end to the next one's beginning.
 * @param {AbortSignal} signal
 * @param {(presence: Presence) => void} tell
 */
export function pageName(signal, tell) {
  const shelf = new Shelf("sessionStorage", "winnow.page.");
  const name = /** @type {string} */ (shelf.get(KEPT_AS) ?? newId());
  shelf.drop([KEPT_AS]);
  const leave = () => {
    shelf.put(KEPT_AS, name);
    tell("left");
  };
  window.addEventListener("pagehide", leave, { signal });
  document.addEventListener("visibilitychange", () => tell(document.hidden ? "hidden" : "shown"), { signal });
  signal.addEventListener("abort", leave); // Streamlit shows another of its pages
  return name;
}
