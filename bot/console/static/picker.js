// Canned replies are chosen by keyboard or mouse and put into the composer; nothing is sent by that.
"use strict";

(() => {
  const dialog = document.getElementById("picker");
  if (!dialog) return;
  const search = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  const state = dialog.querySelector("[role=status]");
  let replies = [];
  let shown = [];
  let at = 0;
  // Where the words go, and how much of what stands there they take the place of (the stroke that opened the list).
  let place = { start: 0, end: 0 };

  function put(text, from, to) {
    const field = document.getElementById("reply");
    if (!field) return;
    const start = from === undefined ? field.selectionStart : from;
    field.setRangeText(text, start, to === undefined ? field.selectionEnd : to, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function mark() {
    [...list.children].forEach((one, number) => one.setAttribute("aria-selected", String(number === at)));
    const chosen = list.children[at];
    if (chosen) {
      search.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else search.removeAttribute("aria-activedescendant");
  }

  function line(reply, number) {
    const one = document.createElement("li");
    one.id = `picker-${number}`;
    one.setAttribute("role", "option");
    const title = document.createElement("strong");
    title.textContent = reply.title;
    const kind = document.createElement("small");
    kind.textContent = [reply.category_name, reply.state === "shared" ? "" : "自己的"].filter(Boolean).join("　");
    const words = document.createElement("span");
    words.textContent = reply.missing ? `不能用：${reply.missing}` : reply.text;
    if (reply.missing) one.setAttribute("aria-disabled", "true");
    one.append(title, " ", kind, words);
    one.addEventListener("click", () => choose(reply));
    return one;
  }

  function filter() {
    const asked = search.value.trim().toLowerCase();
    shown = replies.filter((one) => `${one.title} ${one.category_name} ${one.text}`.toLowerCase().includes(asked));
    at = 0;
    list.replaceChildren(...shown.map(line));
    state.textContent = shown.length ? `${shown.length} 条，上下键选，回车放进输入框`
      : replies.length ? "没有这样的常用语，换个词试试。" : "还没有常用语，点下面去写。";
    mark();
  }

  function choose(reply) {
    if (!reply || reply.missing) return;
    dialog.close();
    put(reply.text, place.start, place.end);
  }

  async function open(start, end) {
    place = { start, end };
    replies = [];
    search.value = "";
    list.replaceChildren();
    state.textContent = "正在取…";
    dialog.showModal();
    search.focus();
    try {
      const response = await fetch(dialog.dataset.replies, { headers: { Accept: "application/json" } });
      if (response.status === 423) { showLock(); return; }
      if (!response.ok) throw new Error(String(response.status));
      replies = await response.json();
      filter();
    } catch (error) {
      state.textContent = "没有取到，关上再试一次。";
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-picker]")) {
      const field = document.getElementById("reply");
      open(field.selectionStart, field.selectionEnd);
    }
    const words = event.target.closest("[data-insert]");
    if (words) put(words.dataset.insert);
  });

  // Chinese keyboards write 、 with the key of the stroke.
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.id !== "reply" || event.isComposing || (event.data !== "/" && event.data !== "、")) return;
    const end = field.selectionStart;
    if (end === 1 || field.value[end - 2] === "\n") open(end - 1, end);
  });

  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (shown.length) at = (at + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length;
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(shown[at]);
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target.closest("[data-close]")) dialog.close(); });
  dialog.addEventListener("close", () => {
    const field = document.getElementById("reply");
    if (field) field.focus();
  });
})();
