// What pages do beyond plain forms: keep themselves up to date, ask before what cannot be undone, send once.
"use strict";

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function prepare(root) {
  for (const field of root.querySelectorAll("[data-key]")) {
    if (!field.value) field.value = newKey();
  }
  for (const box of root.querySelectorAll("[data-bottom]")) box.scrollTop = box.scrollHeight;
  tick();
}

// The screen locks when nobody touches it. What stood on the page goes; the alarm, which says nothing of anybody, goes on.
let locked = false;
const streams = [];
const lockSeconds = Number(document.body.dataset.lock || 0);
const colleagues = "BroadcastChannel" in window ? new BroadcastChannel("niangjia-desk") : null;
let touchedAt = Date.now();
let toldAt = Date.now();

function post(path) {
  return fetch(path, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf },
  });
}

function touched() {
  const now = Date.now();
  touchedAt = now;
  if (locked || now - toldAt < 60000) return;
  toldAt = now;
  if (colleagues) colleagues.postMessage("touched");
  post("/console/stay").then((response) => { if (response.status === 423) showLock(); }).catch(() => {});
}

function lockNow() {
  post("/console/lock").catch(() => {});
  if (colleagues) colleagues.postMessage("locked");
  showLock();
}

function showLock() {
  if (locked) return;
  const form = document.getElementById("lock");
  for (const stream of streams) stream.close();
  const screen = document.createElement("div");
  screen.className = "lock-screen";
  screen.setAttribute("role", "dialog");
  screen.setAttribute("aria-modal", "true");
  screen.append(form.content.cloneNode(true));
  document.body.replaceChildren(screen);
  document.title = "屏幕已锁";
  begin(screen);
}

// From here on only the password and the alarm.
function begin(screen) {
  locked = true;
  const field = screen.querySelector("[name=password]");
  if (field) field.focus();
  listenForAlarms();
}

async function unlock(form) {
  const problem = form.querySelector("[data-problem]");
  problem.textContent = "";
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    if (response.ok) {
      if (colleagues) colleagues.postMessage("unlocked");
      location.assign(form.querySelector("[name=back]").value);
      return;
    }
    if (response.status === 401) {
      location.assign("/console/sign-in");
      return;
    }
    problem.textContent = (await response.json()).error;
    form.querySelector("[name=password]").select();
  } catch (error) {
    problem.textContent = "没有连上，请再试一次。";
  }
}

function note(box) {
  const mark = box.querySelector("[data-count]");
  if (!mark) return;
  const count = Number(mark.dataset.count);
  const danger = Number(mark.dataset.danger || 0);
  document.title = (danger ? `【危险 ${danger}】` : "") + (count ? `（${count}）` : "") + box.dataset.title;
}

function nameOf(details) {
  const summary = details.querySelector("summary");
  return (details.id || "") + (summary ? summary.textContent : "");
}

// Fields somebody is typing in stay as they are when the page around them is renewed.
function kept(box) {
  const values = new Map();
  for (const field of box.querySelectorAll("textarea[name],input[name]:not([type=hidden]),select[name]")) {
    const changed = field.type === "checkbox" ? field.checked !== field.defaultChecked
      : field.tagName === "SELECT" ? ![...field.options].every((one) => one.selected === one.defaultSelected)
      : field.value !== field.defaultValue;
    if (changed) values.set(field.form.action + "|" + field.name, field.type === "checkbox" ? field.checked : field.value);
  }
  const open = new Map([...box.querySelectorAll("details")].map((one) => [nameOf(one), one.open]));
  const keys = [...box.querySelectorAll("[data-key]")].map((one) => one.value);
  const active = document.activeElement;
  const focus = active && box.contains(active) && active.id
    ? { id: active.id, start: active.selectionStart, end: active.selectionEnd } : null;
  return { values, open, keys, focus };
}

function restore(box, state) {
  for (const field of box.querySelectorAll("textarea[name],input[name]:not([type=hidden]),select[name]")) {
    const value = state.values.get(field.form.action + "|" + field.name);
    if (value === undefined) continue;
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
  }
  box.querySelectorAll("details").forEach((one) => { one.open = state.open.get(nameOf(one)) ?? one.open; });
  box.querySelectorAll("[data-key]").forEach((one, place) => { one.value = state.keys[place] || one.value; });
  if (state.focus) {
    const field = document.getElementById(state.focus.id);
    if (field) {
      field.focus({ preventScroll: true });
      if (state.focus.start !== undefined && state.focus.start !== null && field.setSelectionRange) {
        field.setSelectionRange(state.focus.start, state.focus.end);
      }
    }
  }
}

function showTyping(box) {
  const mark = box.querySelector("[data-typing-mark]");
  if (mark) mark.hidden = !box.dataset.typing;
}

async function renew(box) {
  if (locked) return;
  const response = await fetch(box.dataset.live, { headers: { Accept: "text/html" } });
  if (response.redirected || response.status === 401) {
    location.assign("/console/sign-in");
    return;
  }
  if (response.status === 423) {
    showLock();
    return;
  }
  if (response.status === 404) {
    // She was forgotten, or is no longer ours to see: nothing of hers stays on the screen.
    location.reload();
    return;
  }
  if (!response.ok) return;
  const html = await response.text();
  const state = kept(box);
  const scroll = box.querySelector(".about") ? box.querySelector(".about").scrollTop : 0;
  box.innerHTML = html;
  restore(box, state);
  if (box.querySelector(".about")) box.querySelector(".about").scrollTop = scroll;
  prepare(box);
  showTyping(box);
  note(box);
}

function watch(box) {
  note(box);
  if (box.dataset.every) {
    setInterval(() => renew(box).catch(() => {}), Number(box.dataset.every) * 1000);
    return;
  }
  const events = new EventSource(box.dataset.events);
  streams.push(events);
  listenTo(events);
  // The mark is a version, and whether she is typing: only a new version is worth a new page.
  let known = "";
  events.onmessage = (event) => {
    const [version, typing] = event.data.split(" ");
    box.dataset.typing = typing || "";
    showTyping(box);
    if (version === known) return;
    known = version;
    renew(box).catch(() => {});
  };
  // Waiting times grow without anything happening.
  setInterval(() => renew(box).catch(() => {}), 30000);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("data-unlock")) {
    event.preventDefault();
    unlock(form);
    return;
  }
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.hasAttribute("data-quiet")) {
    event.preventDefault();
    send(form, event.submitter);
  }
});

// What is sent without leaving the page: the key of a message makes a second click the same message. An answer of no
// stands under the form; where it may go later, a button says so.
async function send(form, submitter) {
  const buttons = [...form.querySelectorAll("button")];
  const problem = form.querySelector("[data-problem]");
  const body = new FormData(form);
  if (submitter && submitter.name) body.set(submitter.name, submitter.value);
  buttons.forEach((one) => { one.disabled = true; });
  if (problem) problem.textContent = "";
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(body),
    });
    const answer = await response.json();
    if (!response.ok) {
      if (response.status === 423) { showLock(); return; }
      if (problem) problem.textContent = answer.error + (answer.can_be_overridden ? "。急事请主管在上面放行一次" : "");
      const later = form.querySelector("[data-later]");
      if (later) later.hidden = !answer.wait_until;
      return;
    }
    if (form.hasAttribute("data-clear")) {
      const field = form.querySelector("textarea");
      field.value = "";
      clearTimeout(drafting.get(field.dataset.draft));
    }
    const key = form.querySelector("[data-key]");
    if (key) key.value = newKey();
    form.querySelectorAll("input:not([type=hidden]),select").forEach((one) => {
      if (one.type === "checkbox") one.defaultChecked = one.checked;
      else if (one.tagName === "SELECT") [...one.options].forEach((option) => { option.defaultSelected = option.selected; });
      else one.defaultValue = one.value;
    });
    const box = form.closest("[data-live]");
    if (box) await renew(box);
    else location.reload();
  } catch (error) {
    if (problem) problem.textContent = "没有连上，内容还在，请再点一次（不会重复）。";
  } finally {
    const now = form.isConnected ? form : document.querySelector(`form[action="${form.getAttribute("action")}"]`);
    if (now) now.querySelectorAll("button").forEach((one) => { one.disabled = false; });
  }
}

// A filter counts as soon as it is chosen; the button is for browsers without scripts.
document.addEventListener("change", (event) => {
  if (event.target.hasAttribute("data-submit")) event.target.form.requestSubmit();
});

// Half-written words are kept by the service, sealed, so that a reload loses nothing.
const drafting = new Map();
let typedAt = 0;

document.addEventListener("input", (event) => {
  const field = event.target;
  const kind = field.dataset ? field.dataset.draft : "";
  if (!kind) return;
  clearTimeout(drafting.get(kind));
  drafting.set(kind, setTimeout(() => keepDraft(field.form.action, kind, field.value), 800));
  if (kind === "message" && field.value && Date.now() - typedAt > 3000) {
    typedAt = Date.now();
    post(new URL(field.form.action).pathname.replace(/\/messages$/, "/typing")).catch(() => {});
  }
});

function keepDraft(action, kind, text) {
  if (locked) return;
  fetch(action.replace(/\/(messages|notes)$/, "/draft"), {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf },
    body: new URLSearchParams({ kind, text }),
  }).catch(() => {});
}

// How long the platform still lets us write.
function tick() {
  for (const mark of document.querySelectorAll("[data-until]")) {
    const minutes = Math.max(0, Math.floor((Date.parse(mark.dataset.until) - Date.now()) / 60000));
    mark.textContent = minutes >= 60 ? `还剩 ${Math.floor(minutes / 60)} 小时 ${minutes % 60} 分` : `还剩 ${minutes} 分钟`;
  }
}
setInterval(tick, 15000);

// A picture is looked at in the page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-lightbox]");
  if (!link) return;
  event.preventDefault();
  const box = document.createElement("dialog");
  box.className = "lightbox";
  const picture = document.createElement("img");
  picture.src = link.href;
  picture.alt = link.querySelector("img").alt;
  const close = document.createElement("button");
  close.className = "btn";
  close.textContent = "关闭";
  box.append(picture, close);
  box.addEventListener("click", () => box.close());
  box.addEventListener("close", () => { box.remove(); link.focus(); });
  document.body.append(box);
  box.showModal();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("[data-quiet]")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-lock-now]")) lockNow();
  if (event.target.closest("[data-print]")) window.print();
  if (event.target.closest("[data-back]")) {
    event.preventDefault();
    history.back();
  }
});

for (const box of document.querySelectorAll("[data-reload]")) {
  setTimeout(() => location.reload(), Number(box.dataset.reload) * 1000);
}

if (lockSeconds && document.body.hasAttribute("data-locked")) {
  begin(document.body);
  if (colleagues) colleagues.onmessage = (event) => { if (event.data === "unlocked") location.reload(); };
} else if (lockSeconds) {
  for (const kind of ["pointerdown", "keydown", "scroll", "touchstart"]) {
    document.addEventListener(kind, touched, { passive: true, capture: true });
  }
  if (colleagues) {
    colleagues.onmessage = (event) => {
      if (event.data === "touched") touchedAt = Date.now();
      else if (event.data === "locked") showLock();
      else if (event.data === "unlocked" && locked) location.reload();
    };
  }
  setInterval(() => { if (!locked && Date.now() - touchedAt >= lockSeconds * 1000) lockNow(); }, 5000);
}
prepare(document);
for (const box of document.querySelectorAll("[data-live]")) watch(box);
