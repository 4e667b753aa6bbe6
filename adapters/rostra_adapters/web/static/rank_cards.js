// Cards that are put in order: by buttons, keys, and dragging by the handle. Says where a card stands now.

import { $, $$ } from "./dom.js";
import { LETTERS, drop, give, order, ordinal, stands, step, tie, tiers } from "./rank_order.js";

const EDGE = 70; // pixels from the end of the window within which dragging scrolls

export function cards(list, { live, moved }) {
  const card = (slot) => $(`[data-slot="${slot}"]`, list);
  const slot = (element) => Number(element.closest("[data-slot]").dataset.slot);
  let now = $$("[data-slot]", list).map((one) => ({ slot: Number(one.dataset.slot), tied: one.dataset.tied === "yes" }));

  function draw() {
    now.forEach(({ slot: one, tied }, index) => {
      const element = card(one);
      if (list.children[index] !== element) list.insertBefore(element, list.children[index]);
      const { place, among } = stands(now, one);
      element.dataset.tied = tied ? "yes" : "no";
      element.dataset.joined = now[index + 1]?.tied ? "yes" : "no";
      $("[data-place]", element).textContent = `${ordinal(place)} of ${now.length}${among.length ? ", tied" : ""}`;
      $("[data-move=up]", element).disabled = place === 1 && !among.length;
      $("[data-move=down]", element).disabled = !among.length && index === now.length - 1;
      $("[data-move=tie]", element).disabled = index === 0;
      $("[data-move=tie]", element).setAttribute("aria-pressed", String(tied));
    });
  }

  function say(one) {
    const { place, among } = stands(now, one);
    const tied = among.length ? `, tied with ${among.map((other) => LETTERS[other]).join(" and ")}` : "";
    live.textContent = `${LETTERS[one]} is now ${ordinal(place)} of ${now.length}${tied}`;
  }

  // What had the focus keeps it: an element that is moved in the page loses it.
  function take(next, one) {
    const had = document.activeElement;
    const kept = list.contains(had) ? had : null;
    now = next;
    draw();
    if (kept && !kept.disabled) kept.focus();
    else if (kept) card(one).focus();
    say(one);
    moved(now);
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    const one = slot(button);
    const how = button.dataset.move;
    take(how === "tie" ? tie(now, one) : step(now, one, how === "up" ? -1 : 1), one);
  });

  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.target.closest("a")) return;
    const one = slot(event.target);
    const index = now.findIndex((other) => other.slot === one);
    const up = { ArrowUp: -1, ArrowDown: 1, ...(event.altKey ? {} : { ArrowLeft: -1, ArrowRight: 1 }) }[event.key];
    if (up && event.altKey) take(step(now, one, up), one);
    else if (event.altKey) return; // Alt and ← goes back in the browser's history
    else if (up && event.target.matches("[data-slot]")) card(now[index + up]?.slot ?? one).focus();
    else if (/^[1-9]$/.test(event.key) && Number(event.key) <= now.length) take(give(now, one, Number(event.key)), one);
    else if (event.key === "=") take(tie(now, one), one);
    else if (event.key === "Home") take(give(now, one, 1), one);
    else if (event.key === "End") take(give(now, one, now.length), one);
    else return;
    event.preventDefault();
  });

  for (const element of $$("[data-slot]", list)) {
    element.tabIndex = 0;
    element.setAttribute("aria-labelledby", $("h3", element).id);
    $("[data-moves]", element).hidden = false;
    $("[data-grip]", element).hidden = false;
    drags($("[data-grip]", element), element);
  }

  function drags(grip, element) {
    grip.addEventListener("pointerdown", (event) => {
      if (event.button || grip.dataset.held) return;
      event.preventDefault();
      grip.setPointerCapture(event.pointerId);
      grip.dataset.held = "yes";
      element.classList.add("dragged");
      const follow = (at) => over(element, at);
      const stop = (at) => {
        grip.removeEventListener("pointermove", follow);
        for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) grip.removeEventListener(kind, stop);
        document.removeEventListener("keydown", escape, true);
        delete grip.dataset.held;
        element.classList.remove("dragged");
        const index = $$("[data-slot]", list).indexOf(element);
        const one = slot(element);
        if (at.type === "pointerup" && index !== now.findIndex((other) => other.slot === one)) take(drop(now, one, index), one);
        else draw();
      };
      const escape = (key) => { if (key.key === "Escape") { key.stopPropagation(); stop({ type: "escape" }); } };
      grip.addEventListener("pointermove", follow);
      for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) grip.addEventListener(kind, stop);
      document.addEventListener("keydown", escape, true);
    });
  }

  // Shows the card where it would be dropped.
  function over(element, at) {
    if (at.clientY < EDGE) scrollBy(0, -12);
    else if (at.clientY > innerHeight - EDGE) scrollBy(0, 12);
    const beside = $$("[data-slot]", list).find((other) => {
      const box = other.getBoundingClientRect();
      return other !== element && at.clientY > box.top && at.clientY < box.bottom && at.clientX > box.left && at.clientX < box.right;
    });
    if (!beside) return;
    const box = beside.getBoundingClientRect();
    const own = element.getBoundingClientRect();
    const across = Math.abs(own.top - box.top) < Math.min(own.height, box.height) / 2;
    const after = across ? at.clientX > (box.left + box.right) / 2 : at.clientY > (box.top + box.bottom) / 2;
    const target = after ? beside.nextElementSibling : beside;
    if (target !== element) shift(element, target);
  }

  // Brings a card before another one by moving those between: one that is moved itself would lose the pointer.
  function shift(element, target) {
    const all = $$("[data-slot]", list);
    const from = all.indexOf(element);
    const to = target ? all.indexOf(target) : all.length;
    if (to > from) for (const other of all.slice(from + 1, to)) list.insertBefore(other, element);
    else for (const other of all.slice(to, from).reverse()) element.after(other);
  }

  draw();
  return {
    get order() { return now; },
    get tiers() { return tiers(now); },
    set(found) { now = order(found); draw(); },
  };
}

// Long answers all show the same height at first: how long one is should not catch the eye.
export function fold(list) {
  for (const element of $$("[data-slot]", list)) {
    const text = $("[data-text]", element);
    const button = $("[data-show]", element);
    text.classList.add("folded");
    if (text.scrollHeight <= text.clientHeight + 4) {
      text.classList.remove("folded");
      continue;
    }
    button.hidden = false;
    button.addEventListener("click", () => {
      const open = !text.classList.toggle("folded");
      button.setAttribute("aria-expanded", String(open));
      button.firstChild.textContent = open ? "Show less" : "Show all";
    });
  }
}
