// The operator's pages: a part that changes comes as server-sent events; everything else is links and forms.

import { $, fragment } from "./dom.js";

const live = $("#live");
const QUIET = 15000; // milliseconds between two things that are said to whoever listens
let source = null;
let saidAt = 0;

function say(what) {
  if (!what || Date.now() - saidAt < QUIET) return;
  saidAt = Date.now();
  $("#heard").textContent = what;
}

// What somebody has scrolled or focused stays where it is: regions are known by their labels.
function put(html) {
  const label = document.activeElement?.closest("#live [role=region]")?.getAttribute("aria-label");
  const scrolled = new Map([...live.querySelectorAll("[role=region]")].map((one) => [one.getAttribute("aria-label"), one.scrollLeft]));
  live.replaceChildren(fragment(html));
  for (const one of live.querySelectorAll("[role=region]")) {
    one.scrollLeft = scrolled.get(one.getAttribute("aria-label")) || 0;
    if (label && one.getAttribute("aria-label") === label) one.focus({ preventScroll: true });
  }
}

function listen() {
  if (source) return;
  source = new EventSource(`${live.dataset.events}?since=${encodeURIComponent(live.dataset.since)}`);
  source.addEventListener("open", () => { $("#stale").hidden = true; });
  source.addEventListener("part", (event) => {
    const { html, said } = JSON.parse(event.data);
    live.dataset.since = event.lastEventId;
    put(html);
    say(said);
  });
  source.addEventListener("over", () => location.reload());
  source.addEventListener("error", () => {
    $("#stale").hidden = false;
    if (source.readyState !== EventSource.CLOSED) return;
    source = null; // refused outright: the browser does not come back by itself
    setTimeout(listen, 5000);
  });
}

if (live) {
  listen();
  // A browser has few connections to one host: pages that nobody looks at give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else {
      listen();
    }
  });
}
