// Forms of cases: Ctrl+Enter keeps them, a letter alone opens what is named by it.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest("[data-ctrl-enter]");
    if (form) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select")) return;
  const link = document.querySelector(`[data-shortcut="${CSS.escape(event.key.toLowerCase())}"]`);
  if (link) {
    event.preventDefault();
    link.click();
  }
});
