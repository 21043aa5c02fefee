// One scene at a time: who wrote what there, kept up to date by server-sent events.
"use strict";

const talk = document.getElementById("talk");
const field = document.getElementById("text");
const who = document.getElementById("who");
let scenes = [];
let current = location.hash.slice(1) || "group";

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

function line(bubble) {
  const row = document.createElement("div");
  row.className = `line ${bubble.from}`;
  row.dataset.id = bubble.id;
  const text = document.createElement("div");
  text.className = "text";
  text.textContent = bubble.text;
  const via = document.createElement("small");
  via.textContent = bubble.via;
  text.append(via);
  row.append(text);
  return row;
}

function showScenes() {
  document.getElementById("scenes").replaceChildren(...scenes.map((scene) => {
    const button = document.createElement("button");
    button.type = "button";
    button.role = "tab";
    button.dataset.scene = scene.name;
    button.textContent = scene.title;
    button.setAttribute("aria-selected", String(scene.name === current));
    button.addEventListener("click", () => choose(scene.name));
    return button;
  }));
}

function showPeople(scene) {
  who.replaceChildren(...Object.entries(scene.people).map(([name, title]) => new Option(title, name)));
  document.getElementById("write").hidden = !who.options.length;
  document.querySelector(".at").hidden = scene.name !== "group";
}

async function refresh() {
  const bubbles = await ask(`/simulator/scenes/${current}/messages`);
  const known = new Set([...talk.children].map((one) => one.dataset.id));
  for (const bubble of bubbles) {
    if (!known.has(String(bubble.id))) talk.append(line(bubble));
  }
  talk.scrollTop = talk.scrollHeight;
}

function choose(name) {
  current = name;
  location.hash = name;
  const scene = scenes.find((one) => one.name === name) || scenes[0];
  current = scene.name;
  document.getElementById("title").textContent = scene.title;
  talk.replaceChildren();
  showScenes();
  showPeople(scene);
  refresh();
  field.focus();
}

document.getElementById("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value;
  if (!text.trim()) return;
  field.value = "";
  ask(`/simulator/scenes/${current}/messages`, { who: who.value, text, at_bot: document.getElementById("at_bot").checked })
    .catch((error) => talk.append(line({ id: `p${Date.now()}`, from: "system", text: error.message, via: "" })));
});

field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    field.form.requestSubmit();
  }
});

new EventSource("/simulator/scenes/events").onmessage = () => refresh();
ask("/simulator/scenes").then((found) => { scenes = found; choose(current); });
