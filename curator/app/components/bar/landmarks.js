// @ts-check
// Streamlit puts all that a page shows into one <main>, the navigation too, and lets it take the focus. Here the navigation is a
// landmark of its own, what follows it is the main one, and Streamlit's skip link leads there.

/** Name the landmarks, as far as they are there. */
export function nameLandmarks() {
  const [all, top, page] = ['[data-testid="stMain"]', ".st-key-top", ".st-key-page"].map((each) => document.querySelector(each));
  if (!all || !top || !page || page.id) return;
  const { id } = all;
  for (const name of ["id", "tabindex"]) all.removeAttribute(name);
  all.setAttribute("role", "presentation");
  top.setAttribute("role", "navigation");
  top.setAttribute("aria-label", "Steps");
  page.setAttribute("role", "main");
  page.setAttribute("tabindex", "-1");
  page.id = id;
}

/** Scroll the step of the page that is shown into the middle of the navigation, where that is too narrow for all. */
export function showCurrentStep() {
  const steps = document.querySelector(".st-key-flow");
  const current = steps?.querySelector("[aria-current=page]");
  if (!steps || !current) return;
  const [all, one] = [steps, current].map((each) => each.getBoundingClientRect());
  steps.scrollLeft += one.left + one.width / 2 - (all.left + all.width / 2);
}

/** The navigation's link to a page, if it has one. @param {string} page its path */
export const step = (page) => /** @type {HTMLElement | null} */ (document.querySelector(`.st-key-flow a[href="${CSS.escape(page)}"]`));
