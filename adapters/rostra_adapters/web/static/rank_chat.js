// Ballots in a conversation: the same list of answers as on the ranking page, sent by the form that stands under it.

import { $, $$ } from "./dom.js";
import { keeper } from "./rank_draft.js";
import { sheet } from "./rank_sheet.js";

const SURE = "Save it as it is";

const label = (button) => button.textContent.trim();

// What a chat asks one press after the other, the list answers at once: only what ends the ballot otherwise stays.
function tidy(section) {
  const after = [];
  for (let next = section.nextElementSibling; next; next = next.nextElementSibling) {
    if ($$("button", next).some((button) => label(button) === "Skip")) {
      for (const one of after) one.hidden = true;
      for (const button of $$("button", next)) button.hidden = ["Undo", "Save"].includes(label(button));
      return;
    }
    after.push(next);
  }
}

function dress(section) {
  section.dataset.dressed = "yes";
  const list = $(".answers", section);
  const form = $("form[data-submit]", section);
  const { ballot } = section.dataset;
  const button = $("button", form);
  let moved = false;
  let sure = false;

  const line = $("[data-draft]", section);
  const draft = keeper(ballot, (state, said) => {
    line.textContent = said;
    line.dataset.state = state;
  });
  const now = sheet(list, {
    live: $("[data-live]", section),
    changed: () => {
      moved = true;
      ask("");
      show();
      if (ballot) draft.keep(now.words());
    },
  });

  function show() {
    form.elements.ranking.value = now.words();
    $("[data-now]", section).textContent = now.words() || "no points yet";
  }

  function ask(question) {
    sure = Boolean(question);
    $("[data-sure]", section).textContent = question;
    $("[data-sure]", section).hidden = !question;
    button.textContent = question ? SURE : "Save";
  }

  // Before the page sends it: nothing is saved in the order it came in unless that is meant.
  form.addEventListener("submit", (submitted) => {
    const question = now.unsure(moved);
    if (question && !sure) {
      submitted.preventDefault();
      submitted.stopPropagation();
      ask(question);
    } else {
      draft.drop();
    }
  });

  for (const part of $$("[data-script]", section)) part.hidden = false;
  for (const part of $$("[data-plain]", section)) part.hidden = true;
  tidy(section);
  show();
  if (ballot) restore();

  async function restore() {
    try {
      const response = await fetch(`/rank/${ballot}/draft`);
      const { ranking, held } = response.ok ? await response.json() : {};
      if (!ranking || !held || moved) return;
      moved = true;
      now.set(ranking);
      show();
    } catch { /* the list stays as it was drawn */ }
  }
}

function dressAll() {
  for (const section of $$(".ballot:not([data-dressed])")) dress(section);
}

document.addEventListener("changed", dressAll);
dressAll();
