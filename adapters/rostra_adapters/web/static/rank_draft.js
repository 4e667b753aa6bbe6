// Keeps what was chosen so far: one request at a time, the last word wins, and what was not kept is tried again.

import { $, random } from "./dom.js";

const AGAIN = [1000, 2000, 5000, 10000];

export function keeper(ballot, tell) {
  const csrf = $("meta[name=csrf]").content;
  let wanted = null;
  let busy = false;
  let failed = 0;
  let timer = 0;

  async function flush() {
    if (busy || wanted === null) return;
    busy = true;
    clearTimeout(timer);
    const sent = wanted;
    try {
      const response = await fetch(`/rank/${ballot}/draft`, {
        method: "POST",
        keepalive: true,
        headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
        body: JSON.stringify({ id: random(), ranking: sent }),
      });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        const said = (await response.json().catch(() => ({}))).error || "";
        wanted = null;
        tell("lost", `The draft was not kept. ${said}`);
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      failed = 0;
      if (!(await response.json()).held) {
        wanted = null;
        tell("lost", "This was saved elsewhere already: Save changes what was said.");
      } else if (wanted === sent) {
        wanted = null;
        tell("kept", "Draft kept.");
      }
    } catch {
      tell("failed", "The draft is not kept yet: the bot cannot be reached. It is tried again.");
      timer = setTimeout(flush, AGAIN[Math.min(failed, AGAIN.length - 1)]);
      failed += 1;
    } finally {
      busy = false;
      if (wanted !== null && !failed) flush();
    }
  }

  addEventListener("online", flush);
  return {
    keep(text) { wanted = text; flush(); },
    drop() { wanted = null; clearTimeout(timer); },
  };
}
