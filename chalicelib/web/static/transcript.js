// What was said, as data: stored turns by their number, messages on their way, and answers that still arrive.
// Every function takes a transcript and returns a new one. Frames may come twice, late, or out of order.

export const EMPTY = Object.freeze({ turns: [], pending: [], drafts: {}, problems: {} });

/**
 * The stored turns as the server has them now. Messages it has not yet seen stay pending. Of a long history it shows
 * the end; what is known from before that stays.
 */
export function load(transcript, history) {
  const newest = history.map((entry) => toTurn(entry, entry.at)).sort(bySeq);
  const older = transcript.turns.filter((turn) => turn.seq != null && turn.seq < newest[0]?.seq);
  const turns = [...older, ...newest];
  const stored = new Set(turns.filter(isCustomerOrAgent).map((turn) => turn.messageId));
  const pending = transcript.pending.filter((message) => !stored.has(message.messageId));
  const drafts = keep(transcript.drafts, (id) => isUnanswered(turns, id));
  const problems = keep(transcript.problems, (id) => pending.some((message) => message.messageId === id));
  return { turns, pending, drafts, problems };
}

/** A turn that arrived by itself. An answer takes the place of the draft it completes. */
export function addTurn(transcript, frame, at) {
  const turn = toTurn(frame, at);
  const known = transcript.turns.find((other) => isSame(other, turn));
  if (known) return settle(transcript, known, turn);
  const answered = turn.author === "bot" && turn.messageId;
  return {
    turns: [...transcript.turns, turn].sort(bySeq),
    pending: isCustomerOrAgent(turn) ? without(transcript.pending, turn.messageId) : transcript.pending,
    drafts: answered ? keep(transcript.drafts, (id) => id !== turn.messageId) : transcript.drafts,
    problems: keep(transcript.problems, (id) => id !== turn.messageId),
  };
}

/** A turn that is there already; its message may still be on its way, if the history did not name it. */
function settle(transcript, known, turn) {
  if (!transcript.pending.some((message) => message.messageId === turn.messageId)) return transcript;
  const turns = transcript.turns.map((other) => (other === known ? { ...known, messageId: turn.messageId } : other));
  return { ...transcript, turns, pending: without(transcript.pending, turn.messageId) };
}

export function addPending(transcript, { messageId, content, author, at }) {
  return { ...transcript, pending: [...transcript.pending, { messageId, content, author, at }] };
}

/** The server has the message: from now on it stands where its number puts it. */
export function acknowledge(transcript, { message_id: messageId, seq }) {
  const sent = transcript.pending.find((message) => message.messageId === messageId);
  if (!sent) return transcript;
  return addTurn(transcript, { message_id: messageId, seq, author: sent.author, content: sent.content }, sent.at);
}

/** A piece of an answer. Pieces are shown in the order of their index, each once, of the newest attempt only. */
export function addDelta(transcript, { message_id: messageId, attempt, index, text }) {
  if (!isUnanswered(transcript.turns, messageId)) return transcript;
  let draft = valueOf(transcript.drafts, messageId);
  if (draft && attempt < draft.attempt) return transcript;
  if (!draft || attempt > draft.attempt) draft = { attempt, next: 0, text: "", early: {} };
  if (index < draft.next) return transcript;
  const early = { ...draft.early, [index]: text };
  let { next, text: shown } = draft;
  while (next in early) {
    shown += early[next];
    delete early[next];
    next += 1;
  }
  const problems = keep(transcript.problems, (id) => id !== messageId);
  return { ...transcript, problems, drafts: { ...transcript.drafts, [messageId]: { attempt, next, text: shown, early } } };
}

/** A message the server did not take, or could not answer. What was streamed of the answer is void. */
export function addProblem(transcript, messageId, problem) {
  const drafts = keep(transcript.drafts, (id) => id !== messageId);
  return { ...transcript, drafts, problems: { ...transcript.problems, [messageId]: problem } };
}

/** The customer tries again: the problem is gone until the next one. */
export function removeProblem(transcript, messageId) {
  return { ...transcript, problems: keep(transcript.problems, (id) => id !== messageId) };
}

/** What to send once more after a reconnect: all that is neither acknowledged nor refused. */
export function unsent(transcript) {
  return transcript.pending.filter((message) => !Object.hasOwn(transcript.problems, message.messageId));
}

export function find(transcript, messageId) {
  return [...transcript.pending, ...transcript.turns.filter(isCustomerOrAgent)].find(
    (message) => message.messageId === messageId,
  );
}

/** Whether the last word is the customer's and its answer is still to come. */
export function awaitsAnswer(transcript) {
  const last = transcript.turns.at(-1);
  const asked = last?.author === "customer" && !Object.hasOwn(transcript.problems, last.messageId);
  return asked || Object.keys(transcript.drafts).length > 0;
}

/** Everything to show, in order: stored turns, then what is on its way there, then answers in the making. */
export function items(transcript) {
  const keys = new Set();
  const problemOf = (id) => valueOf(transcript.problems, id) ?? null;
  const turns = transcript.turns.map((turn) => {
    const own = isCustomerOrAgent(turn) && turn.messageId ? `m:${turn.messageId}` : `s:${turn.seq}`;
    const key = keys.has(own) ? `s:${turn.seq}:${turn.responseId}` : own;
    keys.add(key);
    return { ...turn, key, state: "stored", problem: isCustomerOrAgent(turn) ? problemOf(turn.messageId) : null };
  });
  const pending = transcript.pending.map((message) => {
    const problem = problemOf(message.messageId);
    return { ...message, key: `m:${message.messageId}`, state: problem ? "failed" : "sending", problem };
  });
  const drafts = Object.entries(transcript.drafts)
    .filter(([, draft]) => draft.text)
    .map(([id, draft]) => ({ key: `d:${id}`, author: "bot", content: draft.text, state: "draft", problem: null }));
  return [...turns, ...pending, ...drafts];
}

/** What an agent said bears the id of their message as that of a response. */
function toTurn(entry, at) {
  return {
    seq: entry.seq,
    author: entry.author,
    content: entry.content,
    at: at ?? null,
    messageId: entry.message_id ?? (entry.author === "agent" ? entry.response_id : null) ?? null,
    responseId: entry.response_id ?? null,
  };
}

const bySeq = (one, other) => (one.seq ?? Infinity) - (other.seq ?? Infinity) || 0;

const isCustomerOrAgent = (turn) => turn.author === "customer" || turn.author === "agent";

function isSame(known, turn) {
  if (known.seq != null && turn.seq != null) return known.seq === turn.seq;
  if (known.author !== turn.author) return false;
  return known.responseId ? known.responseId === turn.responseId : known.messageId != null && known.messageId === turn.messageId;
}

/** An answer names the message it answers; of one that does not, being later has to be enough. */
function isUnanswered(turns, messageId) {
  const asked = turns.find((turn) => turn.author === "customer" && turn.messageId === messageId);
  return !turns.some(
    (turn) =>
      turn.author === "bot" &&
      (turn.messageId ? turn.messageId === messageId : asked !== undefined && turn.seq > asked.seq),
  );
}

/** Ids are whatever a customer's program chose, such as "constructor", which every object has. */
const valueOf = (record, id) => (Object.hasOwn(record, id) ? record[id] : undefined);

const without = (messages, id) => messages.filter((message) => message.messageId !== id);

const keep = (record, isKept) => Object.fromEntries(Object.entries(record).filter(([id]) => isKept(id)));
