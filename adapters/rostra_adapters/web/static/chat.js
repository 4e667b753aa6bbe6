// The chat page: writing, sending, stopping, asking again, pressing what is shown.

import { $, $$, copy, random, send } from "./dom.js";
import { change, listen, put, turn, writing } from "./stream.js";

const body = document.body;
const text = $("#text");
const base = () => `/chat/${body.dataset.talk}`;
let editing = "";
let sending = false;

function tell(said) {
  $("#alert").textContent = said;
  $("#alert").hidden = !said;
}

function refresh() {
  const busy = Boolean(writing());
  $("#stop").hidden = !busy;
  $("#send").hidden = busy;
  $("#send").disabled = sending || !text.value.trim();
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight + 2, innerHeight * 0.4)}px`;
}

async function ask(words, instead = "") {
  sending = true;
  refresh();
  tell("");
  try {
    const taken = await send(`${base()}/messages`, { id: random(), text: words, instead_of: instead });
    if (taken.html) change(() => put(taken.html, instead));
    $("main").scrollTop = $("main").scrollHeight;
    begun(words);
    return true;
  } catch (error) {
    tell(error.message);
    return false;
  } finally {
    sending = false;
    refresh();
  }
}

function begun(words) {
  listen();
  if (body.dataset.begun === "yes") return;
  body.dataset.begun = "yes";
  $("#remove").hidden = false;
  history.replaceState(null, "", base());
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = base();
  link.textContent = words.slice(0, 60);
  link.setAttribute("aria-current", "page");
  item.append(link);
  document.title = $("#title").textContent = link.textContent;
  $("#talks .none")?.remove();
  $("#talks").prepend(item);
}

async function submit() {
  const words = text.value;
  if (!words.trim() || sending || writing()) return;
  const instead = editing;
  text.value = "";
  leave();
  if (!(await ask(words, instead))) {
    text.value = words;
    if (instead) edit(turn(instead), words);
  }
  text.focus();
}

async function stop() {
  try {
    await send(`${base()}/stop`, { id: random() });
  } catch (error) {
    tell(error.message);
  }
}

function edit(article, words = $(".bubble", article).textContent) {
  editing = article.dataset.turn;
  $("#editing").hidden = false;
  text.value = words;
  text.focus();
  refresh();
}

function leave() {
  editing = "";
  $("#editing").hidden = true;
  refresh();
}

async function press(element, control, values) {
  const article = element.closest(".turn");
  const where = element.closest("[data-base]");
  const what = { id: random(), control, values, on: article.dataset.turn, base: where.dataset.base };
  await sent("presses", what, element);
}

async function sent(kind, what, element) {
  tell("");
  element.disabled = true;
  try {
    await send(`${base()}/${kind}`, what);
  } catch (error) {
    tell(error.message);
  } finally {
    element.disabled = false;
  }
}

const does = {
  copy: (button) => copy($(".body", button.closest(".answer")).innerText, button),
  "copy-code": (button) => copy($("pre", button.parentElement).textContent, button),
  edit: (button) => edit(button.closest(".turn")),
  compare: () => {
    if (!writing()) ask("/rank new");
  },
  again: (button) => {
    const article = button.closest(".turn");
    if (!writing()) ask($(".bubble", article).textContent, article.dataset.turn);
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.do) does[button.dataset.do]?.(button);
  else if (button?.dataset.press) {
    press(button, button.dataset.press, "value" in button.dataset ? [button.dataset.value] : []);
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "compose") {
    event.preventDefault();
    submit();
  } else if (form.dataset.pick) {
    event.preventDefault();
    press(form, form.dataset.pick, new FormData(form).getAll("value"));
  } else if (form.dataset.submit) {
    event.preventDefault();
    const article = form.closest(".turn");
    const fields = Object.fromEntries(new FormData(form));
    const where = form.closest("[data-base]").dataset.base;
    const what = { id: random(), form: form.dataset.submit, fields, on: article.dataset.turn, base: where };
    sent("submits", what, form);
  }
});

// Commands, as they are typed.

const list = $("#commands");
const shown = () => $$("li", list).filter((item) => !item.hidden);

function offer() {
  const typed = /^\/[\w -]*$/.test(text.value) ? text.value : "";
  for (const item of $$("li", list)) item.hidden = !typed || !item.dataset.line.startsWith(typed);
  const found = shown();
  list.hidden = !found.length || (found.length === 1 && typed === found[0].dataset.line);
  choose(found.find((item) => item.getAttribute("aria-selected") === "true") || found[0]);
}

function choose(item) {
  for (const one of $$("li", list)) one.setAttribute("aria-selected", String(one === item));
  if (item && !list.hidden) text.setAttribute("aria-activedescendant", item.id);
  else text.removeAttribute("aria-activedescendant");
  if (!list.hidden) item?.scrollIntoView({ block: "nearest" });
}

function take(item) {
  text.value = item.dataset.line;
  list.hidden = true;
  text.focus();
  refresh();
}

function keyInList(event) {
  const found = shown();
  const at = found.findIndex((item) => item.getAttribute("aria-selected") === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) choose(found[(at + step + found.length) % found.length]);
  else if (event.key === "Tab" || (event.key === "Enter" && found[at].dataset.line.trim() !== text.value.trim())) take(found[at]);
  else if (event.key === "Escape") list.hidden = true;
  else return false;
  event.preventDefault();
  return true;
}

list.addEventListener("mousedown", (event) => {
  const item = event.target.closest("li");
  if (item) {
    event.preventDefault();
    take(item);
  }
});

text.addEventListener("input", () => { offer(); refresh(); });
text.addEventListener("keydown", (event) => {
  if (!list.hidden && keyInList(event)) return;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  } else if (event.key === "ArrowUp" && !text.value) {
    const last = $$("[data-do=edit]").at(-1);
    if (last && !writing()) edit(last.closest(".turn"));
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && $("#side").classList.contains("open")) menu(false);
  else if (event.key === "Escape" && editing) { text.value = ""; leave(); }
  else if (event.key === "Escape" && writing()) stop();
  else if (event.altKey && event.code === "KeyN") location.assign("/");
});

function menu(open) {
  const side = $("#side");
  if (!open && side.classList.contains("open") && side.contains(document.activeElement)) $("#menu").focus();
  side.classList.toggle("open", open);
  $("#menu").setAttribute("aria-expanded", String(open));
}
$("#menu").addEventListener("click", () => menu(!$("#side").classList.contains("open")));
$("main").addEventListener("click", () => menu(false));
$("#stop").addEventListener("click", stop);
$("#remove").addEventListener("click", async () => {
  if (!confirm("Delete this conversation? The bot will not remember it.")) return;
  try {
    await send(`${base()}/delete`, { id: random() });
    location.assign("/");
  } catch (error) {
    tell(error.message);
  }
});
$("#keep").addEventListener("click", () => { text.value = ""; leave(); });
document.addEventListener("changed", refresh);
if (body.dataset.begun === "yes") listen();
refresh();
