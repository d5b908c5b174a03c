// The checks of our own JavaScript: the browser components, and their tests under Node.js.

import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: [".venv/", "winnow-home/"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-shadow": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "require-await": "error",
      "no-implicit-globals": "error",
    },
  },
  { files: ["curator/app/components/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/**/*.js"], languageOptions: { globals: { ...globals.node, window: "readonly", ImageData: "readonly" } } },
];
