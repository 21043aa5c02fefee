// Forms of cases: Ctrl+Enter keeps them, and what is typed is not lost.
"use strict";

document.addEventListener("keydown", (event) => {
  const form = event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("[data-ctrl-enter]");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
});

// What stands in a form goes to the server a moment after the last key, so that a locked screen loses nothing.
const QUIET = 1500;

function keepDraft(form, fields) {
  return fetch("/console/drafts", {
    method: "POST",
    keepalive: true,
    headers: { Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf },
    body: new URLSearchParams({ form: form.dataset.draft, fields: JSON.stringify(fields) }),
  });
}

function drafted(form) {
  const state = form.querySelector("[data-draft-state]");
  let timer = null;
  let sent = JSON.stringify(Object.fromEntries(new FormData(form)));
  const keep = async () => {
    clearTimeout(timer);
    timer = null;
    const fields = Object.fromEntries(new FormData(form));
    const now = JSON.stringify(fields);
    if (now === sent || !form.isConnected) return;
    try {
      const response = await keepDraft(form, fields);
      if (response.ok) sent = now;
      if (state) state.textContent = response.ok ? "草稿已存，锁屏、关掉页面都不会丢" : "草稿没有存上";
    } catch (error) {
      if (state) state.textContent = "没有连上，草稿还没存";
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, QUIET);
  });
  form.addEventListener("submit", () => { clearTimeout(timer); timer = null; });
  document.addEventListener("visibilitychange", () => { if (timer && document.hidden) keep(); });
  // Before the screen is emptied.
  document.addEventListener("click", (event) => { if (timer && event.target.closest("[data-lock-now]")) keep(); }, true);
}

for (const form of document.querySelectorAll("[data-draft]")) drafted(form);

document.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-drop-draft]")) return;
  await keepDraft(document.querySelector("[data-draft]"), {});
  location.reload();
});

// A picture is fetched, and its opening written down, when somebody wants to see it.
document.addEventListener("toggle", (event) => {
  const picture = event.target.querySelector && event.target.querySelector("img[data-src]");
  if (picture && event.target.open && !picture.src) picture.src = picture.dataset.src;
}, true);
