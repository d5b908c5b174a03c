// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { isElsewhere, isUndo } from "../../../../curator/app/components/keys.js";

/** @import { Focus } from "../../../../curator/app/components/keys.js" */

const plain = { ctrlKey: false, metaKey: false, altKey: false, isComposing: false };
/** The keys that are for something else, of those given. @param {Focus} focus @param {string[]} keys */
const elsewhere = (focus, ...keys) => keys.filter((key) => isElsewhere({ ...plain, key }, focus));
const ALL = ["Tab", "Enter", " ", "ArrowLeft", "Home", "PageDown", "Escape", "Backspace", "+", "-", "0", "k", "["];

test("with nothing in focus, every key but Tab is the component's", () => {
  assert.deepEqual(elsewhere("nothing", ...ALL), ["Tab"]);
});

test("what is typed into a text is the text's, + as well", () => {
  assert.deepEqual(elsewhere("text", ...ALL), ALL);
});

test("what presses and moves a widget that Tab has reached is the widget's, and shortcuts go on to work", () => {
  assert.deepEqual(elsewhere("button", ...ALL), ["Tab", "Enter", " "]);
  assert.deepEqual(elsewhere("slider", ...ALL), ["Tab", "ArrowLeft", "Home", "PageDown"]);
  assert.deepEqual(elsewhere("widget", ...ALL), ["Tab", "Enter", " ", "ArrowLeft", "Home", "PageDown", "Escape", "Backspace"]);
});

test("the browser's zoom and all its other shortcuts are the browser's, wherever the focus is", () => {
  for (const focus of /** @type {Focus[]} */ (["nothing", "button", "slider", "widget", "text"])) {
    for (const modifier of ["ctrlKey", "metaKey", "altKey"]) {
      for (const key of ["+", "=", "-", "0", "z", "Enter", "ArrowLeft"]) {
        assert.ok(isElsewhere({ ...plain, [modifier]: true, key }, focus), `${modifier} ${key} at ${focus}`);
      }
    }
    assert.ok(isElsewhere({ ...plain, isComposing: true, key: "k" }, focus));
  }
});

test("Ctrl+Z and Command+Z undo, but not in a text, and not with Shift", () => {
  const pressed = (/** @type {object} */ with_, /** @type {unknown} */ target = null) =>
    isUndo(/** @type {any} */ ({ key: "z", ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, repeat: false, composedPath: () => [target], ...with_ }));
  Reflect.set(globalThis, "Element", class {
    constructor(/** @type {boolean} */ isText) {
      this.closest = () => (isText ? this : null);
    }
  });
  assert.ok(pressed({ ctrlKey: true }) && pressed({ metaKey: true, key: "Z" }));
  assert.ok(!pressed({}) && !pressed({ ctrlKey: true, shiftKey: true }) && !pressed({ ctrlKey: true, key: "y" }));
  const text = new /** @type {any} */ (globalThis).Element(true);
  assert.ok(!pressed({ ctrlKey: true }, text));
  Reflect.deleteProperty(globalThis, "Element");
});
