// @ts-check
// The place to drop a zip. It sends the file while its reader goes on elsewhere in Winnow; after a reload it says how far it was.

import { clicked, partsOf, RouteError, Shelf } from "../shared.js";
import { asked, bytesInWords, dropped, progressInWords, Sender } from "./sender.js";

/**
 * `most` is the largest file allowed, in bytes; `heard` is the upload that the page heard of last, and whether it still waits for
 * somebody to ingest it.
 * @typedef {{reviewer: string, token: string, most: number, heard: {id: string, waits: boolean} | null}} UploadData
 */
/** @typedef {import("./sender.js").Described} Described */

/** @type {Record<string, string>} */
const CHOOSE = { waiting: "Choose it again", failed: "Choose another zip", whole: "Choose another zip" };

class Place {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  /** Asks for a new token. @type {() => void} */
  renew = () => {};
  /** Tells the page of a file that is whole. @type {(whole: Described & {id: string}) => void} */
  tell = () => {};
  /** @type {Sender | null} */
  sender = null;
  /** A file that an earlier page began to send, and how much of it the server has. @type {{file: Described, received: number} | null} */
  begun = null;
  told = "";
  spoken = "";

  /** @param {UploadData} data */
  constructor({ reviewer, token, most }) {
    this.reviewer = reviewer;
    this.token = token;
    this.most = most;
    this.shelf = new Shelf("localStorage", `winnow.upload.${reviewer}.`);
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.leave = new AbortController();
    const heard = { signal: this.leave.signal };
    this.root = root;
    this.at = partsOf(root);
    const { drop, input } = this.at;
    root.addEventListener("click", (event) => {
      const button = clicked(/** @type {MouseEvent} */ (event));
      if (button) this.act(button.dataset.do ?? "");
    }, heard);
    drop.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      if (event.target === input || /** @type {Element} */ (event.target).closest("button")) return;
      if (["empty", "waiting"].includes(this.state)) this.act("choose");
    }, heard);
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = ""; // so that the same file can be chosen again
      if (file) this.take(file);
    }, heard);
    for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (/** @type {DragEvent} */ event) => this.over(event, true), heard);
    for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, (/** @type {DragEvent} */ event) => this.over(event, false), heard);
    // A file that is dropped beside the place would open in this tab, and end what is being sent.
    for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault(), heard);
    if (!this.sender) this.ask();
    this.show();
  }

  /** The page is left; what is being sent goes on. */
  unmount() {
    this.leave?.abort();
    this.root = undefined;
  }

  /** @param {UploadData} data */
  use({ token, most, heard }) {
    this.token = token;
    this.most = most;
    this.sender?.use(token);
    if (heard && !heard.waits && heard.id === this.sender?.id) this.forget(); // it is being ingested, or was in another tab
    this.show();
  }

  /** @param {DragEvent} event @param {boolean} over */
  over(event, over) {
    event.preventDefault();
    event.stopPropagation();
    const open = !this.sender?.busy;
    if (event.dataTransfer) event.dataTransfer.dropEffect = open ? "copy" : "none";
    this.at.upload.toggleAttribute("data-over", over && open);
    if (event.type === "drop" && open && event.dataTransfer?.files.length) this.take(event.dataTransfer.files[0]);
    this.show();
  }

  /** @param {string} what */
  act(what) {
    if (what === "choose") this.at.input.click();
    if (what === "retry") this.sender?.retry();
    if (what === "cancel") this.cancel();
  }

  // --- a file ----------------------------------------------------------------------------------------------------

  /** Ask how far the file is that an earlier page sent. */
  async ask() {
    const file = this.shelf.get("file");
    if (!file) return;
    try {
      const { received } = await asked(this.token, file);
      if (this.sender) return;
      if (received === file.size) this.resume(file);
      else if (received) this.begun = { file, received };
      else this.shelf.drop(["file"]);
    } catch (error) {
      if (error instanceof RouteError && error.missing) this.shelf.drop(["file"]);
    }
    this.show();
  }

  /** All of a file is here; only the page has to hear of it. @param {Described} file */
  resume({ name, size, modified }) {
    this.take({ name, size, lastModified: modified, slice: () => new Blob() });
  }

  /** Send a file. @param {import("./sender.js").Sent} file */
  take(file) {
    this.sender?.stop();
    this.begun = null;
    const sender = new Sender(file, this.token, {
      changed: () => this.sender === sender && this.changed(),
      renew: () => this.renew(),
    });
    this.sender = sender;
    this.shelf.put("file", sender.described);
    this.show();
    sender.start();
  }

  changed() {
    if (this.sender?.state === "failed") this.shelf.drop(["file"]);
    this.show();
  }

  cancel() {
    const { sender, begun } = this;
    this.forget();
    const file = sender?.described ?? begun?.file;
    if (file) dropped(this.token, file);
  }

  forget() {
    this.sender?.stop();
    this.sender = this.begun = null;
    this.shelf.drop(["file"]);
    this.show();
  }

  // --- what is seen ----------------------------------------------------------------------------------------------

  get state() {
    return this.sender?.state ?? (this.begun ? "waiting" : "empty");
  }

  show() {
    if (!this.root) return;
    const { state, sender, begun } = this;
    const over = this.at.upload.hasAttribute("data-over");
    this.at.upload.dataset.state = state;
    const name = sender?.described.name ?? begun?.file.name ?? "";
    const [title, hint] = over && !sender?.busy ? ["Drop it here", ""] : this.words(state, name);
    this.at.title.textContent = title;
    this.at.hint.textContent = hint;
    this.at.hint.hidden = !hint;
    const size = sender?.described.size ?? begun?.file.size ?? 0;
    const share = size ? Math.floor((100 * (sender?.received ?? begun?.received ?? 0)) / size) : 0;
    const moving = Boolean(sender?.busy || begun);
    this.at.far.hidden = this.at.words.hidden = !moving;
    this.at.bar.style.width = `${share}%`;
    this.at.far.setAttribute("aria-valuenow", share);
    this.at.words.textContent = !moving ? "" : sender ? (state === "checking" ? "Checking the zip …" : progressInWords(sender)) : this.rest();
    const trouble = state === "retrying" || state === "failed" ? sender?.says : "";
    this.at.trouble.textContent = trouble && state === "retrying" ? `${trouble} Trying again; nothing is lost.` : trouble;
    this.at.trouble.hidden = !trouble;
    this.at.choose.hidden = Boolean(sender?.busy);
    this.at.choose.textContent = CHOOSE[state] ?? "Choose a zip";
    this.at.choose.classList.toggle("strong", state !== "whole");
    this.at.retry.hidden = state !== "retrying";
    this.at.cancel.hidden = !(moving || state === "whole");
    this.at.cancel.textContent = state === "whole" || state === "waiting" ? "Delete it" : "Cancel";
    this.speak(state === "whole" ? `${name} has arrived.` : moving ? `${Math.floor(share / 25) * 25} % of ${name} uploaded.` : "");
    if (state === "whole" && sender && this.told !== sender.id) {
      this.told = sender.id;
      this.tell({ id: sender.id, ...sender.described });
    }
  }

  /** The title, and a line below it. @param {string} state @param {string} name @returns {[string, string]} */
  words(state, name) {
    if (state === "empty") return ["Drop a zip here", `A zip of photos and their masks, up to ${bytesInWords(this.most)}, in any of the formats listed.`];
    if (state === "waiting") return [name, "This upload broke off. Choose or drop the same file again, and only the rest is sent."];
    if (state === "failed") return [name, ""];
    if (state === "whole") return [name, `${bytesInWords(this.sender?.described.size ?? 0)} have arrived. Ingest it, or preview it first.`];
    return [name, "You can go on elsewhere in Winnow meanwhile; keep this tab open."];
  }

  rest() {
    return this.begun ? `${bytesInWords(this.begun.received)} of ${bytesInWords(this.begun.file.size)} are here` : "";
  }

  /** For screen readers: only what has changed, and not every percent. @param {string} words */
  speak(words) {
    if (words !== this.spoken) this.at.spoken.textContent = this.spoken = words;
  }
}

/** @param {ComponentArguments<UploadData>} page */
export default function ({ data, parentElement, setTriggerValue }) {
  // It outlives its page: a file is sent on while others are shown.
  let place = /** @type {Place | undefined} */ (window.__winnowUpload);
  if (place?.reviewer !== data.reviewer) {
    place?.sender?.stop();
    place = window.__winnowUpload = new Place(data);
  }
  const mine = /** @type {Place} */ (place);
  mine.renew = () => setTriggerValue("renew", true);
  mine.tell = (whole) => setTriggerValue("whole", whole);
  if (mine.root !== parentElement) {
    mine.unmount();
    mine.told = ""; // another page, or the page anew, has not heard of it
    mine.mount(parentElement);
  }
  mine.use(data);
  return () => {
    if (mine.root === parentElement) mine.unmount();
  };
}
