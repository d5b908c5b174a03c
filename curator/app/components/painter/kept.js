// @ts-check
// What the browser keeps of a touch-up until the server has it, and its steps for undo: in IndexedDB, so that a reload or a
// browser that was killed loses no stroke. Where a browser forbids storage, all of it does nothing.

/**
 * @typedef {object} Kept
 * @property {string} image the hash of the picture that is painted on
 * @property {string} page the name of the page that painted it
 * @property {number} at when it was kept, milliseconds since 1970
 * @property {Uint8Array} alpha as it was last painted
 * @property {Uint8Array} hints that it was refined by
 * @property {number} strokes how many changes have been made
 * @property {number} saved how many of them the server has
 * @property {import("./history.js").Step[]} past
 * @property {import("./history.js").Step[]} future
 */

const [DATABASE, SHELF] = ["winnow", "touch-ups"];

/** @returns {Promise<IDBDatabase>} */
function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(SHELF);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

/** @param {IDBTransactionMode} mode @param {(shelf: IDBObjectStore) => IDBRequest} what */
async function on(mode, what) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(SHELF, mode);
      const asked = what(transaction.objectStore(SHELF));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** Keep this of a touch-up, by its number. @param {number} touchUp @param {Kept} kept */
export const keep = (touchUp, kept) => on("readwrite", (shelf) => shelf.put(kept, touchUp)).catch(() => {});

/** What is kept of a touch-up; undefined if nothing is. @param {number} touchUp @returns {Promise<Kept | undefined>} */
export const kept = (touchUp) => on("readonly", (shelf) => shelf.get(touchUp)).catch(() => undefined);

/** Forget a touch-up that is over. @param {number} touchUp */
export const forget = (touchUp) => on("readwrite", (shelf) => shelf.delete(touchUp)).catch(() => {});

/** Forget what was kept before a time, of touch-ups that nobody went on with. @param {number} before milliseconds since 1970 */
export function forgetOld(before) {
  return on("readwrite", (shelf) => {
    const asked = shelf.openCursor();
    asked.onsuccess = () => {
      const cursor = asked.result;
      if (!cursor) return;
      if (!(cursor.value.at >= before)) cursor.delete();
      cursor.continue();
    };
    return asked;
  }).catch(() => {});
}
