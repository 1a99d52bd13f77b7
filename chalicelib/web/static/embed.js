// For the shop's pages: <script src="https://…/assets/embed.js" data-identity="JWT" defer></script>
// A button, and the chat in an iframe once it is pressed. The identity goes to the iframe's own origin and nowhere
// else; a page that signs somebody in or out later changes the attribute. Until the chat has said that it is there,
// the button stays on top of its frame: a frame that is refused, or finds nobody, says nothing and cannot be closed.

(() => {
  const script = document.currentScript;
  const page = new URL("../", script.src);
  const address = new URL(`#shop=${encodeURIComponent(location.origin)}`, page);
  const READY_WITHIN = 8_000;
  const READY_AFTER_LOADING = 1_500; // the chat speaks up before it has loaded; the browser's own error page never does

  const BALLOON =
    "M16 4c7.5 0 13 4.8 13 10.8s-5.5 10.8-13 10.8c-1.3 0-2.6-.1-3.8-.4L5.6 29l1.6-6.2C4.6 20.8 3 18 3 14.8 3 8.8 8.5 4 16 4z";
  const CROSS = "M8 5.5 16 13.5 24 5.5 26.5 8 18.5 16 26.5 24 24 26.5 16 18.5 8 26.5 5.5 24 13.5 16 5.5 8z";

  // Constructed style sheets work under any Content-Security-Policy of the shop, and its styles stay out.
  const styles = new CSSStyleSheet();
  styles.replaceSync(`
    :host { all: initial; position: fixed; inset: auto 20px 20px auto; z-index: 2147483000; }
    button {
      position: relative; inline-size: 60px; block-size: 60px; padding: 0; border: 2px solid #fff; border-radius: 50%;
      background: #b3261e; box-shadow: 0 6px 20px rgb(0 0 0 / 28%); cursor: pointer;
    }
    button:hover { background: #97190f; }
    button:focus-visible { outline: 3px solid #1d1b26; outline-offset: 3px; }
    svg { display: block; inline-size: 30px; block-size: 30px; margin: auto; fill: #fff; }
    .cross, :host(.open) .balloon { display: none; }
    :host(.open) .cross { display: block; }
    .failure {
      position: fixed; inset: auto 20px 96px auto; inline-size: min(320px, calc(100vw - 40px)); padding: 16px;
      box-sizing: border-box; border: 2px solid #1d1b26; border-radius: 18px; background: #fbf8f3; color: #1d1b26;
      box-shadow: 0 12px 48px rgb(0 0 0 / 32%); font: 400 16px/1.5 system-ui, sans-serif;
    }
    .failure p { margin: 0 0 12px; }
    .failure button {
      inline-size: auto; block-size: auto; min-block-size: 44px; padding: 8px 18px; border-radius: 22px;
      background: #b3261e; color: #fff; box-shadow: none; font: 600 16px/1.5 system-ui, sans-serif;
    }
    .count {
      position: absolute; inset: -6px -6px auto auto; min-inline-size: 22px; padding: 0 5px; border-radius: 11px;
      box-sizing: border-box; background: #1d1b26; color: #fff; font: 700 13px/22px system-ui, sans-serif;
    }
    .count:empty { display: none; }
    iframe {
      position: fixed; inset: auto 20px 96px auto; inline-size: min(400px, calc(100vw - 40px));
      block-size: min(640px, calc(100dvh - 120px)); border: 0; border-radius: 18px; background: #fbf8f3;
      box-shadow: 0 12px 48px rgb(0 0 0 / 32%); color-scheme: light dark;
    }
    [hidden] { display: none; }
    @media (max-width: 480px) {
      iframe { inset: 0; inline-size: 100%; block-size: 100dvh; border-radius: 0; }
      :host(.open.ready) .launcher { display: none; }
    }
  `);

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [styles];

  const launcher = document.createElement("button");
  launcher.type = "button";
  launcher.className = "launcher";
  const count = document.createElement("span");
  count.className = "count";
  launcher.append(drawing("balloon", BALLOON), drawing("cross", CROSS), count);

  const failure = document.createElement("div");
  failure.className = "failure";
  failure.setAttribute("role", "alert");
  failure.hidden = true;
  root.append(failure, launcher);


  let frame = null;
  let isShown = false;
  let patience = 0;

  function show(shown) {
    isShown = shown;
    if (shown && !frame) open();
    else if (!shown && frame && !frame.dataset.ready) close(); // the next time it is tried again
    else if (frame) frame.hidden = !shown;
    host.classList.toggle("open", shown);
    count.textContent = "";
    label(0);
    launcher.setAttribute("aria-expanded", String(shown));
    tell({ type: "frontdesk:shown", isShown: shown });
    if (!shown) launcher.focus();
  }

  function open() {
    frame = document.createElement("iframe");
    frame.title = "Chat with MangaAssist";
    frame.src = address.href;
    frame.addEventListener("load", () => expectWithin(READY_AFTER_LOADING));
    root.prepend(frame);
    expectWithin(READY_WITHIN);
  }

  function close() {
    clearTimeout(patience);
    frame.remove();
    frame = null;
    failure.hidden = true;
  }

  /** Late is better than never: a frame that is hidden here appears when it is ready after all. */
  function expectWithin(milliseconds) {
    clearTimeout(patience);
    if (frame && !frame.dataset.ready) patience = setTimeout(fail, milliseconds);
  }

  function fail() {
    frame.hidden = true;
    const text = document.createElement("p");
    text.textContent = "The chat is not available at the moment.";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Close";
    button.addEventListener("click", () => show(false));
    failure.replaceChildren(text, button);
    failure.hidden = false;
  }

  function welcome() {
    clearTimeout(patience);
    frame.dataset.ready = "yes";
    frame.hidden = !isShown;
    failure.hidden = true;
    host.classList.add("ready");
    tellIdentity();
    tell({ type: "frontdesk:shown", isShown });
  }

  function label(unread) {
    const action = isShown ? "Close the chat" : "Chat with MangaAssist";
    launcher.setAttribute("aria-label", unread ? `${action}, ${unread} unread` : action);
  }

  function tell(message) {
    if (frame && frame.dataset.ready) frame.contentWindow.postMessage(message, page.origin);
  }

  function tellIdentity() {
    tell({ type: "frontdesk:identity", identity: script.dataset.identity ?? null });
  }

  window.addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== page.origin) return;
    const { type, count: unread } = event.data ?? {};
    if (type === "frontdesk:ready") {
      welcome();
    } else if (type === "frontdesk:minimize") {
      show(false);
    } else if (type === "frontdesk:unread" && Number.isInteger(unread) && !isShown) {
      count.textContent = unread ? String(Math.min(unread, 99)) : "";
      label(unread);
    }
  });

  new MutationObserver(tellIdentity).observe(script, { attributeFilter: ["data-identity"] });
  launcher.addEventListener("click", () => show(!isShown));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isShown && !event.defaultPrevented) show(false);
  });
  launcher.setAttribute("aria-expanded", "false");
  label(0);
  document.body.append(host);

  function drawing(name, line) {
    const namespace = "http://www.w3.org/2000/svg";
    const image = document.createElementNS(namespace, "svg");
    image.setAttribute("viewBox", "0 0 32 32");
    image.setAttribute("aria-hidden", "true");
    image.setAttribute("class", name);
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("d", line);
    image.append(path);
    return image;
  }
})();
