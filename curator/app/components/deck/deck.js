// The review deck. A key draws the next picture at once, from what was fetched and decoded ahead; the verdict goes to
// the server behind it, and stays in this browser until the server says that it is committed.

const AHEAD = 20; // pictures decoded ahead
const BEHIND = 10; // and kept for undo
const HAND = 40; // cards asked for at a time, at least AHEAD of them left
const RENEW_MS = 4 * 60 * 1000; // leases last ten minutes
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
const REASONS = ["no_face", "not_hair", "hair_missing", "spills_over", "too_coarse", "bad_photo"];
const KEYS = { k: "keep", x: "reject", " ": "skip", u: "undo", m: "mask" };
REASONS.forEach((reason, i) => (KEYS[i + 1] = reason));
const WORDS = {
  keep: "Kept", reject: "Rejected", skip: "Skipped", undo: "Taken back",
  no_face: "no face", not_hair: "not hair", hair_missing: "hair missing",
  spills_over: "spills over", too_coarse: "too coarse", bad_photo: "bad photo",
};

/** Verdicts that the server has not acknowledged, one entry each in localStorage, so that a reload loses none. */
class Outbox {
  constructor(reviewer) {
    this.prefix = `winnow.verdict.${reviewer}.`;
    this.items = [];
    this.count = 0;
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.prefix)) this.items.push(JSON.parse(localStorage.getItem(key)));
      }
    } catch {} // storage may be forbidden: then the verdicts live as long as the page
    this.items.sort((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1]);
  }

  add(verdict) {
    const item = { ...verdict, client_id: crypto.randomUUID(), order: [Date.now(), this.count++] };
    this.items.push(item);
    try {
      localStorage.setItem(this.prefix + item.client_id, JSON.stringify(item));
    } catch {}
    return item;
  }

  remove(items) {
    this.items = this.items.filter((item) => !items.includes(item));
    try {
      for (const item of items) localStorage.removeItem(this.prefix + item.client_id);
    } catch {}
  }
}

class Deck {
  constructor(reviewer) {
    this.reviewer = reviewer;
    this.outbox = new Outbox(reviewer);
    this.current = null;
    this.fresh = []; // not seen yet
    this.skipped = []; // come again when nothing fresh is left
    this.history = []; // [{card, did}], as far back as this sitting
    this.pictures = new Map(); // example -> {photo, tint} once decoded, or {missing}
    this.loading = 0;
    this.counts = null; // the server's, at its last answer
    this.exhausted = false;
    this.masked = true;
    this.refused = [];
    this.tries = 0;
    this.answers = 0;
    this.careful = 0;
    this.state = "loading";
    this.hook = { shown: [], saved: [] };
  }

  // --- on the page -----------------------------------------------------------------------------------------------

  mount(root) {
    this.root = root;
    this.at = partsOf(root);
    this.context = this.at.canvas.getContext("2d");
    this.leave = new AbortController();
    const heard = { signal: this.leave.signal };
    window.addEventListener("keydown", (event) => this.key(event), { capture: true, ...heard });
    window.addEventListener("online", () => this.flush(), heard);
    root.addEventListener("click", (event) => {
      const button = event.target.closest?.("button[data-do]");
      if (!button) return;
      this.act(button.dataset.do, event.timeStamp);
      if (event.detail) button.blur(); // a mouse leaves no focus behind that Space would press again
    }, heard);
    this.renewing = setInterval(() => this.deal(0), RENEW_MS);
    fitted(this.at.deck, this.at.frame, this.leave.signal);
    window.__winnowDeck = this.hook;
    this.tell();
    this.flush();
    this.deal(HAND);
  }

  unmount() {
    this.leave.abort();
    clearInterval(this.renewing);
    clearTimeout(this.retrying);
    clearTimeout(this.polling);
    clearTimeout(this.warning);
    for (const picture of this.pictures.values()) this.drop(picture);
    this.gone = true;
    delete window.__winnowDeck;
  }

  key(event) {
    if (isTheirs(event, this.root)) return;
    const what = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    // C and R are Streamlit's own shortcuts ("clear caches", "rerun"): a slip of the finger mustn't reach them.
    if (!what && !["c", "r"].includes(event.key.toLowerCase())) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (what && !event.repeat) this.act(what, event.timeStamp);
  }

  act(what, at) {
    if (what === "mask") return this.toggleMask(at);
    if (what === "undo") return this.undo(at);
    // Nothing is decided about a picture that is not on screen; of a missing one only that it is bad.
    if (!this.current || !(this.state === "showing" || (this.state === "missing" && what !== "keep"))) return;
    if (what === "skip") return this.skip(at);
    this.decide(what === "keep" ? "keep" : "reject", REASONS.includes(what) ? what : null, at);
  }

  // --- what a key does -------------------------------------------------------------------------------------------

  decide(decision, reason, at) {
    const card = this.current;
    this.history.push({ card, did: decision });
    this.refused = [];
    this.next(at); // the picture first
    const item = this.outbox.add({ example: card.example, decision, reason, from: "open", to: decision });
    this.hook.saved.push({ client_id: item.client_id, example: card.example, key: at, saved: null });
    this.say(decision, card, reason);
    this.tell();
    this.flush();
    this.deal();
  }

  skip(at) {
    const card = this.current;
    this.history.push({ card, did: "skip" });
    this.skipped.push(card);
    this.next(at);
    this.say("skip", card);
    this.deal();
  }

  undo(at) {
    const last = this.history.pop();
    if (!last) return;
    if (this.current) this.fresh.unshift(this.current);
    if (last.did === "skip") {
      // It may have come round again since: then it already lies among the fresh, or on top.
      this.skipped = this.skipped.filter((card) => card !== last.card);
      this.fresh = this.fresh.filter((card) => card !== last.card);
    } else {
      this.outbox.add({ example: last.card.example, decision: "undo", reason: null, from: last.did, to: "open" });
    }
    this.show(last.card, at);
    this.say("undo", last.card);
    this.tell();
    this.flush();
  }

  toggleMask(at) {
    this.masked = !this.masked;
    this.at.maskButton.setAttribute("aria-pressed", String(this.masked));
    if (this.state === "showing") this.draw(at);
  }

  next(at) {
    let card = this.fresh.shift();
    if (!card && this.exhausted) card = this.skipped.shift();
    this.show(card ?? null, at);
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  show(card, at = null) {
    this.current = card;
    clearTimeout(this.polling);
    if (!card) {
      if (this.exhausted) this.done();
      else this.become("loading", "Getting the next pictures…");
    } else {
      this.prefetch();
      this.look(at);
    }
    this.describe();
    this.tell();
  }

  /** Show the current card's picture, or say what it waits for. */
  look(at) {
    const picture = this.pictures.get(this.current.example);
    if (picture?.photo) this.draw(at);
    else if (picture?.missing) {
      this.become("missing", "This picture is missing from the store. Skip it, or reject it as a bad photo.");
    } else {
      if (picture) picture.wanted = at;
      this.become("loading", "Getting the picture…");
    }
  }

  draw(at) {
    const { photo, tint } = this.pictures.get(this.current.example);
    this.context.drawImage(photo, 0, 0, SIDE, SIDE);
    if (this.masked) this.context.drawImage(tint, 0, 0);
    this.become("showing");
    const entry = { example: this.current.example, key: at, painted: null };
    this.hook.shown.push(entry);
    presented().then((when) => (entry.painted = when));
  }

  become(state, says = "") {
    this.state = this.at.deck.dataset.state = state;
    this.at.over.hidden = state === "showing";
    if (state !== "showing") {
      this.context.clearRect(0, 0, SIDE, SIDE);
      this.at.over.replaceChildren(Object.assign(document.createElement("p"), { textContent: says }));
    }
    this.at.canvas.dataset.example = this.current?.example ?? "";
    this.at.canvas.dataset.state = state;
    this.at.canvas.dataset.masked = String(this.masked);
  }

  done() {
    const others = this.open() > 0;
    this.become("done");
    const title = document.createElement("strong");
    title.textContent = others ? "Nothing left for you just now" : "Nothing left to review";
    const text = document.createElement("p");
    text.textContent = others
      ? "The rest is in other reviewers' hands. What they leave comes to you by itself."
      : "Every picture has a verdict. U takes the last one back.";
    const links = document.createElement("div");
    links.className = "next";
    for (const [href, label] of [["/touchup", "Touch up test masks"], ["/sets", "Freeze a curated set"]]) {
      links.append(Object.assign(document.createElement("a"), { href, textContent: label, className: "button" }));
    }
    this.at.over.replaceChildren(title, text, ...(others ? [] : [links]));
    clearTimeout(this.polling);
    this.polling = setTimeout(() => this.deal(HAND), 15000);
  }

  describe() {
    const card = this.current;
    this.at.caption.hidden = !card;
    if (!card) return;
    const level = card.suspicion >= 0.66 ? "Doubtful" : card.suspicion >= 0.33 ? "Look twice" : "Looks right";
    this.at.file.textContent = this.at.file.title = card.photo;
    this.at.split.textContent = card.split;
    this.at.drawn.hidden = !card.drawn;
    this.at.meter.style.width = `${Math.round(card.suspicion * 100)}%`;
    this.at.doubt.textContent = `${level} · ${card.suspicion.toFixed(2)}`;
    this.at.reasons.textContent = card.reasons.join("; ");
    this.at.canvas.setAttribute("aria-label", `${card.photo} with its mask${card.drawn ? ", a drawn portrait" : ""}`);
    clearTimeout(this.speaking); // read out only where somebody stays
    this.speaking = setTimeout(() => (this.at.spoken.textContent = `${card.photo}. ${level}. ${card.reasons.join("; ")}`), 600);
  }

  say(what, card, reason = null) {
    this.at.last.textContent = `${WORDS[what]}: ${card.photo}${reason ? ` (${WORDS[reason]})` : ""}`;
    this.at.frame.dataset.flash = what;
    clearTimeout(this.flashing);
    this.flashing = setTimeout(() => delete this.at.frame.dataset.flash, 160);
  }

  // --- counts ----------------------------------------------------------------------------------------------------

  /** The server's counts with what it hasn't acknowledged yet. */
  tallied() {
    const counts = { ...(this.counts ?? { keep: 0, reject: 0, open: 0 }) };
    for (const item of this.outbox.items) {
      counts[item.from]--;
      counts[item.to]++;
    }
    return counts;
  }

  open() {
    return Math.max(0, this.tallied().open);
  }

  tell() {
    const unsaved = this.outbox.items.length;
    this.at.deck.dataset.unsaved = String(unsaved);
    if (this.counts) {
      const { keep, reject } = this.tallied();
      const open = this.open();
      const share = (part) => `${(100 * part) / Math.max(1, keep + reject + open)}%`;
      this.at.left.textContent = formatted(open);
      this.at.kept.textContent = formatted(keep);
      this.at.rejected.textContent = formatted(reject);
      this.at.barKept.style.width = share(keep);
      this.at.barRejected.style.width = share(reject);
      this.at.bar.setAttribute("aria-label", `${keep} kept, ${reject} rejected, ${open} left`);
    }
    const ready = this.state === "showing" || this.state === "missing";
    for (const button of this.root.querySelectorAll("button[data-do]")) {
      const what = button.dataset.do;
      button.disabled = what === "undo" ? !this.history.length : what !== "mask" && (!ready || (what === "keep" && this.state === "missing"));
    }
    // A moment's delay is no news; a second's is.
    const late = unsaved && Date.now() - this.outbox.items[0].order[0] > 900;
    this.at.unsaved.hidden = !(late || this.refused.length);
    const plain = `${formatted(unsaved)} not saved yet. Kept in this browser${this.trouble ? "; trying again" : ""}.`;
    this.at.unsaved.textContent = [late ? `${this.trouble ? `${this.trouble} ` : ""}${plain}` : "", ...this.refused].filter(Boolean).join(" ");
    clearTimeout(this.warning);
    if (unsaved && !late) this.warning = setTimeout(() => this.tell(), 1000);
  }

  // --- the server ------------------------------------------------------------------------------------------------

  async flush() {
    if (this.sending || this.gone || !this.outbox.items.length) return;
    clearTimeout(this.retrying);
    this.sending = true;
    const batch = this.outbox.items.slice(0, this.careful ? 1 : 100);
    try {
      const verdicts = batch.map(({ example, decision, reason, client_id }) => ({ example, decision, reason, client_id }));
      const said = await ask("/api/verdicts", this.token, { verdicts });
      const saved = performance.now();
      for (const entry of this.hook.saved) if (batch.some((item) => item.client_id === entry.client_id)) entry.saved = saved;
      this.acknowledge(batch, said.counts);
      if (batch.some((item) => item.decision === "undo")) this.deal(0); // take its lease again
    } catch (error) {
      this.sendingFailed(error, batch);
    } finally {
      this.sending = false;
    }
    if (this.gone) return;
    this.tell();
    if (!this.trouble && this.outbox.items.length) this.flush();
  }

  acknowledge(batch, counts) {
    this.outbox.remove(batch);
    this.counts = counts;
    this.trouble = null;
    this.tries = 0;
    this.answers++;
    if (this.careful) this.careful--;
    if (this.state === "done") this.done();
  }

  sendingFailed(error, batch) {
    if ([400, 404, 409].includes(error.status)) {
      // One bad verdict refuses its whole batch: send one by one, and set aside what is refused alone.
      if (batch.length > 1) this.careful = batch.length;
      else {
        this.outbox.remove(batch);
        if (this.careful) this.careful--;
        this.refused = [error.message];
      }
      this.trouble = null;
      return;
    }
    this.trouble = error.message;
    if (error.status === 403) this.renew?.(); // the page runs again and hands us a new token
    this.retrying = setTimeout(() => this.flush(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
  }

  /** Ask for cards where few are left; 0 only renews the leases of what we hold. */
  async deal(count = this.fresh.length < AHEAD + 5 && !this.exhausted ? HAND : null) {
    if (count === null || this.dealing || this.gone) return;
    this.dealing = true;
    const mine = () => [this.current, ...this.fresh, ...this.skipped].filter(Boolean).map((card) => card.example);
    const held = [...new Set([...mine(), ...this.outbox.items.map((item) => item.example)])];
    const answers = this.answers;
    let trouble = null;
    try {
      const said = await ask("/api/deck", this.token, { count, held: held.slice(0, 2000) });
      if (this.gone) return;
      if (!this.sending && answers === this.answers) this.counts = said.counts; // else a verdict's answer knows better
      // What was decided while the answer was on its way must not come back as new.
      const known = new Set([...held, ...mine()]);
      this.fresh.push(...said.cards.filter((card) => !known.has(card.example)));
      if (count) this.exhausted = said.cards.length < count;
    } catch (error) {
      trouble = error;
    } finally {
      this.dealing = false;
    }
    if (this.gone) return;
    if (trouble) {
      if (trouble.status === 403) this.renew?.();
      if (!this.current) this.become("loading", `${trouble.message} Trying again…`);
      setTimeout(() => this.deal(count), 2000);
    } else if (!this.current) this.next(null);
    else this.prefetch();
    this.tell();
  }

  /** Fetch, decode and tint ahead, the nearest first; forget what lies far behind. */
  prefetch() {
    const { current, fresh, skipped, history } = this;
    const ahead = [current, ...fresh.slice(0, AHEAD), ...skipped.slice(0, Math.max(1, AHEAD - fresh.length))];
    const behind = history.slice(-BEHIND).map((entry) => entry.card);
    const wanted = new Map([...ahead, ...behind].filter(Boolean).map((card) => [card.example, card]));
    for (const [example, picture] of this.pictures) {
      if (wanted.has(example)) continue;
      this.drop(picture);
      this.pictures.delete(example);
    }
    for (const [example, card] of wanted) {
      if (this.pictures.has(example) || (this.loading >= 4 && card !== current)) continue;
      const picture = {};
      this.pictures.set(example, picture);
      this.load(card, picture);
    }
  }

  async load(card, picture) {
    this.loading++;
    let later = false;
    try {
      const [photo, mask] = await Promise.all([bitmap(card.image), bitmap(card.mask)]);
      const tint = await createImageBitmap(tintOf(maskBytes(mask)));
      mask.close();
      Object.assign(picture, { photo, tint });
      if (picture.dropped) this.drop(picture);
    } catch (error) {
      if (error.missing) picture.missing = true;
      else later = true; // the network: ask again
    } finally {
      this.loading--;
    }
    if (this.gone) return;
    if (later) {
      this.pictures.delete(card.example);
      setTimeout(() => this.gone || this.prefetch(), 1000);
      return;
    }
    if (card === this.current && !picture.dropped && this.state === "loading") {
      this.look(picture.wanted ?? null);
      this.tell();
    }
    this.prefetch();
  }

  drop(picture) {
    picture.dropped = true;
    picture.photo?.close();
    picture.tint?.close();
  }
}

let deck = null; // module scope outlives reruns; the deck lives from mount to unmount

export default function ({ data, parentElement, setTriggerValue }) {
  if (!deck || deck.root !== parentElement || deck.reviewer !== data.reviewer) {
    deck?.unmount();
    deck = new Deck(data.reviewer);
    deck.token = data.token;
    deck.mount(parentElement);
  }
  if (deck.token !== data.token) {
    deck.token = data.token;
    deck.renewed = false;
    deck.flush();
  }
  deck.renew = () => {
    if (deck.renewed) return; // once a token: a server that refuses the new one too is not asked for ever
    deck.renewed = true;
    setTriggerValue("renew", true);
  };
  const mine = deck;
  return () => {
    mine.unmount();
    if (deck === mine) deck = null;
  };
}
