// The customer's page: connects the reducer, the connection and the view. All decisions are in those modules.

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { isRetryable, isThinking, MAX_CONTENT, reduce, START, statusLine } from "./conversation.js";
import { Frame } from "./frame.js";
import { CustomerSession, RefusedError, subjectOf } from "./sessions.js";
import * as transcript from "./transcript.js";
import { TranscriptView } from "./transcript-view.js";

const ACK_WITHIN = 20_000;
const ENDED = { code: "session_closed", message: "This conversation has ended." };
const MAX_REASON = 200;
const ANSWER_WITHIN = 45_000; // without a sign of the answer; then the history is asked, and then the customer is told

const byId = (id) => document.getElementById(id);

let state = START;
let patience = 0;
let isSilent = false; // the server was asked for the history because no answer came
let unread = 0;
let isStarted = false;

const session = new CustomerSession({ onEnded: noticeEnd, onForgotten: followForgetting });
let mayReturn = session.isKept; // until the history is there, nobody knows whether to welcome or to go on
const frame = new Frame({ onIdentity: identify });
const connection = new Connection({
  open: () => session.open(),
  onFrame: receive,
  onLink: relink,
  onTick: () => state.status !== "closed" && session.renewIfDue(),
});
const composer = new Composer(byId("composer"), { limit: MAX_CONTENT, onSend: write });
const view = new TranscriptView(byId("log"), byId("jump"), {
  names: { customer: "You", bot: "MangaAssist", agent: "Our team", system: "" },
  own: "customer",
  onRetry: retry,
  isRetryable: (problem) => isRetryable(problem, state.status),
});

function dispatch(event, { isWhole = false } = {}) {
  state = reduce(state, event);
  render(isWhole);
}

function relink(link) {
  if (link.state === "refused" && link.error.code === ENDED.code) return close();
  dispatch({ type: "link", link });
}

/** What is on the page stays there to be read; only a page that shows nothing yet begins another conversation. */
function noticeEnd() {
  if (state.sessionId) throw new RefusedError(401, ENDED);
  dispatch({ type: "ended" });
}

function close() {
  dispatch({ type: "frame", frame: { type: "error", ...ENDED } });
  for (const { messageId } of transcript.unsent(state.transcript)) {
    dispatch({ type: "problem", messageId, problem: { ...ENDED, message: "This was not sent: the conversation has ended." } });
  }
}

function receive(received) {
  if (received.type === "error" && received.code === "unauthorized") return connection.stepAside();
  if (isGreetingRefused(received)) return connection.giveUp();
  const isWhole = received.type === "session";
  dispatch({ type: "frame", frame: received, at: new Date().toISOString() }, { isWhole });
  if (isWhole) transcript.unsent(state.transcript).forEach(send);
  if (received.type === "message" && received.author !== "customer") countUnread();
  if (state.status === "closed") connection.stop(); // a fresh ticket would open another conversation
  waitForAnswer();
}

/** Nothing but `hello` is sent before the history is there. */
function isGreetingRefused({ type, code, message_id: messageId }) {
  return type === "error" && !state.ready && !messageId && code !== "session_closed";
}

function write(content) {
  const message = { messageId: crypto.randomUUID(), content, at: new Date().toISOString() };
  dispatch({ type: "write", ...message });
  send(message);
}

function retry(messageId) {
  const message = transcript.find(state.transcript, messageId);
  dispatch({ type: "retry", messageId });
  send(message);
  composer.focus();
}

/** Before the history is there, sending waits: `receive` sends whatever is still missing from it. */
function send({ messageId, content }) {
  if (!state.ready || !connection.send({ action: "message", message_id: messageId, content })) return;
  setTimeout(() => {
    const isLost = transcript.unsent(state.transcript).some((message) => message.messageId === messageId);
    if (!isLost || !state.ready) return;
    dispatch({ type: "problem", messageId, problem: { code: "unconfirmed", message: "This was not confirmed." } });
  }, ACK_WITHIN);
  waitForAnswer();
}

/** An answer that stays away: perhaps it was stored and its frames were lost, so look; if not, say so. */
function waitForAnswer() {
  clearTimeout(patience);
  const isWaiting = state.ready && state.status === "active" && transcript.awaitsAnswer(state.transcript);
  if (!isWaiting) {
    isSilent = false;
    return;
  }
  patience = setTimeout(() => {
    const asked = state.transcript.turns.findLast((turn) => turn.author === "customer");
    if (isSilent && asked?.messageId) {
      const problem = { code: "no_answer", message: "No answer came." };
      dispatch({ type: "problem", messageId: asked.messageId, problem });
      isSilent = false;
    } else {
      isSilent = true;
      connection.send({ action: "hello" });
    }
  }, isSilent ? ANSWER_WITHIN / 3 : ANSWER_WITHIN);
}

/** The shop says who this is. Somebody else than before gets a conversation of their own. */
function identify(identity) {
  const isOther = subjectOf(identity) !== subjectOf(session.identity);
  session.identity = identity;
  if (!isStarted) connection.start();
  else if (isOther) restart();
  isStarted = true;
}

async function startAnew() {
  session.forget();
  mayReturn = false;
  connection.stop();
  dispatch({ type: "restart" });
  composer.focus();
  session.identity = await frame.freshIdentity();
  connection.start();
}

function restart() {
  dispatch({ type: "restart" });
  connection.restart();
}

/** On a computer that others use as well: here nothing of the conversation is left, in no window. */
function forget() {
  composer.text = "";
  startAnew();
}

function followForgetting() {
  composer.text = "";
  mayReturn = false;
  dispatch({ type: "restart" });
  connection.stepAside();
}

/** Why a person is wanted: what the customer said last, so that the desk sees what it is about. */
function reason() {
  const last = state.transcript.turns.findLast((turn) => turn.author === "customer");
  const text = last?.content.replace(/\s+/g, " ").trim() || "The customer asked for a person.";
  return [...text].slice(0, MAX_REASON).join("");
}

function countUnread() {
  if (!document.hidden && !frame.isMinimized) return;
  unread += 1;
  showUnread();
}

function showUnread() {
  document.title = unread ? `(${unread}) MangaAssist` : "MangaAssist";
  frame.tellUnread(unread);
}

function render(isWhole) {
  const { link, status, ready } = state;
  const items = transcript.items(state.transcript);
  const isClosed = status === "closed";
  byId("status").textContent = statusLine(state);
  document.body.dataset.link = link.state;
  document.body.dataset.status = status ?? "";
  byId("welcome").hidden = items.length > 0 || isClosed || (mayReturn && !ready);
  byId("human").hidden = !(ready && status === "active");
  byId("forget").hidden = items.length === 0;
  byId("ended").hidden = !isClosed;
  const hadFocus = byId("composer").contains(document.activeElement);
  composer.hidden = isClosed;
  if (isClosed && hadFocus) byId("anew").focus();
  renderNotice();
  view.render(items, { isThinking: isThinking(state), isWhole });
}

function renderNotice() {
  const [text, action, act] = notice();
  const shown = byId("notice");
  shown.hidden = !text;
  shown.querySelector("p").textContent = text;
  const button = shown.querySelector("button");
  button.hidden = !action;
  button.textContent = action;
  button.onclick = act;
}

function notice() {
  const { link } = state;
  const again = () => connection.restart();
  if (link.state === "refused") return [link.error.message, "Try again", again];
  if (link.state === "elsewhere") return ["This conversation goes on in another window.", "Continue here", again];
  if (link.state === "offline") return ["You are offline. Write on: it is sent when the connection is back.", "", null];
  if (link.state === "retrying") return ["The connection is gone. Trying again…", "Try now", again];
  if (state.notice) return [state.notice.message, "Dismiss", () => dispatch({ type: "dismiss" })];
  return ["", "", null];
}

byId("human").addEventListener("click", () => {
  connection.send({ action: "request_human", reason: reason() });
  composer.focus();
});
byId("anew").addEventListener("click", startAnew);
byId("forget").addEventListener("click", () => {
  byId("forgetting").returnValue = "";
  byId("forgetting").showModal();
});
byId("forgetting").addEventListener("close", () => byId("forgetting").returnValue === "forget" && forget());
byId("minimize").addEventListener("click", () => frame.minimize());
byId("minimize").hidden = !frame.isEmbedded;
document.body.classList.toggle("is-embedded", frame.isEmbedded);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("forgetting").open) frame.minimize();
});
document.addEventListener("visibilitychange", () => document.hidden || seen());
for (const suggestion of document.querySelectorAll(".suggestion")) {
  suggestion.addEventListener("click", () => {
    write(suggestion.textContent);
    composer.focus();
  });
}
frame.onShown = () => {
  seen();
  composer.focus();
};

function seen() {
  unread = 0;
  showUnread();
}

render(false);
frame.firstIdentity().then(identify);
