// The desk by keyboard: one letter does what a button on the page does, g and a letter goes to a page, j and k walk
// through a list. What there is on the page at hand stands behind the question mark. Whoever speaks to the computer
// or types by chance can switch it off there (WCAG 2.1.4).
"use strict";

(() => {
  const KEPT = "niangjia-shortcuts";
  const dialog = document.getElementById("shortcuts");
  if (!dialog) return;
  let going = false;

  const isOn = () => localStorage.getItem(KEPT) !== "off";
  const isSeen = (one) => one.getClientRects().length > 0 && !one.disabled;
  const isWriting = (one) => one.matches("input:not([type=checkbox]):not([type=radio]),textarea,select,[contenteditable]");
  const nameOf = (one) => (one.dataset.shortcutName || one.getAttribute("aria-label") || one.textContent || one.placeholder || "").trim().replace(/\s+/g, " ");

  function places() {
    return [...document.querySelectorAll("main a.open,main [data-open],main tbody tr a:first-of-type")].filter(isSeen);
  }

  function walk(step) {
    const all = places();
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  function row(keys, meaning) {
    const line = document.createElement("tr");
    const left = document.createElement("th");
    left.scope = "row";
    for (const key of keys) {
      const mark = document.createElement("kbd");
      mark.textContent = key;
      left.append(mark, " ");
    }
    const right = document.createElement("td");
    right.textContent = meaning;
    line.append(left, right);
    return line;
  }

  function show() {
    const rows = dialog.querySelector("tbody");
    rows.replaceChildren(row(["?"], "打开或关上这张表"));
    for (const one of document.querySelectorAll("[data-shortcut]")) {
      if (isSeen(one)) rows.append(row([one.dataset.shortcut], nameOf(one)));
    }
    if (document.querySelector("main [data-search]")) rows.append(row(["/"], "搜索"));
    if (places().length) rows.append(row(["j", "k"], "在列表里往下、往上；回车打开"));
    if (document.querySelector("[data-once]")) rows.append(row(["Ctrl", "回车"], "发送"));
    for (const one of document.querySelectorAll("[data-go]")) {
      if (isSeen(one)) rows.append(row(["g", one.dataset.go], "去「" + nameOf(one) + "」"));
    }
    dialog.querySelector("[data-shortcuts-on]").checked = isOn();
    dialog.showModal();
  }

  function use(key) {
    if (going) {
      going = false;
      const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (link) link.click();
      return Boolean(link);
    }
    if (key === "g") {
      going = true;
      setTimeout(() => { going = false; }, 1500);
      return true;
    }
    if (key === "j" || key === "k") return walk(key === "j" ? 1 : -1);
    const wanted = key === "/" ? "main [data-search]" : `[data-shortcut="${CSS.escape(key)}"]`;
    const found = [...document.querySelectorAll(wanted)].find(isSeen);
    if (!found) return false;
    if (isWriting(found)) found.focus();
    else found.click();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.key === "Escape" && isWriting(event.target)) {
      event.target.blur();
      return;
    }
    if (isWriting(event.target) || (document.querySelector("dialog[open]") && event.key !== "?")) return;
    if (document.querySelector(".lock-screen")) return;
    if (event.key === "?") {
      if (dialog.open) dialog.close();
      else show();
      event.preventDefault();
    } else if (isOn() && event.key.length === 1 && use(event.key.toLowerCase())) {
      event.preventDefault();
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-show-shortcuts]")) show();
  });

  dialog.querySelector("[data-shortcuts-on]").addEventListener("change", (event) => {
    if (event.target.checked) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, "off");
  });
})();
