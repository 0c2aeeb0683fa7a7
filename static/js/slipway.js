/* What pages do beyond htmx. Every page works without it. */
(function () {
  "use strict";
  const TOAST_S = 7;
  const OFFLINE_AFTER_S = 0.5;
  const HIDDEN_POLL_S = 15;
  const LEVELS = ["debug", "info", "warning", "error"];
  const find = (selector) => document.querySelector(selector);

  // -- toasts ----------------------------------------------------------------------------------
  function expire(toast) {
    if (toast.dataset.toast === "bad") return; // an error stays until it is closed
    const timer = window.setTimeout(() => toast.remove(), TOAST_S * 1000);
    toast.addEventListener("pointerenter", () => window.clearTimeout(timer));
    toast.addEventListener("focusin", () => window.clearTimeout(timer));
  }

  function showToast(text, tone, key) {
    const region = find("#toasts");
    const same = Array.from(region.children).find((toast) => key && toast.dataset.key === key);
    if (same) return;
    const models = find("#toast-templates").content;
    const model = models.querySelector(`[data-toast="${CSS.escape(tone || "info")}"]`);
    const toast = (model || models.querySelector("[data-toast]")).cloneNode(true);
    toast.querySelector("p").textContent = text;
    if (key) toast.dataset.key = key;
    region.append(toast);
    expire(toast);
  }

  function dropToast(key) {
    document.querySelectorAll(`#toasts [data-key="${key}"]`).forEach((toast) => toast.remove());
  }

  // HX-Trigger: {"toast": {"text": "...", "tone": "ok"}}, or a list of them under "toasts".
  document.addEventListener("toast", (event) => showToast(event.detail.text, event.detail.tone));
  document.addEventListener("toasts", (event) => event.detail.value.forEach((one) => showToast(one.text, one.tone)));

  // -- htmx: errors and polling ----------------------------------------------------------------
  function describe(status, retryAfter) {
    if (status === 403) return "You do not have permission, or your session has changed. Reload the page.";
    if (status === 404 || status === 410) return "This no longer exists. Reload the page.";
    if (status === 409) return "Someone else changed this first. Reload the page to see the current state.";
    if (status === 429) return `Too many requests. Try again in ${retryAfter || "a few"} seconds.`;
    if (status >= 500) return `Server error (${status}). Nothing on this page has changed.`;
    return `The request was refused (${status}).`;
  }

  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if ((xhr.getResponseHeader("HX-Trigger") || "").includes("toast")) return;
    showToast(describe(xhr.status, xhr.getResponseHeader("Retry-After")), "bad", `status-${xhr.status}`);
  });
  // A page that is being left cuts its requests off: only what lasts is worth a toast.
  let offlineTimer = 0;
  function expectAnswers() {
    window.clearTimeout(offlineTimer);
    offlineTimer = 0;
  }

  function sayOffline() {
    offlineTimer = 0;
    showToast("No response from the server. The page keeps retrying.", "warn", "offline");
  }

  ["htmx:sendError", "htmx:timeout"].forEach((name) => {
    document.addEventListener(name, () => {
      offlineTimer = offlineTimer || window.setTimeout(sayOffline, OFFLINE_AFTER_S * 1000);
    });
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    expectAnswers();
    dropToast("offline");
  });
  window.addEventListener("pagehide", expectAnswers);

  // The filter bar stands outside the list: it takes the order that the list has by now, and sends no empty filter.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches("[data-filters]")) return;
    const sent = event.detail.parameters;
    const ordering = new URLSearchParams(window.location.search).get("ordering");
    if (ordering) sent.ordering = ordering;
    Object.keys(sent)
      .filter((name) => sent[name] === "")
      .forEach((name) => delete sent[name]);
  });

  const polledAt = new Map();
  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (!element.matches("[data-live]")) return;
    const path = event.detail.requestConfig.path;
    const now = Date.now();
    if (document.hidden && now - (polledAt.get(path) || 0) < HIDDEN_POLL_S * 1000) {
      event.preventDefault();
      return;
    }
    polledAt.set(path, now);
  });

  // -- copy, menus, dialogs, navigation --------------------------------------------------------
  async function copy(button) {
    const code = button.closest(".sw-code");
    const text = code ? code.querySelector("code").textContent : button.dataset.copy;
    const label = button.querySelector("span");
    try {
      await navigator.clipboard.writeText(text);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Press Ctrl+C";
      if (code) window.getSelection().selectAllChildren(code.querySelector("code"));
    }
    window.setTimeout(() => {
      label.textContent = "Copy";
    }, 2000);
  }

  function openDialog(link, event) {
    const dialog = find(link.dataset.dialog);
    if (!dialog || !dialog.showModal) return;
    event.preventDefault();
    dialog.showModal();
  }

  function closeMenus(except) {
    document.querySelectorAll("[data-menu][open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  }

  function toggleNavigation(button) {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    find("#side-body").classList.toggle("sw-open", open);
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    const near = (selector) => target.closest(selector);
    closeMenus(near("[data-menu]"));
    if (near("[data-toast-close]")) near("[data-toast]").remove();
    else if (near("[data-copy]")) copy(near("[data-copy]"));
    else if (near("[data-dialog]")) openDialog(near("[data-dialog]"), event);
    else if (near("[data-nav-toggle]")) toggleNavigation(near("[data-nav-toggle]"));
    else if (near("dialog [data-dialog-close]")) {
      event.preventDefault();
      near("dialog").close();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = find("[data-menu][open]");
    closeMenus(null);
    if (open) open.querySelector("summary").focus();
  });
  document.addEventListener("input", (event) => {
    const wanted = event.target.dataset.typedName;
    if (wanted === undefined) return;
    event.target.setCustomValidity(event.target.value === wanted ? "" : `Type ${wanted}`);
  });

  // -- logs ------------------------------------------------------------------------------------
  function filterLines(log, lines) {
    const level = LEVELS.indexOf(log.querySelector("[name=level]").value);
    const stage = (log.querySelector("[name=stage]") || {}).value || "";
    log.querySelectorAll(lines).forEach((line) => {
      const quiet = LEVELS.indexOf(line.dataset.level) < level;
      line.hidden = quiet || (stage !== "" && line.dataset.stage !== stage);
      line.dataset.seen = "";
    });
  }

  function followLog(log) {
    const lines = log.querySelector("[role=log]");
    if (log.querySelector("[data-log-follow]").checked) lines.scrollTop = lines.scrollHeight;
  }

  function keepFilterInUrl(log) {
    const url = new URL(window.location.href);
    new FormData(log.querySelector("[data-log-filter]")).forEach((value, name) => {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    });
    window.history.replaceState(window.history.state, "", url);
  }

  document.addEventListener("change", (event) => {
    const log = event.target.closest("[data-log]");
    if (!log) return;
    if (event.target.closest("[data-log-filter]")) {
      filterLines(log, ".sw-line");
      keepFilterInUrl(log);
    }
    followLog(log);
  });

  // -- after each load and each swap -----------------------------------------------------------
  function settle() {
    document.querySelectorAll("[data-log]").forEach((log) => {
      filterLines(log, ".sw-line:not([data-seen])");
      followLog(log);
    });
    const summary = find("[data-error-summary]:not([data-seen])");
    if (!summary) return;
    summary.dataset.seen = "";
    summary.focus();
  }

  document.addEventListener("htmx:afterSettle", settle);
  document.addEventListener("DOMContentLoaded", () => {
    settle();
    document.querySelectorAll("#toasts [data-toast]").forEach(expire);
    // A deep link to a line wins over following.
    const line = window.location.hash.startsWith("#L") && document.getElementById(window.location.hash.slice(1));
    if (line) line.scrollIntoView({ block: "center" });
  });
})();
