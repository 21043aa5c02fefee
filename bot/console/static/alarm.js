// Alarms on every page and under the lock screen: they say that somebody must look, never whom it is about.
"use strict";

// The newest alarm this page knows of; null until the first look, which is no news.
let newestAlarm = null;
let alarmsOfDanger = 0;
const sound = new Audio();
sound.preload = "none";
sound.src = "/console/static/alarm.wav";
let isHeard = null;
const repeatSeconds = 20;

async function beep() {
  try {
    await sound.play();
    isHeard = true;
  } catch (error) {
    // A browser that has not been clicked on yet plays nothing; the red banner is there all the same.
    isHeard = false;
  }
}

function pop() {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  try {
    const shown = new Notification("工作台", { body: "有新的警报，请看工作台。", tag: "niangjia-alarm", renotify: true });
    shown.onclick = () => { window.focus(); shown.close(); };
  } catch (error) {
    // Some phones allow notifications only from a service worker, which we do not install on staff's own phones.
  }
}

function showAlarm() {
  const onLock = document.querySelector("[data-new-alarm]");
  if (onLock) {
    onLock.hidden = false;
    document.title = "（警报）屏幕已锁";
    return;
  }
  const isQueue = location.pathname === "/console/queue";
  if (isQueue || document.querySelector(".banner.call")) return;
  const call = document.createElement("div");
  call.className = "banner danger call";
  call.setAttribute("role", "alert");
  const words = document.createElement("strong");
  words.textContent = "有新的警报";
  const link = document.createElement("a");
  link.className = "btn btn-sm";
  link.href = "/console/queue";
  link.textContent = "去看队列";
  call.append(words, link);
  document.body.prepend(call);
  if (!document.title.startsWith("【警报】")) document.title = "【警报】" + document.title;
}

function heard(state) {
  const isNews = newestAlarm !== null && state.count > 0 && state.newest > newestAlarm;
  newestAlarm = newestAlarm === null || state.newest > newestAlarm ? state.newest : newestAlarm;
  alarmsOfDanger = state.danger;
  if (state.count === 0) {
    const call = document.querySelector(".banner.call");
    if (call) call.remove();
  }
  if (!isNews) return;
  showAlarm();
  beep();
  pop();
}

// The stream a page has anyway carries the alarms too: browsers keep six connections to a server and no more.
function listenTo(events) {
  events.addEventListener("alarm", (event) => heard(JSON.parse(event.data)));
}

function listenForAlarms() {
  const events = new EventSource("/console/alarms/events");
  listenTo(events);
  events.onerror = () => {
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(async () => {
      try {
        const response = await fetch("/console/alarms/state", { headers: { Accept: "application/json" } });
        if (response.status === 401) location.assign("/console/sign-in");
        else if (response.status !== 403) listenForAlarms();
      } catch (error) {
        listenForAlarms();
      }
    }, 3000);
  };
  return events;
}

function tellEar() {
  const place = document.querySelector("[data-ear-state]");
  if (!place) return;
  const heardWell = isHeard ? "声音已打开" : "点左边试一下声音";
  const popped = !("Notification" in window) || !window.isSecureContext
    ? "这个地址不是 https，浏览器不给弹窗"
    : { granted: "弹窗已打开", denied: "弹窗被浏览器拦住了，请在地址栏左边的设置里允许" }[Notification.permission] || "弹窗还没有打开";
  place.textContent = `${heardWell}；${popped}。弹窗只写「有新的警报」，不写内容。`;
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-ear-on]")) return;
  await beep();
  if ("Notification" in window && window.isSecureContext && Notification.permission === "default") {
    await Notification.requestPermission();
  }
  tellEar();
});

// Danger nobody has looked at goes on sounding.
setInterval(() => { if (alarmsOfDanger > 0) beep(); }, repeatSeconds * 1000);
if (document.body.hasAttribute("data-alarms") && !document.querySelector("[data-events]")) listenForAlarms();
tellEar();
