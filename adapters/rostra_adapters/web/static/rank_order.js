// What stands where: a list of slots from the best on, each perhaps tied with the one before it. Pure.

export const LETTERS = "ABCDEFGHI";
const ENDS = ["th", "st", "nd", "rd"];

export const ordinal = (number) => `${number}${ENDS[number] || "th"}`;

export function tiers(order) {
  const found = [];
  for (const { slot, tied } of order) {
    if (tied && found.length) found.at(-1).push(slot);
    else found.push([slot]);
  }
  return found;
}

export const order = (from) => from.flatMap((tier) => tier.map((slot, index) => ({ slot, tied: index > 0 })));

// As a chat takes it: B > A = C.
export const written = (now) => tiers(now).map((tier) => tier.map((slot) => LETTERS[slot]).join(" = ")).join(" > ");

export function read(text) {
  return text.trim() ? text.split(">").map((tier) => tier.split("=").map((one) => LETTERS.indexOf(one.trim()))) : [];
}

// Where a slot stands: its place, 1 for the best, and which others share it.
export function stands(now, slot) {
  let ahead = 0;
  for (const tier of tiers(now)) {
    if (tier.includes(slot)) return { place: ahead + 1, among: tier.filter((one) => one !== slot) };
    ahead += tier.length;
  }
  return null;
}

function without(now, slot) {
  const found = tiers(now);
  const at = found.findIndex((tier) => tier.includes(slot));
  const alone = found[at].length === 1;
  const above = found[at][0] !== slot;
  found[at] = found[at].filter((one) => one !== slot);
  return { at, alone, above, left: found.filter((tier) => tier.length) };
}

// One step: out of a tie to just above or below it, else past all of the tier next to it.
export function step(now, slot, by) {
  const { at, alone, left } = without(now, slot);
  const to = alone ? at + by : at + (by > 0 ? 1 : 0);
  if (to < 0 || to > left.length) return now;
  left.splice(to, 0, [slot]);
  return order(left);
}

// Ties a slot with the one above it; where it is, it stands alone below those it was tied with.
export function tie(now, slot) {
  const { at, alone, above, left } = without(now, slot);
  if (above) left.splice(at + 1, 0, [slot]);
  else if (at === 0) return now;
  else {
    left[at - 1].push(slot);
    if (!alone) return order(left);
  }
  return order(left);
}

// Gives a slot the place, counted from 1: that many are ahead of it, less one. Nobody's tie is parted for it.
export function give(now, slot, place) {
  const { left } = without(now, slot);
  let ahead = 0;
  let to = 0;
  while (to < left.length && ahead + left[to].length < place) {
    ahead += left[to].length;
    to += 1;
  }
  left.splice(to, 0, [slot]);
  return order(left);
}

// Puts a slot where it was dropped, before the card at the index among the others: between two that are tied, it joins them.
export function drop(now, slot, index) {
  const others = now.filter((one) => one.slot !== slot);
  const cut = now.findIndex((one) => one.slot === slot);
  const first = !now[cut].tied && now[cut + 1]?.tied;
  const rest = others.map((one) => (first && one.slot === now[cut + 1].slot ? { ...one, tied: false } : one));
  const joins = index > 0 && index < rest.length && rest[index].tied;
  rest.splice(index, 0, { slot, tied: Boolean(joins) });
  return rest;
}
