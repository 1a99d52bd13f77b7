// The agents' side as a pure reducer: who waits, whose conversations are mine, and what was said in those I opened.

import * as transcript from "./transcript.js";

export const START = Object.freeze({
  link: { state: "connecting", retryAt: null },
  ready: false, // the queue has arrived on this connection
  waiting: [],
  mine: [],
  conversations: {}, // by session: {status, customer, isThere, summary, unread, isLoaded, transcript}
  current: null, // the session in the right pane
  asked: null, // the session that was claimed and has not been answered yet
  notice: null,
});

const NEW = Object.freeze({
  status: null,
  customer: "",
  isThere: true, // the customer, as far as is known
  summary: "",
  unread: 0,
  isLoaded: false,
  transcript: transcript.EMPTY,
});

export function reduce(state, event) {
  switch (event.type) {
    case "link":
      return relink(state, event.link);
    case "frame":
      return receive(state, event);
    case "ask":
      return { ...state, asked: event.sessionId, notice: null };
    case "open":
      return update({ ...state, current: event.sessionId, notice: null }, event.sessionId, () => ({ unread: 0 }));
    case "leave":
      return forgetFinished({ ...state, current: null, notice: null });
    case "seen":
      return state.current ? update(state, state.current, () => ({ unread: 0 })) : state;
    case "write":
      return change(state, event.sessionId, (told) => transcript.addPending(told, { ...event, author: "agent" }));
    case "retry":
      return change(state, event.sessionId, (told) => transcript.removeProblem(told, event.messageId));
    case "problem":
      return change(state, event.sessionId, (told) => transcript.addProblem(told, event.messageId, event.problem));
    case "dismiss":
      return { ...state, notice: null };
    case "sign out":
      return START;
    default:
      return state;
  }
}

/** After a break nothing of what was loaded is known to be whole; what was asked may never have arrived. */
function relink(state, link) {
  if (link.state === "open") return { ...state, link };
  const stale = Object.entries(state.conversations).map(([id, known]) => [id, { ...known, isLoaded: false }]);
  return { ...state, link, ready: false, asked: null, conversations: Object.fromEntries(stale) };
}

function receive(state, { frame, at, isWatched }) {
  switch (frame.type) {
    case "queue":
      return forgetFinished({ ...state, ready: true, waiting: bySince(frame.waiting), mine: bySince(frame.mine), total: frame.total });
    case "conversation":
      return receiveConversation(state, frame);
    case "message":
      return receiveMessage(state, frame, at, isWatched);
    case "ack":
      return receiveAck(state, frame);
    case "handoff":
      return update({ ...state, notice: null }, frame.session_id, () => ({ status: frame.status }));
    case "error":
      return receiveError(state, frame);
    default:
      return state;
  }
}

/** The whole of a conversation: after claiming it, or after asking again for one that is mine already. */
function receiveConversation(state, frame) {
  const wasAsked = state.asked === frame.session_id;
  const known = state.conversations[frame.session_id] ?? NEW;
  const loaded = {
    ...known,
    status: frame.status,
    customer: frame.customer,
    isThere: frame.connected ?? true,
    summary: frame.summary ?? "",
    unread: wasAsked || state.current === frame.session_id ? 0 : known.unread,
    isLoaded: true,
    transcript: transcript.load(known.transcript, frame.history),
  };
  return {
    ...state,
    asked: wasAsked ? null : state.asked,
    current: wasAsked ? frame.session_id : state.current,
    conversations: { ...state.conversations, [frame.session_id]: loaded },
  };
}

/** `delivered` says whether the customer was there to read it at once. */
function receiveAck(state, frame) {
  const acknowledged = changeHolder(state, frame, (told) => transcript.acknowledge(told, frame));
  const isThere = frame.delivered;
  return isThere === undefined ? acknowledged : update(acknowledged, frame.session_id, () => ({ isThere }));
}

function receiveMessage(state, frame, at, isWatched) {
  const before = state.conversations[frame.session_id] ?? NEW;
  const told = transcript.addTurn(before.transcript, frame, at);
  if (told === before.transcript) return state;
  const isUnread = frame.author === "customer" && !(isWatched && state.current === frame.session_id);
  const isThere = before.isThere || frame.author === "customer";
  const after = { ...before, transcript: told, isThere, unread: before.unread + (isUnread ? 1 : 0) };
  return { ...state, conversations: { ...state.conversations, [frame.session_id]: after } };
}

/** An error without a message belongs to what was asked last: mostly that another agent was faster. */
function receiveError(state, frame) {
  const problem = { code: frame.code, message: frame.message };
  const changed = changeHolder(state, frame, (told) => transcript.addProblem(told, frame.message_id, problem));
  return changed === state ? { ...state, asked: null, notice: problem } : changed;
}

/** Change the conversation that holds the frame's message; acknowledgements need not name the session. */
function changeHolder(state, frame, make) {
  const holds = ([, { transcript: told }]) => frame.message_id && transcript.find(told, frame.message_id);
  const found = Object.entries(state.conversations).find(holds);
  return found ? change(state, found[0], make) : state;
}

function change(state, sessionId, make) {
  return update(state, sessionId, (known) => ({ transcript: make(known.transcript) }));
}

function update(state, sessionId, make) {
  const known = state.conversations[sessionId];
  if (!known) return state;
  return { ...state, conversations: { ...state.conversations, [sessionId]: { ...known, ...make(known) } } };
}

/** What is no longer mine goes, except for the conversation one is looking at. */
function forgetFinished(state) {
  const kept = new Set([state.current, state.asked, ...state.mine.map((entry) => entry.session_id)]);
  const conversations = Object.fromEntries(Object.entries(state.conversations).filter(([id]) => kept.has(id)));
  return { ...state, conversations };
}

/** Whoever has waited longest comes first. */
const bySince = (entries) => [...entries].sort((one, other) => Date.parse(one.since) - Date.parse(other.since));

/** Which conversations to ask for again once the connection is back: the open one, and those with something unsent. */
export function toReload(state) {
  const isMine = (id) => state.mine.some((entry) => entry.session_id === id);
  return Object.entries(state.conversations)
    .filter(([id, known]) => isMine(id) && (id === state.current || known.transcript.pending.length > 0))
    .map(([id]) => id);
}

/** What the customer said last, as far as it is known: what was loaded here, and else why they asked for a person. */
export function lastWords(state, entry) {
  const turns = state.conversations[entry.session_id]?.transcript.turns ?? [];
  return turns.findLast((turn) => turn.author === "customer")?.content ?? entry.reason ?? "";
}

export function isHandedOff(conversation) {
  return conversation.status === "handoff";
}

/** What the window's title and the phone's list say in passing. */
export function title(state) {
  return state.waiting.length > 0 ? `(${state.waiting.length}) Agent desk` : "Agent desk";
}
