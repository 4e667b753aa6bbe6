// Small helpers over the page: what the server wrote is safe HTML, everything else goes in as text.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

export function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

export function random() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const csrf = $("meta[name=csrf]").content;

// Sends JSON; sends it again under its own id as long as nothing is known of it, so that it is taken once.
export async function send(path, body, tries = 4) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
        body: JSON.stringify(body),
      });
      if (response.ok) return await response.json();
      if (response.status === 401) location.assign("/sign-in");
      const said = (await response.json().catch(() => ({}))).error || "Something went wrong.";
      if (response.status !== 503 || attempt === tries) throw new Refused(said);
    } catch (error) {
      if (error instanceof Refused) throw error;
      if (attempt === tries) throw new Refused("The bot cannot be reached. Your words are still here.");
    }
    await new Promise((done) => setTimeout(done, 500 * 2 ** attempt));
  }
}

export class Refused extends Error {}

export async function copy(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}
