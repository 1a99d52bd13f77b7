// For the shop's pages: <script src="https://…/assets/embed.js" data-identity="JWT" defer></script>
// A button, and the chat in an iframe once it is pressed. The identity goes to the iframe's own origin and nowhere
// else; a page that signs somebody in or out later changes the attribute.

(() => {
  const script = document.currentScript;
  const page = new URL("../", script.src);
  const address = new URL(`#shop=${encodeURIComponent(location.origin)}`, page);

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
    svg { display: block; inline-size: 30px; block-size: 30px; margin: auto; }
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
    iframe[hidden] { display: none; }
    @media (max-width: 480px) {
      iframe { inset: 0; inline-size: 100%; block-size: 100dvh; border-radius: 0; }
      :host(.open) button { display: none; }
    }
  `);

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [styles];

  const launcher = document.createElement("button");
  launcher.type = "button";
  const count = document.createElement("span");
  count.className = "count";
  launcher.append(balloon(), count);
  root.append(launcher);

  let frame = null;
  let isShown = false;

  function show(shown) {
    isShown = shown;
    if (shown && !frame) {
      frame = document.createElement("iframe");
      frame.title = "Chat with MangaAssist";
      frame.src = address.href;
      root.prepend(frame);
    }
    if (frame) frame.hidden = !shown;
    host.classList.toggle("open", shown);
    count.textContent = "";
    label(0);
    launcher.setAttribute("aria-expanded", String(shown));
    tell({ type: "frontdesk:shown", isShown: shown });
    if (!shown) launcher.focus();
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
      frame.dataset.ready = "yes";
      tellIdentity();
      tell({ type: "frontdesk:shown", isShown });
    } else if (type === "frontdesk:minimize") {
      show(false);
    } else if (type === "frontdesk:unread" && Number.isInteger(unread) && !isShown) {
      count.textContent = unread ? String(Math.min(unread, 99)) : "";
      label(unread);
    }
  });

  new MutationObserver(tellIdentity).observe(script, { attributeFilter: ["data-identity"] });
  launcher.addEventListener("click", () => show(!isShown));
  launcher.setAttribute("aria-expanded", "false");
  label(0);
  document.body.append(host);

  function balloon() {
    const namespace = "http://www.w3.org/2000/svg";
    const image = document.createElementNS(namespace, "svg");
    image.setAttribute("viewBox", "0 0 32 32");
    image.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("fill", "#fff");
    path.setAttribute("d", "M16 4c7.5 0 13 4.8 13 10.8s-5.5 10.8-13 10.8c-1.3 0-2.6-.1-3.8-.4L5.6 29l1.6-6.2C4.6 20.8 3 18 3 14.8 3 8.8 8.5 4 16 4z");
    image.append(path);
    return image;
  }
})();
