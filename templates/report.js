"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const remember = (key, value) => {
    try { localStorage.setItem(`attnprobe-${key}`, value); } catch { /* a sandboxed page has no storage */ }
  };
  const recall = (key) => {
    try { return localStorage.getItem(`attnprobe-${key}`); } catch { return null; }
  };

  const setLanguage = (language) => {
    root.dataset.language = language;
    root.lang = language === "zh" ? "zh-Hans" : "en";
  };
  const setTheme = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  const theme = recall("theme");
  if (theme === "light" || theme === "dark") setTheme(theme);
  root.classList.add("js");

  byId("switch-language").addEventListener("click", () => {
    setLanguage(root.dataset.language === "zh" ? "en" : "zh");
  });
  byId("switch-theme").addEventListener("click", () => {
    const next = { auto: "light", light: "dark", dark: "auto" }[root.dataset.theme || "auto"];
    setTheme(next);
    remember("theme", next);
  });
  byId("print").addEventListener("click", () => window.print());

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open], .more, .site)")];
    for (const each of closed) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });

  const reveal = () => {
    const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    const closed = target && target.closest("details:not([open])");
    if (target) target.closest(".finding[hidden]")?.removeAttribute("hidden");
    if (closed) closed.open = true;
    if (closed) target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  reveal();

  const groups = [...document.querySelectorAll(".group")];
  byId("open-all")?.addEventListener("click", () => {
    const open = groups.some((group) => !group.hidden && !group.open);
    for (const group of groups) if (!group.hidden) group.open = open;
  });

  const cards = [...document.querySelectorAll(".finding")];
  const wanted = { severity: "", category: "", text: "" };
  const sift = () => {
    for (const card of cards) {
      const head = card.querySelector("summary").textContent.toLowerCase();
      card.hidden = !["severity", "category"].every((key) => !wanted[key] || card.dataset[key] === wanted[key])
        || !head.includes(wanted.text);
    }
    const shown = cards.filter((card) => !card.hidden).length;
    byId("finding-count").textContent = shown < cards.length ? `${shown} / ${cards.length}` : "";
  };
  const choices = [...document.querySelectorAll("[data-by]")];
  for (const choice of choices) {
    choice.addEventListener("click", () => {
      wanted[choice.dataset.by] = choice.dataset.value;
      for (const each of choices) {
        if (each.dataset.by === choice.dataset.by) each.setAttribute("aria-pressed", String(each === choice));
      }
      sift();
    });
  }
  byId("finding-filter")?.addEventListener("input", (event) => {
    wanted.text = event.target.value.trim().toLowerCase();
    sift();
  });

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const text = button.closest(".snippet").querySelector("pre");
      getSelection().selectAllChildren(text);
      try { await navigator.clipboard.writeText(text.textContent); } catch { return; /* selected, at least */ }
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    });
  }

  document.addEventListener("keydown", (event) => {
    const search = document.querySelector("input[type=search]");
    if (!search || event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    search.focus();
  });

  const filter = byId("filter");
  if (!filter) return;
  const texts = groups.map((group) => group.querySelector("summary").textContent.toLowerCase());
  filter.addEventListener("input", () => {
    const sought = filter.value.trim().toLowerCase();
    groups.forEach((group, index) => { group.hidden = !texts[index].includes(sought); });
    const shown = groups.filter((group) => !group.hidden).length;
    byId("filter-count").textContent = sought ? `${shown} / ${groups.length}` : "";
  });
})();
