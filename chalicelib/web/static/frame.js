// The page inside a shop's window. It listens to its parent only, and only if that is where it was embedded from;
// which origins may embed it at all, the Content-Security-Policy decides.

const IDENTITY_WITHIN = 1_500; // a shop without an answer gets a visitor without a name

export class Frame {
  #origin;
  #answers = [];
  #onIdentity;
  isMinimized = false;
  onShown = () => {};

  constructor({ onIdentity }) {
    this.#onIdentity = onIdentity;
    this.#origin = window.parent === window ? null : shopOrigin(location.hash);
    if (this.isEmbedded) window.addEventListener("message", (event) => this.#receive(event));
  }

  get isEmbedded() {
    return this.#origin !== null;
  }

  /** Who the customer is, as the shop says: a JWT or null. */
  firstIdentity() {
    return this.freshIdentity();
  }

  /** Ask once more: an identity lives five minutes, and a page may be open for hours. */
  freshIdentity() {
    if (!this.isEmbedded) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      setTimeout(() => this.#answer(resolve, null), IDENTITY_WITHIN);
      this.#tell({ type: "frontdesk:ready" });
    });
  }

  minimize() {
    if (!this.isEmbedded) return;
    this.isMinimized = true; // what arrives before the shop has heard of it is unread, too
    this.#tell({ type: "frontdesk:minimize" });
  }

  tellUnread(count) {
    if (this.isEmbedded) this.#tell({ type: "frontdesk:unread", count });
  }

  #receive(event) {
    if (event.source !== window.parent || event.origin !== this.#origin) return;
    const { type, identity, isShown } = event.data ?? {};
    if (type === "frontdesk:identity") this.#take(typeof identity === "string" && identity ? identity : null);
    if (type === "frontdesk:shown") {
      this.isMinimized = isShown !== true;
      if (isShown === true) this.onShown();
    }
  }

  /** An identity nobody asked for means that somebody signed in or out. */
  #take(identity) {
    if (this.#answers.length === 0) this.#onIdentity(identity);
    for (const resolve of [...this.#answers]) this.#answer(resolve, identity);
  }

  #answer(resolve, identity) {
    this.#answers = this.#answers.filter((other) => other !== resolve);
    resolve(identity);
  }

  #tell(message) {
    window.parent.postMessage(message, this.#origin);
  }
}

function shopOrigin(hash) {
  const given = new URLSearchParams(hash.slice(1)).get("shop");
  return given && URL.canParse(given) && new URL(given).origin === given ? given : null;
}
