/* Loaded before the first paint: no flash of the other theme. Choices: light, dark, system. */
(function () {
  "use strict";
  const KEY = "slipway-theme";
  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");

  function choice() {
    try {
      const kept = window.localStorage.getItem(KEY);
      return kept === "light" || kept === "dark" ? kept : "system";
    } catch {
      return "system"; // storage is blocked in this browser
    }
  }

  function apply() {
    const chosen = choice();
    const theme = chosen === "system" ? (prefersDark.matches ? "dark" : "light") : chosen;
    root.setAttribute("data-bs-theme", theme);
    document.querySelectorAll("[data-theme-choice]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
    });
    document.dispatchEvent(new CustomEvent("slipway:theme", { detail: { theme } }));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      window.localStorage.setItem(KEY, button.dataset.themeChoice);
    } catch {
      root.setAttribute("data-bs-theme", button.dataset.themeChoice);
      return;
    }
    apply();
  });
  prefersDark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("DOMContentLoaded", apply);
  root.classList.add("js");
  apply();
})();
