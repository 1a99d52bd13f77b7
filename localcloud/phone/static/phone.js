// The phone: begins a call, sends what is said or keyed in, and writes down what is heard.

const $ = (id) => document.getElementById(id);
const state = { call: null, digits: "", expected: null, isWaiting: false };

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.message);
  return result;
}

function write(text, kind, who) {
  const turn = document.createElement("div");
  turn.className = `turn turn-${kind} ends`;
  const name = document.createElement("p");
  name.className = "who";
  name.textContent = who;
  const balloon = document.createElement("p");
  balloon.className = "balloon";
  balloon.textContent = text;
  turn.append(name, balloon);
  $("log").append(turn);
  $("log").scrollTop = $("log").scrollHeight;
}

function writeHeard(lines, locale) {
  for (const text of lines) {
    const isNote = text.startsWith("(");
    write(isNote ? text.slice(1, -1) : text, isNote ? "system" : "bot", isNote ? "Note" : "Bank");
    if (!isNote) $("log").lastElementChild.lang = locale.replace("_", "-");
  }
}

/** Run something that asks the server; one thing at a time, and what goes wrong is shown. */
async function attempt(action) {
  if (state.isWaiting) return;
  state.isWaiting = true;
  $("notice").hidden = true;
  show();
  try {
    await action();
  } catch (error) {
    $("notice").textContent = error.message;
    $("notice").hidden = false;
  }
  state.isWaiting = false;
  show();
}

function begin() {
  return attempt(async () => {
    const locale = $("locale").value;
    const begun = await ask("phone/calls", { locale });
    $("log").replaceChildren();
    $("events").querySelector("pre").textContent = "";
    Object.assign(state, { call: begun.call, digits: "", expected: begun.digits, locale });
    writeHeard(begun.heard, locale);
  });
}

function hangUp() {
  state.call = null;
  write("the call has ended", "system", "Note");
  show();
}

function send(input, shown) {
  return attempt(async () => {
    write(shown, "own", "You");
    state.digits = "";
    const call = state.call;
    const turn = await ask(`phone/calls/${call}`, input);
    if (state.call !== call) return; // hung up meanwhile
    writeHeard(turn.heard, state.locale);
    $("events").querySelector("pre").textContent = JSON.stringify(turn.exchanges, null, 2);
    state.expected = turn.digits;
    if (turn.ended) state.call = null;
  });
}

/** A key ends the digits when it is #, or the last that is expected; * takes them back. */
function press(key) {
  if (!state.call || state.isWaiting) return;
  if (key === "*") state.digits = "";
  else if (key !== "#") state.digits += key;
  const isWhole = state.expected !== null && state.digits.length >= state.expected;
  if (state.digits && (key === "#" || isWhole)) send({ keys: state.digits }, `⌨ ${state.digits}`);
  show();
}

function say() {
  const words = $("words").value.trim();
  if (!words || state.isWaiting) return;
  $("words").value = "";
  send({ say: words }, words);
}

function show() {
  const isOpen = state.call !== null;
  $("status").textContent = state.isWaiting ? "…" : isOpen ? "On the line" : "Hung up";
  $("call").textContent = isOpen ? "Hang up" : "Call";
  $("call").disabled = state.isWaiting && !isOpen;
  $("locale").disabled = isOpen;
  $("digits").textContent = state.digits;
  $("composer").hidden = !isOpen;
  if (isOpen) $("keypad").hidden = false;
  for (const button of $("keypad").querySelectorAll("button")) button.disabled = !isOpen;
}

$("call").addEventListener("click", async () => {
  if (state.call) return hangUp();
  await begin();
  $("words").focus();
});
$("silence").addEventListener("click", () => send({}, "…"));
$("keypad").addEventListener("click", (event) => event.target.dataset.key && press(event.target.dataset.key));
$("keypad").addEventListener("keydown", (event) => /^[0-9*#]$/.test(event.key) && press(event.key));
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  say();
});
$("words").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
});

attempt(async () => {
  const { locales } = await ask("phone/locales");
  $("locale").replaceChildren(...locales.map((locale) => new Option(locale.replace("_", "-"), locale)));
});
