// @ts-check
// The live part of the navigation: fresh counts below the steps, a chip for the job that runs, a toast for each that has ended.

import { ask, made, partsOf, RouteError, Shelf } from "../shared.js";
import { chipOf, remembered, titled, untold } from "./jobs.js";
import { nameLandmarks, nameCurrentStep, step } from "./landmarks.js";

const SEEN_EVERY = 5000; // ms from one answer to the next question
const RUNNING_EVERY = 2000; // the same, while a job runs, whose end somebody may wait for
const HIDDEN_EVERY = 20_000; // the same, while nobody sees the page
const STAYS = 20_000; // ms that good news stay; bad ones stay until somebody closes them
const LONG = 15; // seconds of work that are worth a notification
const MOST = 3; // toasts

/** News on screen; `unseen` if the page was hidden since. @typedef {{job: EndedJob, element: HTMLElement, unseen: boolean}} Toast */

class Bar {
  /** What runs. @type {RunningJob[]} */
  running = [];
  /** The toasts on screen, the oldest first. @type {Toast[]} */
  toasts = [];
  /** Numbers of the jobs that this page has told of. @type {Set<number>} */
  told = new Set();
  title = "";
  token = "";
  refused = false; // the token is too old, or somebody else's

  /** @param {ShadowRoot} root */
  constructor(root) {
    this.root = root;
    this.at = partsOf(root);
    this.shelf = new Shelf("localStorage", "winnow.jobs");
    this.leave = new AbortController();
    const heard = { signal: this.leave.signal };
    root.addEventListener("click", (event) => this.click(/** @type {MouseEvent} */ (event)), heard);
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh(), heard);
    window.addEventListener("resize", nameCurrentStep, heard);
    // The page below may come later than this part of the navigation.
    this.arrivals = new MutationObserver(() => this.place());
  }

  /** What each run of the page says. @param {{title: string, token: string}} data */
  use({ title, token }) {
    const turned = title !== this.title;
    Object.assign(this, { title, token });
    this.entitle();
    if (turned) {
      nameCurrentStep();
      this.arrivals.observe(document.body, { childList: true, subtree: true });
      this.place();
    }
    if (turned || this.refused) this.refresh();
  }

  place() {
    if (nameLandmarks()) this.arrivals.disconnect();
  }

  unmount() {
    this.leave.abort();
    this.arrivals.disconnect();
    clearTimeout(this.next);
    document.title = this.title;
  }

  async refresh() {
    clearTimeout(this.next);
    /** @type {import("./jobs.js").Memory | null} */
    const memory = this.shelf.get("");
    this.refused = false;
    try {
      const answer = await ask("/api/navigation", this.token, memory ?? {});
      if (this.leave.signal.aborted) return;
      this.showLost("");
      this.show(answer);
    } catch (error) {
      if (this.leave.signal.aborted) return;
      this.refused = error instanceof RouteError && error.is("stale_page"); // a new token comes with the page's next run
      this.showLost(this.refused ? "Reload this page" : "No connection", /** @type {Error} */ (error).message);
    }
    clearTimeout(this.next); // two refreshes may have met
    const every = document.hidden ? HIDDEN_EVERY : this.running.length ? RUNNING_EVERY : SEEN_EVERY;
    if (!this.refused) this.next = setTimeout(() => this.refresh(), every);
  }

  /** @param {NavigationAnswer} answer */
  show(answer) {
    this.place();
    for (const [page, count] of Object.entries(answer.counts)) {
      const shown = step(page)?.querySelector("p span")?.firstChild;
      if (shown && shown.nodeValue !== count) shown.nodeValue = count;
    }
    step("touchup")?.toggleAttribute("data-clock", answer.clock);
    this.running = answer.running;
    this.tell(answer);
    this.showChip();
    this.entitle();
  }

  /** @param {NavigationAnswer} answer */
  tell(answer) {
    /** @type {import("./jobs.js").Memory | null} */
    const memory = this.shelf.get(""); // read again: another tab may have told of some meanwhile
    const news = untold(memory, answer.ended);
    for (const toast of this.toasts.filter(({ unseen }) => unseen)) {
      if (!news.some(({ number }) => number === toast.job.number)) this.close(toast);
    }
    for (const job of news.reverse()) {
      if (this.told.has(job.number)) continue;
      this.told.add(job.number);
      this.toast(job);
      if (!document.hasFocus()) notify(job);
    }
    if (document.hidden && memory) return; // this browser has heard of it when somebody sees it
    this.shelf.put("", remembered(answer));
    for (const toast of this.toasts.filter(({ unseen }) => unseen)) {
      toast.unseen = false;
      if (toast.job.told.good) this.closeLater(toast);
    }
  }

  /** @param {EndedJob} job */
  toast(job) {
    const { good, title, words, steps } = job.told;
    const element = made("div", { className: good ? "toast" : "toast bad" });
    const close = made("button", { type: "button", textContent: "×" });
    close.setAttribute("aria-label", `Close: ${title}`);
    const next = made("div", { className: "next" });
    next.append(...steps.map(({ label, page }) => made("a", { className: "button", href: `/${page}`, textContent: label })));
    element.append(made("p", { textContent: words }), close, next);
    const toast = { job, element, unseen: true };
    close.addEventListener("click", () => this.close(toast), { signal: this.leave.signal });
    this.at.toasts.append(element);
    this.toasts.push(toast);
    if (this.toasts.length > MOST) this.close(this.toasts[0]);
  }

  /** @param {Toast} toast */
  closeLater(toast) {
    setTimeout(() => (toast.element.matches(":hover, :focus-within") ? this.closeLater(toast) : this.close(toast)), STAYS);
  }

  /** @param {Toast} toast */
  close(toast) {
    const focused = toast.element.querySelector(":focus-visible"); // not after a click: the next one closes by itself
    const at = this.toasts.indexOf(toast);
    toast.element.remove();
    this.toasts = this.toasts.filter((other) => other !== toast);
    if (focused) (this.toasts[at] ?? this.toasts.at(-1))?.element.querySelector("button")?.focus();
    this.entitle();
  }

  showChip() {
    const { chip, name, percent, done, doing, bell } = this.at;
    const shown = chipOf(this.running);
    chip.hidden = !shown;
    bell.hidden = !this.running.some(({ seconds }) => seconds >= LONG) || !mayAsk();
    if (!shown) return;
    chip.href = `/${shown.page}`;
    chip.title = shown.all;
    name.textContent = shown.name;
    percent.textContent = shown.percent;
    done.style.width = shown.percent.replace(" ", "");
    doing.textContent = shown.says;
  }

  /** @param {string} words @param {string} [why] */
  showLost(words, why = "") {
    const { lost } = this.at;
    lost.hidden = !words;
    lost.textContent = words;
    lost.title = why;
    if (words) this.at.chip.hidden = this.at.bell.hidden = true;
  }

  entitle() {
    if (this.leave.signal.aborted) return;
    document.title = titled(this.title, this.toasts.at(-1)?.job, this.running);
  }

  /** @param {MouseEvent} event */
  click(event) {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("[data-part=bell]")) Notification.requestPermission().then(() => this.showChip());
    const link = target.closest("a");
    const own = link && step(link.pathname.slice(1));
    if (!own || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault(); // Streamlit's own link turns the page without loading it anew
    own.click();
  }
}

/** Whether the browser can notify, and nobody has said yet whether it may. */
const mayAsk = () => "Notification" in window && Notification.permission === "default";

/** @param {EndedJob} job */
function notify({ number, told }) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    // Tabs that notify of the same job replace each other's notification.
    const notification = new Notification(told.title, { body: told.words, tag: `winnow-job-${number}` });
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
  } catch {
    // Some browsers of phones let only a service worker notify.
  }
}

/** @type {Bar | null} */
let one = null; // outlives reruns

/** @param {ComponentArguments<{title: string, token: string}>} page */
export default function ({ data, parentElement }) {
  if (one?.root !== parentElement) {
    one?.unmount();
    one = new Bar(parentElement);
  }
  one.use(data);
  const mine = one;
  return () => {
    mine.unmount();
    if (one === mine) one = null;
  };
}
