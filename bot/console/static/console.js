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

// Fields somebody is typing in stay as they are when the page around them is renewed.
function kept(box) {
  const values = new Map();
  for (const field of box.querySelectorAll("textarea[name],input[name]:not([type=hidden]),select[name]")) {
    const changed = field.type === "checkbox" ? field.checked !== field.defaultChecked
      : field.tagName === "SELECT" ? ![...field.options].every((one) => one.selected === one.defaultSelected)
      : field.value !== field.defaultValue;
    if (changed) values.set(field.form.action + "|" + field.name, field.type === "checkbox" ? field.checked : field.value);
  }
  const open = [...box.querySelectorAll("details")].map((one) => one.open);
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
  box.querySelectorAll("details").forEach((one, place) => { one.open = state.open[place] || one.open; });
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
  events.onmessage = () => renew(box).catch(() => {});
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
  if (form.hasAttribute("data-once")) {
    event.preventDefault();
    send(form);
  }
});

// A staff message goes out without leaving the page; its key makes a second click the same message.
async function send(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    const answer = await response.json();
    if (!response.ok) {
      alert(answer.error);
      return;
    }
    form.querySelector("textarea").value = "";
    form.querySelector("[data-key]").value = newKey();
    const box = form.closest("[data-live]");
    if (box) await renew(box);
  } catch (error) {
    alert("没有连上，内容还在，请再点一次发送（不会重复）。");
  } finally {
    const again = form.isConnected ? button : document.querySelector("[data-once] button");
    if (again) again.disabled = false;
  }
}

// A filter counts as soon as it is chosen; the button is for browsers without scripts.
document.addEventListener("change", (event) => {
  if (event.target.hasAttribute("data-submit")) event.target.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("[data-once]")) {
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
