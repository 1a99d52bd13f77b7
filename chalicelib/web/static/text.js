// Text into nodes. Nothing anybody wrote is ever parsed as HTML; addresses become links, everything else stays text.

const ADDRESS = /https?:\/\/[^\s<>"'`]+/g;

/** Nodes whose text is exactly `text`. */
export function toNodes(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutPunctuation(match[0]);
    if (!isWebAddress(address)) continue;
    nodes.push(text.slice(end, match.index), link(address));
    end = match.index + address.length;
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== "");
}

/** An element with these properties and children: `element("p", { className: "who" }, "text", node)`. */
export function element(name, properties = {}, ...children) {
  const { dataset, aria, ...plain } = properties;
  const made = Object.assign(document.createElement(name), plain);
  Object.assign(made.dataset, dataset);
  for (const [key, value] of Object.entries(aria ?? {})) made.setAttribute(`aria-${key}`, value);
  made.append(...children);
  return made;
}

/** "14:02" or "2:02 PM" of today, with the day before it otherwise. */
export function shortTime(at, now = new Date()) {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return "";
  const day = time.toDateString() === now.toDateString() ? {} : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", ...day }).format(time);
}

/** How long ago, for a list one glances at: "now", "4 min", "2 h", "3 d". */
export function age(since, now = Date.now()) {
  const minutes = Math.floor((now - Date.parse(since)) / 60_000);
  if (!(minutes >= 1)) return "now";
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / (24 * 60))} d`;
}

/** A sentence's punctuation is not part of the address; a closing bracket is, if it was opened in it. */
function withoutPunctuation(address) {
  let kept = address.replace(/[.,;:!?…*_]+$/u, "");
  if (kept.endsWith(")") && !kept.includes("(")) kept = withoutPunctuation(kept.slice(0, -1));
  return kept;
}

function isWebAddress(address) {
  return URL.canParse(address) && ["http:", "https:"].includes(new URL(address).protocol);
}

function link(address) {
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);
}
