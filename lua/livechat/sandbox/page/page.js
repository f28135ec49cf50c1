// SPDX-License-Identifier: MIT
// Puts what the service tells into the page that it wrote. Texts become text nodes and attributes of
// no effect, never HTML.
const byId = (id) => document.getElementById(id);
const state = byId("state");
const pause = byId("pause");
const said = byId("said");
const lists = new Map();
for (const table of document.querySelectorAll("main table, aside table")) {
  const section = table.closest("section");
  lists.set(section.id, {
    section,
    body: table.tBodies[0],
    columns: Array.from(table.tHead.rows[0].cells, (cell) => cell.textContent),
    written: new Map(), // a row's id: how it was last written
  });
}

function make(name, attributes, ...inside) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, value);
  }
  element.append(...inside);
  return element;
}

// ---- cells: the same as document.lua writes -----------------------------------------------

let ahead = 0; // seconds by which the service's clock was turned

function digits(...numbers) {
  return numbers.map((number) => String(number).padStart(2, "0"));
}

// In the reader's own zone; of today without the day.
function time(at) {
  const date = new Date(at * 1000);
  const now = new Date(Date.now() + ahead * 1000);
  const hours = digits(date.getHours(), date.getMinutes(), date.getSeconds());
  const day = digits(date.getFullYear(), date.getMonth() + 1, date.getDate()).join("-");
  const today = date.toDateString() === now.toDateString();
  return make("time", { datetime: date.toISOString() },
    today ? hours.join(":") : `${day} ${hours[0]}:${hours[1]}`);
}

function word(text, tone) {
  return make("span", { class: "word", "data-tone": tone }, text);
}

function button(cell) {
  const form = make("form", { method: "post", action: "/_sandbox/page/" + cell.act });
  for (const [name, value] of Object.entries(cell.fields)) {
    form.append(make("input", { type: "hidden", name, value }));
  }
  const look = { "aria-label": cell.label };
  if ("switch" in cell) {
    look.role = "switch";
    look["aria-checked"] = String(cell.switch);
  }
  form.append(make("button", look, cell.text));
  return form;
}

function content(cell) {
  if (typeof cell === "string") return make("bdi", {}, cell);
  if ("at" in cell) return time(cell.at);
  if ("code" in cell) return make("code", {}, cell.code);
  if ("steps" in cell) {
    return make("ol", {}, ...cell.steps.map((step) =>
      make("li", {}, word(step.text, step.tone), " ", time(step.at))));
  }
  if ("act" in cell) return button(cell);
  return word(cell.text, cell.tone);
}

// ---- lists: only rows that differ are written, so that focus and reading stay where they are ----

function fill(row, cells, columns) {
  const focused = row.contains(document.activeElement);
  row.replaceChildren(...cells.map((cell, n) =>
    make("td", { role: "cell", "data-column": columns[n] }, content(cell))));
  if (focused) (row.querySelector("button") || row.closest("section").querySelector("h2")).focus();
}

function showList(name, data) {
  const list = lists.get(name);
  const known = new Map(Array.from(list.body.rows, (row) => [row.dataset.id, row]));
  let before = null; // the row above the one at hand
  const held = list.body.contains(document.activeElement);
  for (const { id, cells } of data.rows) {
    const written = JSON.stringify(cells);
    let row = known.get(id);
    const fresh = !row;
    if (fresh) {
      row = make("tr", { role: "row", "data-id": id });
      if (list.written.size > 0) row.className = "fresh";
    }
    if (fresh || list.written.get(id) !== written) fill(row, cells, list.columns);
    list.written.set(id, written);
    const place = before ? before.nextSibling : list.body.firstChild;
    if (row !== place) list.body.insertBefore(row, place);
    before = row;
  }
  for (;;) { // what is left stands below
    const row = before ? before.nextSibling : list.body.firstChild;
    if (!row) break;
    row.remove();
    list.written.delete(row.dataset.id);
  }
  if (held && !list.body.contains(document.activeElement)) {
    list.section.querySelector("h2").focus();
  }
  list.section.querySelector(".none").hidden = data.rows.length > 0;
  for (const count of document.querySelectorAll(`[data-count="${name}"]`)) {
    count.textContent = data.count ?? data.total;
  }
  showMore(list.section.querySelector(".more"), name, data);
}

const MOST_ROWS = 250;

function showMore(place, name, data) {
  const hidden = data.total - data.rows.length;
  const query = new URLSearchParams(location.search);
  query.delete("done");
  query.set(name, data.rows.length * 5);
  const known = place.querySelector("a");
  if (hidden === 0) {
    place.replaceChildren();
  } else if (data.rows.length >= MOST_ROWS) {
    place.textContent = `${hidden} more are not shown here: ask the API.`;
  } else if (known) {
    place.lastChild.textContent = ` of ${data.total}`;
  } else {
    place.append(make("a", { href: `/?${query}#${name}` }, "Show more"), ` of ${data.total}`);
  }
}

// ---- the throttle -------------------------------------------------------------------------

function showColumns(data) {
  const most = Math.max(4, ...data.accepted.map((count, n) => count + data.turned[n]));
  const accepted = [];
  const turned = [];
  data.accepted.forEach((count, n) => {
    const high = 20 * count / most;
    const onTop = 20 * data.turned[n] / most;
    accepted.push(`M${n + 0.15} 20v${-high}h.7v${high}z`);
    turned.push(`M${n + 0.15} ${20 - high}v${-onTop}h.7v${onTop}z`);
  });
  byId("columns").firstElementChild.setAttribute("d", accepted.join(""));
  byId("columns").lastElementChild.setAttribute("d", turned.join(""));
}

let refusing = false;

function showThrottle(data) {
  const bar = byId("bar");
  byId("window").textContent = data.window;
  byId("since").textContent = data.since;
  byId("used").textContent = data.summary;
  byId("note").textContent = data.note;
  byId("refused").dataset.some = data.refused > 0;
  byId("refused").firstElementChild.textContent = data.refused;
  bar.setAttribute("aria-valuemax", data.limit);
  bar.setAttribute("aria-valuenow", Math.min(data.used, data.limit));
  bar.setAttribute("aria-valuetext", data.summary);
  bar.dataset.full = data.limit > 0 && data.used >= data.limit;
  bar.firstElementChild.setAttribute("width",
    data.limit > 0 ? Math.min(1000, 1000 * data.used / data.limit) : 0);
  if (data.refused > 0 !== refusing) {
    refusing = data.refused > 0;
    tell(refusing ? "Calls are being refused with 429." : "No call is refused any more.",
      refusing ? "warn" : "good");
  }
  showColumns(data);
}

function showClock(data) {
  ahead = data.ahead;
  byId("clock-note").textContent = data.note;
}

// ---- what comes ---------------------------------------------------------------------------

const waiting = new Map(); // what came while the page was held still: the last of each part

function show(name, data) {
  if (name === "throttle") showThrottle(data);
  else if (name === "clock") showClock(data);
  else showList(name, data);
}

function take(parts) {
  if (parts.clock) ahead = parts.clock.ahead;
  for (const [name, data] of Object.entries(parts)) {
    if (pause.getAttribute("aria-pressed") === "true") waiting.set(name, data);
    else show(name, data);
  }
}

function tell(text, tone) {
  said.dataset.tone = tone;
  said.textContent = text;
}

function setState(text, tone) {
  state.textContent = text;
  state.dataset.tone = tone;
}

let source = null;
let letGo = null; // ends our hold on a slot
let lost; // the timer that says so

function open() {
  source = new EventSource(document.body.dataset.events);
  source.onopen = () => {
    lost = clearTimeout(lost);
    setState("live", "good");
  };
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.onerror = () => {
    const refused = source.readyState === EventSource.CLOSED; // the browser does not ask again
    const say = () => setState("not connected, trying again", "bad");
    if (refused) {
      close();
      say();
      setTimeout(live, 5000);
    } else { // a stream that ends is soon followed by another
      lost = lost || setTimeout(say, 2000);
    }
  };
}

function close() {
  if (source) source.close();
  if (letGo) letGo();
  source = letGo = null;
  lost = clearTimeout(lost);
}

// A browser opens six connections to one place at most, and each stream is one: so a page has a
// stream only while it is seen, and four at a time. The page that is looked at takes the slot of
// another one where all are taken.
const SLOTS = 4;

function hold(slot, options) {
  return new Promise((resolve) => {
    navigator.locks.request(`sandbox-page-${slot}`, options, (lock) => {
      resolve(lock !== null);
      return lock && new Promise((release) => { letGo = release; });
    }).catch(() => { // another page took it
      close();
      setState("still: many pages are open", "quiet");
    });
  });
}

let asking = false;

async function live() {
  if (document.hidden || source || asking) return;
  asking = true;
  let held = !navigator.locks;
  for (let slot = 0; slot < SLOTS && !held; slot++) held = await hold(slot, { ifAvailable: true });
  if (!held) await hold(Math.floor(Math.random() * SLOTS), { steal: true });
  asking = false;
  if (document.hidden) close();
  else open();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else live();
});
addEventListener("focus", live);
addEventListener("pagehide", close);
addEventListener("pageshow", live);

// ---- buttons ------------------------------------------------------------------------------

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = new URLSearchParams(new FormData(form, event.submitter));
  said.textContent = ""; // so that the same words are read out again
  try {
    const response = await fetch(form.getAttribute("action"), {
      method: "POST", headers: { "X-Sandbox-Page": "1" }, body,
    });
    if (!response.ok) throw new Error(`it was refused with ${response.status}`);
    const answer = await response.json();
    tell(answer.said, answer.ok ? "good" : "bad");
  } catch (problem) {
    tell(`The service did nothing: ${problem.message}.`, "bad");
  }
});

pause.hidden = false;
pause.addEventListener("click", () => {
  const held = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(held));
  if (held) return;
  for (const [name, data] of waiting) show(name, data);
  waiting.clear();
});
