// What `make check` asks of static/js: real errors, no taste. Layout is Prettier's.
import js from "@eslint/js";

// Named one by one: the whole list of a browser's globals has `name`, `event` and `status` in it, which hide a typing error.
const browser = [
  "CSS",
  "CustomEvent",
  "FormData",
  "ResizeObserver",
  "URL",
  "URLSearchParams",
  "document",
  "navigator",
  "window",
];

export default [
  {
    files: ["static/js/**/*.js"],
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "script",
      globals: Object.fromEntries(browser.map((name) => [name, "readonly"])),
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...js.configs.recommended.rules,
      "array-callback-return": "error",
      "block-scoped-var": "error",
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-promise-executor-return": "error",
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-use-before-define": ["error", { functions: false }],
      "no-var": "error",
      "prefer-const": "error",
      strict: ["error", "function"],
    },
  },
];
