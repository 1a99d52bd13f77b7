// The agents' page: connects the reducer, the connection and the view, and keeps the token out of sight.

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { reduce, START, toReload } from "./desk-state.js";
import { DeskView } from "./desk-view.js";
import { Kept, requestSession } from "./sessions.js";
import * as transcript from "./transcript.js";

const MAX_CONTENT = 4000;
const ACK_WITHIN = 20_000;
const LISTS_EVERY = 30_000; // how old the ages in the lists may get

const byId = (id) => document.getElementById(id);

let state = START;
let renewAt = Infinity;
const drafts = new Map(); // what was begun in each conversation

const kept = new Kept("frontdesk.agent", "sessionStorage");
const connection = new Connection({ open: openSession, onFrame: receive, onLink: relink, onTick: renewIfDue });
const composer = new Composer(byId("composer"), { limit: MAX_CONTENT, onSend: write });
const view = new DeskView({ claim: ask, open, leave, retry }, composer);

function dispatch(event, options) {
  state = reduce(state, event);
  view.render(state, options);
}

async function openSession() {
  const session = await requestSession({ token: kept.value });
  kept.value = session.token;
  renewAt = session.renewAt;
  return session.websocket_url;
}

async function renewIfDue() {
  if (Date.now() < renewAt) return;
  renewAt = Infinity;
  await openSession().catch(() => (renewAt = Date.now() + 60_000));
}

function relink(link) {
  if (link.state === "refused") signOut(link.error.status === 401 ? "This token is not valid, or no longer." : link.error.message);
  else dispatch({ type: "link", link });
}

function receive(frame) {
  const isFirst = frame.type === "queue" && !state.ready;
  const before = state.current;
  keepDraft();
  const isWhole = frame.type === "conversation" && frame.session_id === state.current;
  dispatch({ type: "frame", frame, at: new Date().toISOString(), isWatched: !document.hidden }, { isWhole });
  if (state.current !== before) takeDraft();
  if (isFirst) view.focusFirst();
  if (isFirst) new Set([...toReload(state), state.asked]).forEach((sessionId) => sessionId && claim(sessionId));
  if (frame.type === "conversation") resend(frame.session_id);
  if (frame.type === "error" && (frame.code === "unauthorized" || !state.ready)) connection.giveUp();
}

const claim = (sessionId) => connection.send({ action: "claim", session_id: sessionId });

/** Take a conversation from the queue, or load one of mine: the server answers both with the whole of it. */
function ask(sessionId) {
  dispatch({ type: "ask", sessionId });
  claim(sessionId);
}

function open(sessionId) {
  if (!state.conversations[sessionId]?.isLoaded) return ask(sessionId);
  keepDraft();
  dispatch({ type: "open", sessionId });
  return takeDraft();
}

function leave() {
  const sessionId = state.current;
  keepDraft();
  dispatch({ type: "leave" });
  view.focusLists(sessionId);
}

function write(content) {
  const message = { messageId: crypto.randomUUID(), content, at: new Date().toISOString() };
  dispatch({ type: "write", sessionId: state.current, ...message });
  send(state.current, message);
}

function retry(messageId) {
  const message = transcript.find(state.conversations[state.current].transcript, messageId);
  dispatch({ type: "retry", sessionId: state.current, messageId });
  send(state.current, message);
}

/** A conversation that has not been loaded since the last break is sent what it lacks when it is. */
function send(sessionId, { messageId, content }) {
  if (!state.conversations[sessionId].isLoaded) return;
  if (!connection.send({ action: "message", session_id: sessionId, message_id: messageId, content })) return;
  setTimeout(() => {
    const known = state.conversations[sessionId];
    const isLost = known && transcript.unsent(known.transcript).some((message) => message.messageId === messageId);
    if (!isLost || !known.isLoaded) return;
    dispatch({ type: "problem", sessionId, messageId, problem: { code: "unconfirmed", message: "This was not confirmed." } });
  }, ACK_WITHIN);
}

function resend(sessionId) {
  const known = state.conversations[sessionId];
  if (known) transcript.unsent(known.transcript).forEach((message) => send(sessionId, message));
}

function keepDraft() {
  if (state.current) drafts.set(state.current, composer.text);
}

function takeDraft() {
  composer.text = drafts.get(state.current) ?? "";
}

function signIn(token) {
  kept.value = token;
  byId("token").value = "";
  byId("sign-in-problem").textContent = "";
  byId("sign-in").hidden = true;
  byId("desk").hidden = false;
  state = START;
  view.render(state);
  view.focusFirst();
  connection.restart();
}

function signOut(problem = "") {
  connection.stop();
  kept.value = null;
  drafts.clear();
  renewAt = Infinity;
  dispatch({ type: "sign out" });
  document.body.dataset.view = "sign-in";
  byId("desk").hidden = true;
  byId("sign-in").hidden = false;
  byId("sign-in-problem").textContent = problem;
  byId("token").focus();
}

/** A token in the address is taken and removed at once: addresses are seen, shared and remembered. */
function tokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

byId("sign-in").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  if (token) signIn(token);
  else byId("sign-in-problem").textContent = "Enter a token first.";
});
byId("sign-out").addEventListener("click", () => signOut());
byId("back").addEventListener("click", leave);
byId("return").addEventListener("click", () => {
  connection.send({ action: "return", session_id: state.current });
});
byId("close").addEventListener("click", () => {
  byId("ending").returnValue = "";
  byId("ending").showModal();
});
byId("ending").addEventListener("close", () => {
  if (byId("ending").returnValue === "end") connection.send({ action: "close", session_id: state.current });
});
byId("notice").querySelector("button").addEventListener("click", () => dispatch({ type: "dismiss" }));
document.addEventListener("visibilitychange", () => document.hidden || dispatch({ type: "seen" }));
window.addEventListener("hashchange", () => {
  const token = tokenFromAddress();
  if (token) signIn(token);
});
setInterval(() => view.renderLists(state), LISTS_EVERY);

const token = tokenFromAddress() ?? kept.value;
if (token) signIn(token);
else byId("token").focus();
