// The ranking page: putting answers in order or giving them points, keeping drafts, saving, reading back.

import { $, $$, random, send } from "./dom.js";
import { keeper } from "./rank_draft.js";
import { sheet } from "./rank_sheet.js";

const { ballot, mode, event } = document.body.dataset;
let held = document.body.dataset.held === "yes";
let moved = document.body.dataset.moved === "yes";
let sure = "";
let id = event; // of what is saved next: a second press of Save is the same

const form = $("#answer");
const list = $(".answers");
const draft = keeper(ballot, (state, said) => {
  const line = $("[data-draft]");
  line.textContent = said;
  line.dataset.state = state;
  if (state !== "kept") $("#live").textContent = said;
});

for (const part of $$("[data-script]")) part.hidden = false;
for (const part of $$("[data-plain]")) part.hidden = true;

function tell(said, within = form) {
  const alert = $("[data-alert]", within) || $("[data-alert]");
  alert.textContent = said;
  alert.hidden = !said;
}

const now = list ? sheet(list, { live: $("#live"), changed }) : null;
const words = () => now.words();

function show() {
  $("[data-now]").textContent = words() || "no points yet";
}

function changed() {
  moved = true;
  id = random();
  ask("");
  tell("");
  show();
  if (held) draft.keep(words());
}

function ask(question) {
  sure = question;
  $("#sure").hidden = !question;
  $("[data-sure]").textContent = question;
  if ($("#save")) $("#save").textContent = question ? "Save it as it is" : "Save";
  if (question) $("#save").focus();
}

// Saving, and reading back what was saved.

async function save(path, what, within) {
  const buttons = $$("button", $("#work")).filter((button) => !button.disabled);
  for (const button of buttons) button.disabled = true;
  tell("", within);
  try {
    const { said } = await send(path, { id, ...what });
    draft.drop();
    held = false;
    moved = moved || "ranking" in what;
    read(said);
  } catch (error) {
    tell(error.message, within);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function read(said) {
  $("#said").textContent = said;
  $("#saved").hidden = false;
  $("#change").hidden = false;
  $("#work").hidden = true;
  scrollTo(0, 0);
  $("#next").focus();
}

form?.addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const say = submitted.submitter?.value || "";
  if (say) {
    id = random();
    save(`/rank/${ballot}/answer`, { say }, form);
    return;
  }
  const text = words();
  if (!text) {
    tell("Give some points first.");
    return;
  }
  const question = now.unsure(moved);
  if (question && sure !== question) ask(question);
  else save(`/rank/${ballot}/answer`, { ranking: text }, form);
});

$("#change").addEventListener("click", () => {
  id = random();
  ask("");
  $("#saved").hidden = true;
  $("#work").hidden = false;
  ($("[data-slot]", list || document) || $("#own"))?.focus();
});

// What can be scrolled can be reached by keys.
function reach() {
  for (const part of $$("#question, .body pre, .body table")) {
    const more = part.scrollHeight > part.clientHeight || part.scrollWidth > part.clientWidth;
    if (more) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
}
addEventListener("resize", reach);
reach();

if (list) {
  show();
  const wide = matchMedia("(min-width: 900px)");
  const lay = (side) => {
    list.classList.toggle("side", side);
    $("#layout").setAttribute("aria-pressed", String(side));
    try { localStorage.setItem("rank-side", side ? "yes" : "no"); } catch { /* nothing is kept then */ }
  };
  let side = false;
  try { side = localStorage.getItem("rank-side") === "yes"; } catch { /* as above */ }
  $("#layout").addEventListener("click", () => lay(!list.classList.contains("side")));
  const fit = () => { $("#layout").hidden = !wide.matches; };
  wide.addEventListener("change", fit);
  fit();
  if (side) lay(true);
}

// Writing: what is not saved yet stays in this tab.

const own = $("#own");
if (own) {
  const place = `rank-${ballot}`;
  try { own.value = own.value || sessionStorage.getItem(place) || ""; } catch { /* nothing is kept then */ }
  own.addEventListener("input", () => {
    id = random();
    try { sessionStorage.setItem(place, own.value); } catch { /* as above */ }
  });
  $("#write").addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    await save(`/rank/${ballot}/text`, { text: own.value }, $("#write"));
    try { if ($("#work").hidden) sessionStorage.removeItem(place); } catch { /* as above */ }
  });
}

if (!$("#saved").hidden) {
  $("#change").hidden = false;
  $("#work").hidden = true;
}
