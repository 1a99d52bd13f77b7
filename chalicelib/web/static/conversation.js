// The customer's side as a pure reducer: frames, the connection's state and what the customer does go in, what to
// show comes out. Statuses are the server's: active (MangaAssist answers), waiting, handoff (a person answers), closed.

import * as transcript from "./transcript.js";

export const MAX_CONTENT = 4000;

export const START = Object.freeze({
  link: { state: "connecting", retryAt: null },
  sessionId: null,
  status: null, // null until the server has told
  ready: false, // the history has been loaded on this connection, so that sending is safe
  notice: null, // an error that belongs to no message
  transcript: transcript.EMPTY,
});

export function reduce(state, event) {
  switch (event.type) {
    case "link":
      return { ...state, link: event.link, ready: state.ready && event.link.state === "open" };
    case "frame":
      return receive(state, event.frame, event.at);
    case "write":
      return { ...state, notice: null, transcript: transcript.addPending(state.transcript, { ...event, author: "customer" }) };
    case "retry":
      return { ...state, transcript: transcript.removeProblem(state.transcript, event.messageId) };
    case "problem":
      return { ...state, transcript: transcript.addProblem(state.transcript, event.messageId, event.problem) };
    case "dismiss":
      return { ...state, notice: null };
    case "ended":
      return { ...state, notice: { message: "Your last conversation has ended. This is a new one." } };
    case "restart":
      return START;
    default:
      return state;
  }
}

function receive(state, frame, at) {
  const told = state.transcript;
  switch (frame.type) {
    case "session": {
      const known = frame.session_id === state.sessionId ? told : { ...transcript.EMPTY, pending: told.pending };
      return {
        ...state,
        sessionId: frame.session_id,
        status: frame.status,
        ready: true,
        transcript: transcript.load(known, frame.history),
      };
    }
    case "ack":
      return { ...state, transcript: transcript.acknowledge(told, frame) };
    case "delta":
      return { ...state, transcript: transcript.addDelta(told, frame) };
    case "message":
      return { ...state, transcript: transcript.addTurn(told, frame, at) };
    case "handoff":
      return { ...state, status: frame.status, notice: null };
    case "error":
      return receiveError(state, frame);
    default:
      return state; // a newer server may say more than this page knows
  }
}

function receiveError(state, { code, message, message_id: messageId }) {
  const status = code === "session_closed" ? "closed" : state.status;
  if (messageId && transcript.find(state.transcript, messageId)) {
    return { ...state, status, transcript: transcript.addProblem(state.transcript, messageId, { code, message }) };
  }
  return { ...state, status, notice: code === "session_closed" ? null : { code, message } };
}

/** Whether sending the same again can help. */
export function isRetryable(problem, status) {
  return status !== "closed" && !["bad_request", "too_large", "session_closed"].includes(problem.code);
}

/** Whether MangaAssist is at work on an answer of which nothing can be shown yet. */
export function isThinking(state) {
  const shown = Object.values(state.transcript.drafts).some((draft) => draft.text);
  return state.ready && state.status === "active" && !shown && transcript.awaitsAnswer(state.transcript);
}

/** How the conversation stands, in the few words under the name. */
export function statusLine(state) {
  if (state.link.state === "offline") return "You are offline";
  if (state.link.state === "retrying") return "Connection lost";
  if (state.link.state === "elsewhere") return "Open in another window";
  if (state.status === "closed") return "This conversation has ended";
  if (!state.ready) return "Connecting…";
  return {
    active: "Here to help",
    waiting: "Passed on to our team",
    handoff: "You are talking with our team",
  }[state.status] ?? "";
}
