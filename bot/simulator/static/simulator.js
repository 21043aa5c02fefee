// One phone at a time: what she wrote and read, kept up to date by server-sent events.
"use strict";

const talk = document.getElementById("talk");
const people = document.getElementById("people");
const field = document.getElementById("text");
let phones = [];
let current = location.hash.slice(1) || "xiuying";
const seen = new Map();

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  const value = await response.json();
  if (!response.ok) throw new Error(value.error);
  return value;
}

function showPeople(news) {
  people.replaceChildren(...phones.map((phone) => {
    const button = document.createElement("button");
    button.type = "button";
    button.role = "tab";
    button.dataset.phone = phone.name;
    button.textContent = phone.title + (phone.follows ? "" : "（未关注）");
    button.setAttribute("aria-selected", String(phone.name === current));
    if (news.get(phone.name)) {
      const mark = document.createElement("span");
      mark.className = "new";
      mark.textContent = news.get(phone.name);
      button.append(mark);
    }
    button.addEventListener("click", () => choose(phone.name));
    return button;
  }));
}

function line(bubble) {
  const row = document.createElement("div");
  row.className = `line ${bubble.from}`;
  row.dataset.id = bubble.id;
  const text = document.createElement("div");
  text.className = "text";
  text.textContent = bubble.text;
  if (bubble.via) {
    const via = document.createElement("small");
    via.textContent = bubble.via;
    text.append(via);
  }
  row.append(text);
  return row;
}

async function refresh() {
  phones = await ask("/simulator/phones");
  const news = new Map();
  for (const phone of phones) {
    const bubbles = await ask(`/simulator/phones/${phone.name}/messages`);
    if (phone.name !== current) {
      const fresh = bubbles.filter((one) => one.from === "us" && one.id > (seen.get(phone.name) || 0)).length;
      if (fresh) news.set(phone.name, fresh);
      continue;
    }
    const known = new Set([...talk.children].map((one) => one.dataset.id));
    for (const bubble of bubbles) {
      if (!known.has(String(bubble.id))) talk.append(line(bubble));
    }
    if (bubbles.length) seen.set(phone.name, bubbles[bubbles.length - 1].id);
    talk.scrollTop = talk.scrollHeight;
    document.getElementById("who").textContent = phone.title;
    document.getElementById("openid").textContent = phone.openid;
  }
  showPeople(news);
}

function choose(name) {
  current = name;
  location.hash = name;
  talk.replaceChildren();
  refresh();
  field.focus();
}

function problem(error) {
  talk.append(line({ id: `p${Date.now()}`, from: "system", text: error.message }));
}

document.getElementById("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value;
  if (!text.trim()) return;
  field.value = "";
  ask(`/simulator/phones/${current}/messages`, { text }).catch(problem);
});

field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    field.form.requestSubmit();
  }
});

document.querySelector(".tools").addEventListener("click", (event) => {
  const { write, act, voice } = event.target.dataset;
  if (write) ask(`/simulator/phones/${current}/messages`, { type: write }).catch(problem);
  if (voice) {
    const recognition = prompt("微信转写的文字", "老公打我");
    if (recognition) ask(`/simulator/phones/${current}/messages`, { type: "voice", recognition }).catch(problem);
  }
  if (act) ask(`/simulator/phones/${current}/events`, { event: act }).catch(problem);
});

document.getElementById("switches").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = Object.fromEntries(new FormData(event.target));
  ask("/simulator/switches", given)
    .then(() => { document.getElementById("switched").textContent = " 已生效"; })
    .catch((error) => { document.getElementById("switched").textContent = ` ${error.message}`; });
});

new EventSource("/simulator/events").onmessage = () => refresh();
refresh();
