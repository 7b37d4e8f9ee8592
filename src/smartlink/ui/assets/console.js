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

  // A row that arrives is marked for two seconds; what somebody opened stays open.
  let known = new Set();
  let opened = [];
  const rows = () => [...document.querySelectorAll("[data-arrives]")];
  document.addEventListener("htmx:before:swap", () => {
    known = new Set(rows().map((row) => row.id));
    opened = [...document.querySelectorAll("#live details[open][id]")].map((each) => each.id);
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    for (const row of rows().filter((each) => !known.has(each.id))) {
      row.classList.add("arrived");
      setTimeout(() => row.classList.remove("arrived"), ARRIVED_MS);
    }
    document.dispatchEvent(new Event("console:refreshed"));
  });

  // A list of which several can be selected: how many are, all or none at once, and a button that says how many.
  const select = () => {
    for (const form of document.querySelectorAll("form[data-selects]")) {
      const boxes = [...document.querySelectorAll(`input[form="${form.id}"][name="${form.dataset.selects}"]`)];
      const count = boxes.filter((box) => box.checked).length;
      const part = (name) => form.querySelector(`[data-part="${name}"]`);
      const text = (name) => form.dataset[name].replace("{count}", count).replace("{total}", boxes.length);
      part("all").closest("label").hidden = false;
      part("all").checked = count > 0;
      part("all").indeterminate = count > 0 && count < boxes.length;
      part("selected").textContent = text("textSelected");
      part("send").textContent = text(count === 0 ? "textNone" : count === 1 ? "textOne" : "textMany");
      part("send").closest("button").disabled = count === 0;
    }
  };
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!form?.dataset.selects) return;
    if (event.target.dataset.part === "all") {
      for (const box of document.querySelectorAll(`input[form="${form.id}"][name="${form.dataset.selects}"]`)) box.checked = event.target.checked;
    }
    select();
  });
  document.addEventListener("console:refreshed", select);
  select();

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
