// The page of the whisper room, for old WebViews: no newer language, no storage; all it knows dies with the tab.
(function () {
  "use strict";
  var body = document.body;
  var exitUrl = body.getAttribute("data-exit");
  var token = null, receipt = null, cursor = "", hidden = false, left = false;
  var nodes = {}, typedAt = 0, theirs = false;
  var shown = {}, got = [], waiting = [], busy = false, timer = null, composing = false;
  var line = null, lineFails = 0, recorder = null, dots = null, starting = false;

  function $(id) { return document.getElementById(id); }
  function word(name) {
    var found = document.querySelector('[data-word="' + name + '"]');
    return found ? found.textContent : "";
  }
  function make(tag, name, text) {
    var node = document.createElement(tag);
    if (name) node.className = name;
    if (text) node.appendChild(document.createTextNode(text));
    return node;
  }
  function newKey() {
    var text = "", place, bytes = window.Uint8Array ? new Uint8Array(12) : [];
    if (window.crypto && crypto.getRandomValues && bytes.length) crypto.getRandomValues(bytes);
    for (place = 0; place < 12; place += 1) {
      text += ("0" + (bytes[place] || Math.floor(Math.random() * 256)).toString(16)).slice(-2);
    }
    return text;
  }

  // Talking with the service. What came back goes to done; status 0 means that nobody answered.
  function ask(method, path, content, done, type) {
    var request = new XMLHttpRequest();
    request.open(method, path, true);
    request.timeout = type ? 120000 : 30000;
    if (token) request.setRequestHeader("Authorization", "Bearer " + token);
    if (content !== null) request.setRequestHeader("Content-Type", type || "application/json");
    request.onreadystatechange = function () {
      var value = {};
      if (request.readyState !== 4 || left) return;
      try { value = JSON.parse(request.responseText || "{}"); } catch (error) { value = {}; }
      done(request.status, value);
    };
    request.send(content === null ? null : type ? content : JSON.stringify(content));
  }

  // Leaving: what is on the screen goes first, then the address is replaced, so that Back leads past this page.
  function wipe() {
    left = true;
    if (timer) clearTimeout(timer);
    if (line) { line.onclose = null; try { line.close(); } catch (error) { line = null; } }
    if (token && navigator.sendBeacon) {
      try { navigator.sendBeacon("/chat/leave", JSON.stringify({ token: token })); } catch (error) { shown = {}; }
    }
    token = receipt = null;
    waiting = []; shown = {}; got = [];
    body.style.display = "none";
    while (body.firstChild) body.removeChild(body.firstChild);
    document.title = "";
  }
  function leave(event) {
    if (event && event.preventDefault) event.preventDefault();
    wipe();
    location.replace(exitUrl);
  }
  $("exit").onclick = leave;
  window.addEventListener("pagehide", function () { if (!left) wipe(); });
  window.addEventListener("pageshow", function (event) { if (event.persisted) location.reload(); });

  var presses = [];
  document.addEventListener("compositionstart", function () { composing = true; presses = []; }, true);
  document.addEventListener("compositionend", function () { composing = false; }, true);
  document.addEventListener("keydown", function (event) {
    var now = new Date().getTime();
    if (event.key !== "Shift" && event.keyCode !== 16) { presses = []; return; }
    if (event.repeat || composing || event.isComposing || event.keyCode === 229) return;
    presses.push(now);
    while (presses.length && now - presses[0] > 1500) presses.shift();
    if (presses.length >= 3) leave(null);
  }, true);

  // What is seen.
  function bottom() { var log = $("log"); log.scrollTop = log.scrollHeight; }
  function bubble(from, text) {
    var node = make("div", "said " + (from === "her" ? "her" : from === "staff" ? "us staff" : "us"));
    if (from === "staff") node.appendChild(make("span", "from", word("staff")));
    node.appendChild(document.createTextNode(text));
    $("log").insertBefore(node, dots);
    bottom();
    return node;
  }
  function note(item, name, bad) {
    if (!item.state) { item.state = make("div", "state"); $("log").insertBefore(item.state, item.node.nextSibling); }
    item.state.textContent = word(name);
    item.state.className = bad ? "state bad" : "state";
    bottom();
  }
  function think(on) {
    if (on && !dots) {
      dots = make("div", "dots");
      dots.setAttribute("aria-label", word("typing"));
      dots.appendChild(make("i")); dots.appendChild(make("i")); dots.appendChild(make("i"));
      $("log").appendChild(dots);
      bottom();
    } else if (!on && dots) { $("log").removeChild(dots); dots = null; }
  }
  function textOf(one) { return one.text || (one.kind === "image" ? word("photo") : one.kind === "voice" ? word("voice") : ""); }
  function take(value) {
    var place, one;
    if (value.hidden && !hidden) { hidden = true; clear(); look(); return; }
    hidden = !!value.hidden;
    for (place = 0; place < (value.messages || []).length; place += 1) {
      one = value.messages[place];
      if (shown[one.id] || (one.from === "her" && shown[one.key])) continue;
      shown[one.id] = true;
      nodes[one.id] = bubble(one.from, textOf(one));
      if (one.from !== "her") got.push(one.id);
    }
    for (place = 0; place < (value.recalled || []).length; place += 1) {
      one = nodes[value.recalled[place]];
      if (one && one.parentNode) one.parentNode.removeChild(one);
      shown[value.recalled[place]] = true;
    }
    if (value.typing !== undefined && value.typing !== theirs && !busy) { theirs = value.typing; think(theirs); }
    if (value.cursor) cursor = value.cursor;
    $("who").textContent = word(value.held ? "person" : "bot");
    if (got.length && line && line.readyState === 1) { line.send(JSON.stringify({ got: got })); got = []; }
  }
  function clear() {
    var log = $("log");
    while (log.firstChild) log.removeChild(log.firstChild);
    dots = null; shown = {}; nodes = {}; theirs = false; cursor = "";
  }

  // What she says: kept on the screen and tried until it is stored, under one key.
  function say(item) {
    item.key = newKey();
    item.node = bubble("her", item.text || word(item.kind));
    shown[item.key] = true;
    note(item, "sending");
    waiting.push(item);
    $("before").style.display = "none";
    pump();
  }
  function later(seconds) {
    busy = false;
    setTimeout(pump, Math.max(1, seconds || 3) * 1000);
  }
  function pump() {
    var item = waiting[0];
    if (!item || busy || left) return;
    if (!token) { begin(); return; }
    busy = true;
    think(true);
    var done = function (status, value) {
      think(false);
      if (status === 200) {
        waiting.shift();
        note(item, "kept");
        take(value);
        busy = false;
        pump();
      } else if (status === 401) { busy = false; closed(); }
      else if (status === 400 || status === 413 || status === 415) {
        waiting.shift();
        note(item, status === 413 ? "too_large" : "refused", true);
        busy = false;
        pump();
      } else {
        note(item, status === 429 ? "slow" : "lost", true);
        later(value.retry_after);
      }
    };
    if (item.file) ask("POST", "/chat/files?kind=" + item.kind + "&key=" + item.key, item.file, done, "application/octet-stream");
    else ask("POST", "/chat/messages", { text: item.text, key: item.key, after: cursor }, done);
  }
  function begin() {
    if (starting) return;
    starting = true;
    ask("POST", "/chat/start", { scene: body.getAttribute("data-scene") }, function (status, value) {
      starting = false;
      if (status !== 200) {
        if (waiting[0]) note(waiting[0], "lost", true);
        later(value.retry_after);
        return;
      }
      token = value.token; receipt = value.receipt; cursor = "";
      $("later").hidden = false;
      open();
      pump();
    });
  }
  function closed() {
    token = null; receipt = null;
    hang();
    $("later").hidden = true;
    $("bar-text").textContent = word("no_room");
    $("bar").hidden = false;
  }

  // Hearing: the open line, or asking every few seconds while there is none.
  function hang() { if (line) { line.onclose = null; line.close(); line = null; } if (timer) { clearTimeout(timer); timer = null; } }
  function open() {
    if (!window.WebSocket || lineFails >= 3) { poll(); return; }
    try { line = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/chat/live"); }
    catch (error) { lineFails = 3; poll(); return; }
    line.onopen = function () { lineFails = 0; line.send(JSON.stringify({ token: token, after: cursor })); };
    line.onmessage = function (event) { if (!left) take(JSON.parse(event.data)); };
    line.onclose = function (event) {
      line = null;
      if (left || !token) return;
      if (event.code === 4401) { closed(); return; }
      lineFails += 1;
      poll();
      setTimeout(function () { if (token && !line && !left && lineFails < 3) open(); }, 5000);
    };
  }
  // Who only waits is still there: without a word her pass would be forgotten.
  setInterval(function () { if (!left && line && line.readyState === 1) line.send("{}"); }, 60000);
  function poll() {
    if (timer) clearTimeout(timer);
    timer = setTimeout(function () { timer = null; if (!line && token && !left) look(poll); }, 3000);
  }
  function look(then) {
    var named = got;
    got = [];
    ask("GET", "/chat/messages?after=" + encodeURIComponent(cursor) + "&got=" + named.join(","), null, function (status, value) {
      if (status === 200) take(value);
      else if (status === 401) { closed(); return; }
      else got = named.concat(got);
      if (then) then();
    });
  }

  // Coming back.
  function group(digits) { return digits.replace(/(\d{4})(?=\d)/g, "$1 "); }
  $("keep").onclick = function () {
    $("digits").textContent = receipt ? group(receipt) : "";
    $("receipt-said").textContent = "";
    $("receipt").hidden = false;
  };
  function noReceipt() { receipt = null; $("digits").textContent = ""; $("word").value = ""; $("later").hidden = true; $("receipt").hidden = true; }
  $("receipt-close").onclick = noReceipt;
  $("word-save").onclick = function () {
    ask("POST", "/chat/word", { word: $("word").value }, function (status, value) {
      var name = status === 200 ? "word_kept" : value.error;
      $("receipt-said").textContent = word(name) || word("wait");
      if (status === 200) setTimeout(function () { if (!left) noReceipt(); }, 2500);
    });
  };
  function askReturn() { $("return-said").textContent = ""; $("return").hidden = false; $("number").focus(); }
  $("back").onclick = $("bar-back").onclick = askReturn;
  $("return-close").onclick = function () { $("number").value = $("again").value = ""; $("return").hidden = true; };
  $("bar-new").onclick = function () { $("bar").hidden = true; if (waiting.length) pump(); else begin(); };
  $("return-go").onclick = function () {
    ask("POST", "/chat/start", { receipt: $("number").value, word: $("again").value }, function (status, value) {
      if (status !== 200) { $("return-said").textContent = word(status === 403 ? "not_known" : "wait"); return; }
      token = value.token; receipt = null; cursor = "";
      $("number").value = $("again").value = "";
      $("return").hidden = true; $("bar").hidden = true; $("before").style.display = "none";
      look(function () { open(); pump(); });
    });
  };

  // Writing, photos, voices.
  function send() {
    var field = $("text"), text = field.value.replace(/^\s+|\s+$/g, "");
    if (!text) return;
    field.value = "";
    fit();
    say({ text: text });
    field.focus();
  }
  function fit() { var field = $("text"); field.style.height = "44px"; field.style.height = Math.min(132, field.scrollHeight + 2) + "px"; }
  $("send").onclick = send;
  $("text").oninput = function () {
    var now = new Date().getTime();
    fit();
    if (line && line.readyState === 1 && $("text").value && now - typedAt > 3000) { typedAt = now; line.send(JSON.stringify({ typing: true })); }
  };
  $("text").onkeydown = function (event) {
    if (event.keyCode === 13 && !event.shiftKey && !composing && !event.isComposing && window.innerWidth > 700) { event.preventDefault(); send(); }
  };
  function sendFile(kind, file) {
    if (file.size > Number(body.getAttribute("data-" + kind))) { var item = { node: bubble("her", word(kind)) }; note(item, "too_large", true); return; }
    say({ kind: kind, file: file });
  }
  // A photo is drawn anew, smaller: that also leaves behind where and when it was taken.
  function draw(file, done) {
    var picture = new Image(), canvas = document.createElement("canvas"), url;
    if (!window.URL || !URL.createObjectURL || !canvas.toBlob || !canvas.getContext) { done(file); return; }
    url = URL.createObjectURL(file);
    picture.onerror = function () { URL.revokeObjectURL(url); done(file); };
    picture.onload = function () {
      var scale = Math.min(1, 1600 / Math.max(picture.width, picture.height, 1));
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      URL.revokeObjectURL(url);
      canvas.toBlob(function (blob) { done(blob || file); }, "image/jpeg", 0.85);
    };
    picture.src = url;
  }
  function choose(kind) {
    $(kind + "-file").onchange = function () {
      var file = this.files && this.files[0];
      this.value = "";
      if (!file) return;
      if (kind === "photo") draw(file, function (smaller) { sendFile(kind, smaller); });
      else sendFile(kind, file);
    };
    $(kind + "-file").click();
  }
  $("photo").onclick = function () { choose("photo"); };
  $("voice").onclick = function () {
    if (recorder) { recorder.stop(); return; }
    if (!window.MediaRecorder || !navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) { choose("voice"); return; }
    navigator.mediaDevices.getUserMedia({ audio: true }).then(function (stream) {
      var parts = [];
      recorder = new MediaRecorder(stream);
      recorder.ondataavailable = function (event) { parts.push(event.data); };
      recorder.onstop = function () {
        stream.getTracks().forEach(function (track) { track.stop(); });
        recorder = null;
        $("voice").textContent = word("record");
        if (!left) sendFile("voice", new Blob(parts));
      };
      recorder.start();
      $("voice").textContent = word("recording");
    }, function () { choose("voice"); });
  };
  if (window.visualViewport) {
    visualViewport.addEventListener("resize", function () {
      if (left) return;
      $("room").style.bottom = Math.max(0, window.innerHeight - visualViewport.height) + "px";
      bottom();
    });
  }
}());
