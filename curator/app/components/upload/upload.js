// @ts-check
// The place to drop a folder, files or a zip. It sends them as one zip while its reader goes on elsewhere in Winnow; after a
// reload it says how far it was.

import { clicked, formatted, partsOf, RouteError, Shelf } from "../shared.js";
import { asked, bytesInWords, dropped, progressInWords, Sender } from "./sender.js";
import { filesBelow, filesOf, parcelOf } from "./chosen.js";
import { zipOf } from "./zip.js";

/**
 * `most` is the most that may be sent, in bytes, `files` the most files in a zip; `heard` is the upload that the page heard of
 * last, and whether it still waits for somebody to ingest it.
 * @typedef {{reviewer: string, token: string, most: number, files: number, heard: {id: string, waits: boolean} | null}} UploadData
 */
/** @typedef {import("./sender.js").Described} Described */

/** @type {Record<string, string>} */
const CHOOSE = { waiting: "Choose them again", failed: "Choose other files", whole: "Choose other files" };

/** Files that are looked at before they are sent: how many are read, of how many. */
class Packing {
  name = "";
  read = 0;
  /** How many there are; null while folders are still being looked through. @type {number | null} */
  files = null;
  leave = new AbortController();
}

class Place {
  /** The parts of the page. @type {Record<string, any>} */
  at = {};
  /** Asks for a new token. @type {() => void} */
  renew = () => {};
  /** Tells the page of a file that is whole. @type {(whole: Described & {id: string}) => void} */
  tell = () => {};
  /** @type {Sender | null} */
  sender = null;
  /** @type {Packing | null} */
  packing = null;
  /** What was chosen and can't be sent, and why. @type {{name: string, says: string} | null} */
  refused = null;
  /** A file that an earlier page began to send, and how much of it the server has. @type {{file: Described, received: number} | null} */
  begun = null;
  told = "";
  spoken = "";

  /** @param {UploadData} data */
  constructor({ reviewer, token, most, files }) {
    this.reviewer = reviewer;
    this.token = token;
    this.most = most;
    this.files = files;
    this.shelf = new Shelf("localStorage", `winnow.upload.${reviewer}.`);
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  /** @param {ShadowRoot} root */
  mount(root) {
    this.leave = new AbortController();
    const heard = { signal: this.leave.signal };
    this.root = root;
    this.at = partsOf(root);
    const { drop, input, folderInput, chooseFolder } = this.at;
    chooseFolder.dataset.offered = String("webkitdirectory" in input); // a phone has no folders to choose
    root.addEventListener("click", (event) => {
      const button = clicked(/** @type {MouseEvent} */ (event));
      if (button) this.act(button.dataset.do ?? "");
    }, heard);
    drop.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      if (event.target === input || event.target === folderInput || /** @type {Element} */ (event.target).closest("button")) return;
      if (["empty", "waiting"].includes(this.state)) this.act("choose");
    }, heard);
    for (const each of [input, folderInput]) {
      each.addEventListener("change", () => {
        const files = filesOf(each.files);
        each.value = ""; // so that the same can be chosen again
        if (files.length) this.pack(() => files);
      }, heard);
    }
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
  use({ token, most, files, heard }) {
    this.token = token;
    this.most = most;
    this.files = files;
    this.sender?.use(token);
    if (heard && !heard.waits && heard.id === this.sender?.id) this.forget(); // it is being ingested, or was in another tab
    this.show();
  }

  /** @param {DragEvent} event @param {boolean} over */
  over(event, over) {
    event.preventDefault();
    event.stopPropagation();
    const open = !this.busy;
    if (event.dataTransfer) event.dataTransfer.dropEffect = open ? "copy" : "none";
    this.at.upload.toggleAttribute("data-over", over && open);
    if (event.type === "drop" && open && event.dataTransfer?.files.length) this.drop(event.dataTransfer);
    this.show();
  }

  /** @param {DataTransfer} dropped */
  drop({ items, files }) {
    // Now: what was dropped is forgotten as soon as this event is over.
    const roots = [...items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
    const loose = filesOf(files);
    this.pack((more) => (roots.length ? filesBelow(roots, more) : loose));
  }

  /** @param {string} what */
  act(what) {
    if (what === "choose") this.at.input.click();
    if (what === "chooseFolder") this.at.folderInput.click();
    if (what === "retry") this.sender?.retry();
    if (what === "cancel") this.cancel();
  }

  // --- a file ----------------------------------------------------------------------------------------------------

  get busy() {
    return Boolean(this.packing || this.sender?.busy);
  }

  /**
   * Send what was chosen: a zip as it is, all else as one zip.
   * @param {(more: (files: number) => void) => import("./zip.js").Entry[] | Promise<import("./zip.js").Entry[]>} chosen finds the files
   */
  async pack(chosen) {
    this.sender?.stop();
    this.sender = this.begun = this.refused = null;
    const packing = (this.packing = new Packing());
    const { signal } = packing.leave;
    this.show();
    const read = (/** @type {number} */ files) => {
      signal.throwIfAborted();
      packing.read = files;
      this.show();
    };
    try {
      const parcel = parcelOf(await chosen(read), this);
      signal.throwIfAborted();
      if (typeof parcel === "string") return this.refuse(packing, parcel);
      packing.name = parcel.name;
      if (parcel.zip) return this.take(parcel.zip);
      packing.files = parcel.entries.length;
      const lastModified = parcel.entries.reduce((newest, { file }) => Math.max(newest, file.lastModified), 0);
      const zip = await zipOf(parcel.entries, read, signal);
      signal.throwIfAborted();
      this.take(Object.assign(zip, { name: parcel.name, lastModified }));
    } catch {
      if (!signal.aborted) this.refuse(packing, "One of these files cannot be read. It may have been changed, moved or deleted. Choose them again.");
    }
  }

  /** @param {Packing} packing @param {string} says */
  refuse(packing, says) {
    if (this.packing !== packing) return;
    this.packing = null;
    this.refused = { name: packing.name || "These files can’t be sent", says };
    this.show();
  }

  /** Ask how far the file is that an earlier page sent. */
  async ask() {
    const file = this.shelf.get("file");
    if (!file) return;
    try {
      const { received } = await asked(this.token, file);
      if (this.sender || this.packing) return;
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
    this.begun = this.packing = this.refused = null;
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
    this.packing?.leave.abort();
    this.sender = this.packing = this.begun = this.refused = null;
    this.shelf.drop(["file"]);
    this.show();
  }

  // --- what is seen ----------------------------------------------------------------------------------------------

  get state() {
    if (this.sender) return this.sender.state;
    return this.packing ? "reading" : this.refused ? "failed" : this.begun ? "waiting" : "empty";
  }

  show() {
    if (!this.root) return;
    const { state, sender, begun, packing, refused } = this;
    const over = this.at.upload.hasAttribute("data-over");
    this.at.upload.dataset.state = state;
    const name = sender?.described.name ?? packing?.name ?? refused?.name ?? begun?.file.name ?? "";
    const [title, hint] = over && !this.busy ? ["Drop it here", ""] : this.words(state, name);
    this.at.title.textContent = title;
    this.at.hint.textContent = hint;
    this.at.hint.hidden = !hint;
    const size = sender?.described.size ?? begun?.file.size ?? 0;
    const part = packing ? packing.read / (packing.files ?? Infinity) : size ? (sender?.received ?? begun?.received ?? 0) / size : 0;
    const share = Math.floor(100 * part);
    const moving = Boolean(this.busy || begun);
    this.at.far.hidden = this.at.words.hidden = !moving;
    this.at.bar.style.width = `${share}%`;
    this.at.far.setAttribute("aria-valuenow", share);
    this.at.far.setAttribute("aria-label", packing ? "Files read" : "Upload");
    this.at.words.textContent = moving ? this.far : "";
    const trouble = state === "retrying" || state === "failed" ? (sender?.says ?? refused?.says) : "";
    this.at.trouble.textContent = trouble && state === "retrying" ? `${trouble} Trying again; nothing is lost.` : trouble;
    this.at.trouble.hidden = !trouble;
    this.at.choose.hidden = this.busy;
    this.at.chooseFolder.hidden = this.busy || this.at.chooseFolder.dataset.offered === "false";
    this.at.choose.textContent = CHOOSE[state] ?? "Choose files";
    this.at.choose.classList.toggle("strong", state !== "whole");
    this.at.retry.hidden = state !== "retrying";
    this.at.cancel.hidden = !(moving || state === "whole");
    this.at.cancel.textContent = state === "whole" || state === "waiting" ? "Delete it" : "Cancel";
    this.speak(moving || state === "whole" ? spokenOf(state, name, share) : "");
    if (state === "whole" && sender && this.told !== sender.id) {
      this.told = sender.id;
      this.tell({ id: sender.id, ...sender.described });
    }
  }

  /** The title, and a line below it. @param {string} state @param {string} name @returns {[string, string]} */
  words(state, name) {
    if (state === "empty") return ["Drop a folder, a zip, or photos with their masks", `Up to ${bytesInWords(this.most)}, in any of the formats listed.`];
    if (state === "waiting") return [name, "This upload broke off. Choose or drop the same files again, and only the rest is sent."];
    if (state === "failed") return [name, ""];
    if (state === "reading") return [name || "Looking through the folder …", "Nothing is sent yet."];
    if (state === "whole") return [name, `${bytesInWords(this.sender?.described.size ?? 0)} have arrived. Ingest it, or preview it first.`];
    return [name, "You can go on elsewhere in Winnow meanwhile; keep this tab open."];
  }

  /** How far it is, in words. */
  get far() {
    const { packing, sender } = this;
    if (packing) return packing.files === null ? `${formatted(packing.read)} files found` : `${formatted(packing.read)} of ${formatted(packing.files)} files read`;
    if (sender) return this.state === "checking" ? "Checking it …" : progressInWords(sender);
    return this.begun ? `${bytesInWords(this.begun.received)} of ${bytesInWords(this.begun.file.size)} are here` : "";
  }

  /** For screen readers: only what has changed, and not every percent. @param {string} words */
  speak(words) {
    if (words !== this.spoken) this.at.spoken.textContent = this.spoken = words;
  }
}

/**
 * How far it is, for screen readers.
 * @param {string} state @param {string} name "" while a folder is looked through @param {number} share percent
 */
export function spokenOf(state, name, share) {
  if (state === "whole") return `${name} has arrived.`;
  if (!name) return "Looking through the folder.";
  return `${Math.floor(share / 25) * 25} % of ${name} ${state === "reading" ? "read" : "uploaded"}.`;
}

/** @param {ComponentArguments<UploadData>} page */
export default function ({ data, parentElement, setTriggerValue }) {
  // It outlives its page: a file is sent on while others are shown.
  let place = /** @type {Place | undefined} */ (window.__winnowUpload);
  if (place?.reviewer !== data.reviewer) {
    place?.sender?.stop();
    place?.packing?.leave.abort();
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
