// Keeps the page as the bot says it is: what changes comes as server-sent events, and after a gap everything anew.

import { $, $$, fragment } from "./dom.js";

const log = $("#log");
const main = $("main");

export const turn = (id) => document.getElementById(`t-${id}`);
export const writing = () => log.querySelector(".answer[data-state=waiting], .answer[data-state=writing]");

function following() {
  return main.scrollHeight - main.scrollTop - main.clientHeight < 120;
}

// Changes the page, and stays at its end if that was in sight.
export function change(act) {
  const follow = following();
  act();
  dress(log);
  if (follow) main.scrollTop = main.scrollHeight;
  document.dispatchEvent(new Event("changed"));
}

function dress(within) {
  for (const pre of $$(".body pre", within)) {
    if (pre.parentElement.classList.contains("code") || pre.closest(".tail")) continue;
    const box = document.createElement("div");
    box.className = "code";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.dataset.do = "copy-code";
    pre.tabIndex = 0;
    pre.replaceWith(box);
    box.append(pre, button);
  }
  for (const element of $$("[data-file]", within)) {
    const path = `/chat/${document.body.dataset.talk}/files/${element.dataset.file}`;
    element.setAttribute(element.tagName === "IMG" ? "src" : "href", path);
    delete element.dataset.file;
  }
}

export function put(html, instead) {
  const fresh = fragment(html);
  const id = fresh.firstElementChild.id;
  if (instead && turn(instead)) {
    const gone = turn(instead);
    while (gone.nextElementSibling) gone.nextElementSibling.remove();
    gone.remove();
  }
  const there = document.getElementById(id);
  if (!there) log.append(fresh);
  $("#hello").hidden = true;
}

const acts = {
  all: ({ html }) => { log.replaceChildren(fragment(html)); },
  asked: ({ html, instead }) => put(html, instead),
  answer: ({ turn: id, state, html }) => {
    const answer = turn(id) && $(".answer", turn(id));
    if (!answer) return;
    answer.replaceChildren(fragment(html));
    answer.dataset.state = state;
    answer.dataset.base = state === "view" ? "view" : "answer";
  },
  grow: ({ turn: id, over, tail }) => {
    const body = turn(id) && $(".answer .body", turn(id));
    if (!body) return;
    if (over) $(".settled", body).append(fragment(over));
    $(".tail", body).replaceChildren(fragment(tail));
  },
  gone: ({ turn: id }) => { turn(id)?.remove(); },
  after: ({ turn: id, html }) => {
    const after = turn(id) && $(".after", turn(id));
    if (after) after.replaceChildren(fragment(html));
  },
};

let source = null;

export function listen() {
  if (source) return;
  const { talk, since } = document.body.dataset;
  source = new EventSource(`/chat/${talk}/events?since=${encodeURIComponent(since)}`);
  for (const [kind, act] of Object.entries(acts)) {
    source.addEventListener(kind, (event) => {
      document.body.dataset.since = event.lastEventId;
      change(() => act(JSON.parse(event.data)));
    });
  }
  source.addEventListener("over", () => location.reload());
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    source = null; // refused outright: the browser does not come back by itself
    setTimeout(listen, 3000);
  });
}

// A browser has few connections to one host: pages that nobody looks at give theirs back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (document.body.dataset.begun === "yes") {
    listen();
  }
});

change(() => {});
main.scrollTop = main.scrollHeight;
