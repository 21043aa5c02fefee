// Notices: how each channel shows what is being typed, and how many would get it, a moment after the last change.
"use strict";

const PAUSE = 500;

async function fill(box, path, form) {
  const answer = await fetch(path, form
    ? { method: "POST", headers: { "X-CSRF-Token": document.body.dataset.csrf }, body: new URLSearchParams(new FormData(form)) }
    : {});
  if (answer.redirected) return;
  if (answer.ok) box.innerHTML = await answer.text();
}

// One question at a time: counting half a million takes a while, and only the last answer matters.
function follow(form) {
  const box = document.getElementById("preview");
  let timer = null;
  let busy = false;
  let again = false;
  const ask = async () => {
    if (busy) { again = true; return; }
    busy = true;
    box.setAttribute("aria-busy", "true");
    try {
      await fill(box, form.dataset.preview, form);
    } catch (error) {
      // The line is down; the next change asks again, and saving says what is wrong.
    } finally {
      busy = false;
      box.removeAttribute("aria-busy");
      if (again) { again = false; ask(); }
    }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, PAUSE); });
  if (box.hasAttribute("data-first")) ask();
}

for (const form of document.querySelectorAll("[data-preview]")) follow(form);
for (const box of document.querySelectorAll("[data-load]")) fill(box, box.dataset.load).catch(() => {});

document.addEventListener("click", async (event) => {
  const insert = event.target.closest("[data-insert]");
  if (insert) {
    const field = document.getElementById("text");
    field.setRangeText(insert.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const text = copy.closest(".pack").querySelector("[data-copied]");
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "已复制";
    } catch (error) {
      copy.textContent = "已选中，请按 Ctrl+C 复制";
    }
  }
});
