// What both consoles need in the browser beside htmx: live pages, menus that close, rows that open.
(() => {
  "use strict";
  const FALLBACK_MS = 5000;
  const ARRIVED_MS = 2000;

  // Live: the stream says only that something changed; the page then asks again for itself. While there is no stream,
  // it asks every five seconds. `refresh` is what the page's own hx-trigger listens for.
  let fallback = null;
  const ask = () => { if (!document.hidden) document.getElementById("stream")?.dispatchEvent(new Event("refresh")); };
  const poll = () => { fallback ??= setInterval(ask, FALLBACK_MS); };
  const streaming = () => { clearInterval(fallback); fallback = null; ask(); };
  document.addEventListener("htmx:sse:after:connection", streaming);
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401) location.reload();
    poll();
  });
  document.addEventListener("htmx:sse:close", poll);
  document.addEventListener("htmx:error", poll);

  // A row that arrives is marked for two seconds.
  let known = new Set();
  const rows = () => [...document.querySelectorAll("[data-arrives]")];
  document.addEventListener("htmx:before:swap", () => { known = new Set(rows().map((row) => row.id)); });
  document.addEventListener("htmx:after:swap", () => {
    for (const row of rows().filter((each) => !known.has(each.id))) {
      row.classList.add("arrived");
      setTimeout(() => row.classList.remove("arrived"), ARRIVED_MS);
    }
    document.dispatchEvent(new Event("console:refreshed"));
  });

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.account[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const row = event.target.closest("tr[data-opens]");
    if (row && !event.target.closest("a, button, input, label") && !String(getSelection())) {
      row.querySelector("a.main").click();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.account[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
