// Sessions: how a page gets the address of its WebSocket, and what it keeps in order to come back to the same talk.

const ANSWER_WITHIN = 15_000;
const RENEW_BEFORE = 10 * 60_000; // or in the last quarter of a shorter life

/** The server's refusal. Final are those which the same request meets again. */
export class RefusedError extends Error {
  constructor(status, { code = "internal", message = "The service did not answer." } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.isFinal = status >= 400 && status < 500 && ![408, 425, 429].includes(status);
  }
}

/** Ask for a session. `renewAt` is in this machine's time, whatever its clock shows. */
export async function requestSession(body) {
  const answer = await fetch(new URL("chat/sessions", document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(ANSWER_WITHIN),
  });
  const given = await answer.json().catch(() => ({}));
  if (answer.status !== 201) throw new RefusedError(answer.status, given);
  const serverNow = Date.parse(answer.headers.get("Date") ?? "") || Date.now();
  const life = Date.parse(given.expires_at) - serverNow;
  return { ...given, renewAt: Date.now() + Math.max(life - RENEW_BEFORE, life * 0.75) };
}

/**
 * What the pages of a browser keep under one name, read anew each time: another window may have changed or forgotten
 * it. Where the browser forbids storage, it lasts as long as the page.
 */
export class Kept {
  #name;
  #storage = null;
  #value = null;

  constructor(name, storageName) {
    this.#name = name;
    try {
      this.#storage = window[storageName];
    } catch {
      // forbidden: the session then ends with the page
    }
  }

  get value() {
    try {
      return this.#storage ? JSON.parse(this.#storage.getItem(this.#name)) : this.#value;
    } catch {
      return null;
    }
  }

  set value(value) {
    this.#value = value;
    try {
      if (value === null) this.#storage?.removeItem(this.#name);
      else this.#storage?.setItem(this.#name, JSON.stringify(value));
    } catch {
      this.#storage = null; // full: from now on as if it were forbidden
    }
  }

  /** Call when another window has forgotten it. */
  onForgotten(call) {
    window.addEventListener("storage", (event) => {
      if ((event.key === this.#name || event.key === null) && event.newValue === null) call();
    });
  }
}

/**
 * The session of one visitor. What is kept belongs to whoever was signed in: another customer at the same machine
 * starts anew. `identity` is sent only to start, for it lives five minutes and the token goes on from there.
 *
 * `onEnded` is called when what is kept cannot be resumed; whatever it throws ends the attempt.
 */
export class CustomerSession {
  #kept = new Kept("mangaassist.session", "localStorage");
  #renewAt = Infinity;
  #renewing = false;
  #round = 0; // what was asked for before a conversation was forgotten does not bring it back
  #onEnded;
  identity = null;

  constructor({ onEnded, onForgotten }) {
    this.#onEnded = onEnded;
    this.#kept.onForgotten(() => {
      this.#round += 1;
      onForgotten();
    });
  }

  /** Whether there may be a conversation to come back to. */
  get isKept() {
    return this.#kept.value !== null;
  }

  async open() {
    const round = this.#round;
    const owner = subjectOf(this.identity);
    const kept = this.#kept.value;
    if (kept && kept.owner === owner) {
      const resumed = await unlessUnauthorized(() => requestSession({ token: kept.token }));
      if (resumed) return this.#keep(resumed, owner, round);
      this.#onEnded();
    }
    if (!this.identity) return this.#keep(await requestSession({}), "", round);
    const identified = await unlessUnauthorized(() => requestSession({ identity: this.identity }));
    if (identified) return this.#keep(identified, owner, round);
    this.identity = null; // too old to start with: go on as the visitor without a name
    return this.open();
  }

  /** Renew the token when it comes to its end; on failure the next call tries again. */
  async renewIfDue() {
    const kept = this.#kept.value;
    if (!kept || this.#renewing || Date.now() < this.#renewAt) return;
    this.#renewing = true;
    const round = this.#round;
    try {
      this.#keep(await requestSession({ token: kept.token }), kept.owner, round);
    } catch {
      // the connection still works; when it ends, `open` finds out what the token is worth
    } finally {
      this.#renewing = false;
    }
  }

  forget() {
    this.#round += 1;
    this.#kept.value = null;
    this.#renewAt = Infinity;
  }

  #keep(session, owner, round) {
    if (round !== this.#round) return session.websocket_url;
    this.#kept.value = { token: session.token, session_id: session.session_id, owner };
    this.#renewAt = session.renewAt;
    return session.websocket_url;
  }
}

async function unlessUnauthorized(request) {
  try {
    return await request();
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

/** Whom a JWT is about, unverified: good enough to notice that it is somebody else. */
export function subjectOf(identity) {
  if (!identity) return "";
  try {
    const claims = identity.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return String(JSON.parse(atob(claims)).sub ?? "");
  } catch {
    return "?";
  }
}
