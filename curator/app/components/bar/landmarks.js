// @ts-check
// Streamlit puts all that a page shows into one <main>, the navigation too, and lets it take the focus. Here the navigation is a
// landmark of its own, what follows it is the main one, and Streamlit's skip link leads there.

/** Name the landmarks. False if some are not there yet. */
export function nameLandmarks() {
  const [all, top, page] = ['[data-testid="stMain"]', ".st-key-top", ".st-key-content"].map((each) => document.querySelector(each));
  if (!all || !top || !page) return false;
  if (page.id) return true;
  const { id } = all;
  for (const name of ["id", "tabindex"]) all.removeAttribute(name);
  all.setAttribute("role", "presentation");
  top.setAttribute("role", "navigation");
  top.setAttribute("aria-label", "Steps");
  page.setAttribute("role", "main");
  page.setAttribute("tabindex", "-1");
  page.id = id;
  return true;
}

/** Say which step is the page that is shown, and scroll it into the middle of a navigation that is too narrow for all. */
export function nameCurrentStep() {
  const steps = document.querySelector(".st-key-flow");
  for (const link of steps?.querySelectorAll("a") ?? []) {
    if (link.getAttribute("href") === window.location.pathname.slice(1)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const current = steps?.querySelector("[aria-current]");
  if (!steps || !current) return;
  const [all, one] = [steps, current].map((each) => each.getBoundingClientRect());
  steps.scrollLeft += one.left + one.width / 2 - (all.left + all.width / 2);
}

/** The navigation's link to a page, if it has one. @param {string} page its path */
export const step = (page) => /** @type {HTMLElement | null} */ (document.querySelector(`.st-key-flow a[href="${CSS.escape(page)}"]`));
