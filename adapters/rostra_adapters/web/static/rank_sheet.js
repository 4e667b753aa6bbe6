// A list of answers on a page, to put in order or to give points: what would be saved of it now, and what is odd about that.

import { $, $$ } from "./dom.js";
import { cards, fold } from "./rank_cards.js";
import { read, written } from "./rank_order.js";

function scales(list) {
  return $$("[data-slot]", list).map((card) => {
    const given = $$("[data-axis]", card).map((scale) => [scale.dataset.axis, $("input:checked", scale)?.value]);
    return { letter: card.dataset.letter, given: given.filter(([, value]) => value), all: given.length };
  });
}

function give(list, text) {
  for (const part of text.split(";")) {
    const [letter, said = ""] = part.split(":").map((one) => one.trim());
    for (const pair of said.split(",")) {
      const [axis, value] = pair.trim().split(" ");
      const card = $$("[data-slot]", list).find((one) => one.dataset.letter === letter);
      const scale = card && $$("[data-axis]", card).find((one) => one.dataset.axis === axis);
      const step = scale && $$("input", scale).find((one) => one.value === value);
      if (step) step.checked = true;
    }
  }
}

export function sheet(list, { live, changed }) {
  const ordered = "cards" in list.dataset ? cards(list, { live, moved: changed }) : null;
  if (!ordered) list.addEventListener("change", changed);
  fold(list);

  function words() {
    if (ordered) return written(ordered.order);
    const given = scales(list).filter((one) => one.given.length);
    return given.map((one) => `${one.letter}: ${one.given.map((pair) => pair.join(" ")).join(", ")}`).join("; ");
  }

  // What to ask before it is saved as it is; nothing where there is nothing to ask.
  function unsure(moved) {
    if (ordered) return moved ? "" : `You have not moved anything. Save the answers in the order shown, ${words()}?`;
    const lacking = scales(list).filter((one) => one.given.length < one.all).map((one) => one.letter);
    return lacking.length ? `Points are missing for ${lacking.join(", ")}. Save without them?` : "";
  }

  return {
    words,
    unsure,
    set(text) {
      if (ordered) ordered.set(read(text));
      else give(list, text);
    },
  };
}
