// @ts-check
// As much of a browser as the components need that draw nothing: storages, tabs, a network, pictures' pixels.

import { mock } from "node:test";

class FakeStorage {
  /** @param {string} name */
  getItem(name) {
    return Object.hasOwn(this, name) ? Reflect.get(this, name) : null;
  }

  /** @param {string} name @param {string} value */
  setItem(name, value) {
    Reflect.set(this, name, value);
  }

  /** @param {string} name */
  removeItem(name) {
    Reflect.deleteProperty(this, name);
  }
}

/** What one tab says, all others of that name hear, a moment later and as a copy. */
class FakeChannel {
  /** @type {Set<FakeChannel>} */
  static open = new Set();
  /** @type {((message: {data: any}) => void) | null} */
  onmessage = null;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
    FakeChannel.open.add(this);
  }

  /** @param {unknown} data */
  postMessage(data) {
    for (const other of FakeChannel.open) {
      if (other === this || other.name !== this.name) continue;
      const copy = structuredClone(data);
      queueMicrotask(() => FakeChannel.open.has(other) && other.onmessage?.({ data: copy }));
    }
  }

  close() {
    FakeChannel.open.delete(this);
  }
}

class FakeImageData {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}

/** A request: its body, decoded if it is JSON, and what the header of an upload's piece says. @typedef {{path: string, token: string, body: any, piece: any}} Asked */

/** The server: every request it got, and how it answers the next. */
export class Server {
  /** @type {Asked[]} */
  requests = [];
  /** @type {(request: Asked) => any} */
  answer = () => ({});

  /** @param {string} path @param {{headers: Record<string, string>, body: string | Blob}} options */
  async fetch(path, { headers, body }) {
    const piece = JSON.parse(decodeURIComponent(headers["X-Winnow-Piece"] ?? "null"));
    const request = { path, token: headers["X-Winnow-Token"], body: typeof body === "string" ? JSON.parse(body) : body, piece };
    this.requests.push(request);
    const answer = await this.answer(request);
    if (answer instanceof Error) throw answer; // the network is down
    const { status = 200, ...json } = answer;
    return { ok: status < 400, status, json: () => Promise.resolve(json) };
  }
}

/** What fetch() rejects with while the network is down. */
export const DOWN = new TypeError("Failed to fetch");

/** A fresh browser with an empty storage at noon; its clock goes on by `later` alone. Returns its server. */
export function open() {
  FakeChannel.open.clear();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Date.UTC(2026, 0, 1, 12) });
  const server = new Server();
  const window = Object.assign(new EventTarget(), { localStorage: new FakeStorage(), sessionStorage: new FakeStorage() });
  Object.assign(globalThis, {
    window,
    BroadcastChannel: FakeChannel,
    ImageData: FakeImageData,
    fetch: server.fetch.bind(server),
  });
  return server;
}

/** Let everything happen that waits for nothing but its turn. */
export async function settled() {
  for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
}

/** Let time pass. @param {number} ms */
export async function later(ms) {
  mock.timers.tick(ms);
  await settled();
}

/** Names of what a storage holds under a prefix. @param {string} prefix @param {object} storage */
export const stored = (prefix, storage = window.localStorage) => Object.keys(storage).filter((name) => name.startsWith(prefix));
