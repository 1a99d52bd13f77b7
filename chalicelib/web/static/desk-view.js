// The desk on the page: two lists and one conversation. It shows a state and tells what was pressed, nothing else.

import { isHandedOff, lastWords, title } from "./desk-state.js";
import { age, element } from "./text.js";
import * as transcript from "./transcript.js";
import { TranscriptView } from "./transcript-view.js";

const byId = (id) => document.getElementById(id);

const ROOMY = matchMedia("(min-width: 46rem) and (min-height: 40rem)"); // for a summary that is open from the start

const STANDINGS = {
  handoff: "With you",
  active: "Back with MangaAssist",
  waiting: "Waiting for a person",
  closed: "Ended",
};

export class DeskView {
  #actions;
  #composer;
  #log;
  #current = null;

  /** `actions` has claim, open, leave and retry; each gets what it concerns. */
  constructor(actions, composer) {
    this.#actions = actions;
    this.#composer = composer;
    this.#log = new TranscriptView(byId("log"), byId("jump"), {
      names: { customer: "Customer", bot: "MangaAssist", agent: "Agent", system: "" },
      own: "agent",
      onRetry: actions.retry,
      isRetryable: (problem) => ["rate_limited", "unavailable", "internal", "unconfirmed"].includes(problem.code),
    });
  }

  render(state, { isWhole = false } = {}) {
    document.title = title(state);
    byId("status").textContent = this.#status(state);
    byId("desk").dataset.link = state.link.state;
    this.#renderNotice(state);
    this.renderLists(state);
    this.#renderConversation(state, isWhole);
  }

  renderLists(state) {
    byId("waiting-count").textContent = state.waiting.length || "";
    byId("mine-count").textContent = state.mine.length || "";
    byId("nobody").hidden = !state.ready || state.waiting.length > 0;
    byId("none").hidden = !state.ready || state.mine.length > 0;
    byId("none").textContent = state.waiting.length > 0 ? "Take somebody from the list above." : "You have none.";
    refill("waiting", state.waiting, (entry) => this.#waitingItem(entry, state));
    if (state.total > state.waiting.length) byId("waiting").append(element("li", {}, `and ${state.total - state.waiting.length} more`));
    refill("mine", state.mine, (entry) => this.#mineItem(entry, state));
  }

  #status(state) {
    if (state.link.state === "offline") return "You are offline";
    if (state.link.state === "retrying") return "Connection lost, trying again…";
    if (!state.ready) return "Connecting…";
    return state.waiting.length === 1 ? "One customer is waiting" : `${state.waiting.length || "No"} customers are waiting`;
  }

  #renderNotice({ notice }) {
    byId("notice").hidden = notice === null;
    byId("notice").querySelector("p").textContent = notice?.message ?? "";
  }

  #waitingItem(entry, state) {
    const isAsked = state.asked === entry.session_id;
    const take = element("button", { type: "button", className: "quiet", disabled: isAsked || !state.ready }, isAsked ? "Taking…" : "Take");
    take.setAttribute("aria-label", `Take ${nameOf(entry)}, waiting since ${age(entry.since)}`);
    take.addEventListener("click", () => this.#actions.claim(entry.session_id));
    const reason = element("p", { className: "reason" }, [why(entry), lastWords(state, entry)].filter(Boolean).join(" · "));
    const text = element("div", { className: "text" }, head("p", entry), reason);
    return element("li", { className: "card" }, text, take);
  }

  #mineItem(entry, state) {
    const known = state.conversations[entry.session_id];
    const unread = known?.unread ?? 0;
    const words = element("span", { className: "reason" }, lastWords(state, entry));
    const text = element("span", { className: "text" }, head("span", entry), words);
    const open = element("button", { type: "button", className: "row" }, text);
    if (unread) open.append(element("span", { className: "badge", aria: { label: `${unread} unread` } }, String(unread)));
    if (state.current === entry.session_id) open.setAttribute("aria-current", "true");
    open.addEventListener("click", () => this.#actions.open(entry.session_id));
    return element("li", {}, open);
  }

  #renderConversation(state, isWhole) {
    const known = state.conversations[state.current];
    const isOther = this.#current !== state.current;
    this.#current = state.current;
    document.body.dataset.view = known ? "conversation" : "lists";
    const hadFocus = byId("open").contains(document.activeElement) || document.activeElement === document.body;
    byId("open").hidden = !known;
    byId("blank").hidden = Boolean(known);
    if (isOther) this.#log.clear();
    if (!known) return;
    byId("customer").textContent = nameOf({ ...known, session_id: state.current });
    byId("standing").textContent = known.isLoaded ? standing(known) : "Loading…";
    byId("session").textContent = state.current;
    byId("session").title = state.current;
    byId("summary").hidden = !known.summary;
    if (isOther) byId("summary").open = ROOMY.matches;
    byId("summary").querySelector("p").textContent = known.summary;
    const isOurs = isHandedOff(known);
    for (const id of ["return", "close"]) {
      byId(id).hidden = !isOurs;
      byId(id).disabled = !state.ready;
    }
    this.#composer.hidden = !isOurs;
    if (!isOurs && hadFocus && !isToBeSeen(document.activeElement)) byId("customer").focus();
    this.#log.render(transcript.items(known.transcript), { isWhole: isWhole || isOther });
    if (isOther) this.focusConversation();
  }

  focusConversation() {
    if (byId("composer").hidden) byId("customer").focus();
    else this.#composer.focus();
  }

  /** At the beginning: the first who waits, so that one key takes them. Whoever has gone elsewhere stays there. */
  focusFirst() {
    if (![document.body, byId("waiting-title")].includes(document.activeElement)) return;
    (document.querySelector("#waiting button:enabled") ?? byId("waiting-title")).focus();
  }

  /** From the conversation back to where one came from, or to the first thing there is. */
  focusLists(sessionId) {
    const row = document.querySelector(`#mine [data-key="${CSS.escape(sessionId ?? "")}"] button`);
    (row ?? document.querySelector("#mine button, #waiting button") ?? byId("sign-out")).focus();
  }
}

/** Visitors without a name are told apart by the beginning of their session. */
function nameOf({ customer, session_id: sessionId }) {
  return !customer || customer === "anonymous" ? `Visitor ${sessionId.slice(0, 4)}` : customer;
}

function head(tag, entry) {
  const told = element("span", { className: "age" }, age(entry.since));
  return element(tag, { className: "name", title: `Session ${entry.session_id}` }, nameOf(entry), told);
}

const isToBeSeen = (node) => node !== document.body && node.checkVisibility();

function standing(known) {
  const told = STANDINGS[known.status] ?? "";
  return isHandedOff(known) && !known.isThere ? `${told} · the customer is away` : told;
}

/** Why somebody is in the list who does not just wait: their agent is gone, or they have waited too long. */
function why({ agent, left }) {
  if (agent) return `Was with ${agent}`;
  return left ? "Left a message" : "";
}

/** Lists are small and change seldom: they are made anew, and the focus stays on the entry that had it. */
function refill(name, entries, make) {
  const list = byId(name);
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("li")?.dataset.key : null;
  const items = entries.map((entry) => {
    const item = make(entry);
    item.dataset.key = entry.session_id;
    return item;
  });
  list.replaceChildren(...items);
  if (!focused) return;
  const again = items.find((item) => item.dataset.key === focused)?.querySelector("button:enabled");
  (again ?? byId(`${name}-title`)).focus();
}
