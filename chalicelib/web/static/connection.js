// One WebSocket that is always there again: it reconnects with growing pauses, when the network or the machine comes
// back, and when a socket looks open but is dead. Each attempt asks for a fresh address, for a ticket works once.

const PING_EVERY = 4 * 60_000; // the gateway closes a connection that is idle for ten minutes
const PONG_WITHIN = 8_000;
const OPEN_WITHIN = 12_000;
const GREETED_WITHIN = 15_000;
const TICK = 15_000;
const LONGEST_PAUSE = 30_000;
const PROVEN = 10_000; // a connection that lasted so long was a good one

/** The pause before the attempt after so many failures. Random, so that a thousand pages do not return at once. */
export function pauseAfter(failures, random = Math.random) {
  return Math.min(LONGEST_PAUSE, 400 * 2 ** (failures - 1)) * (0.5 + random() / 2);
}

/**
 * `open` resolves to the address to connect to; it rejects with an error whose `isFinal` says that asking again is no
 * use. `onFrame` gets every frame but pongs. `onLink` gets {state: connecting | open | retrying | offline | elsewhere |
 * refused, retryAt, error}.
 */
export class Connection {
  #options;
  #socket = null;
  #round = 0; // what belongs to an earlier round is ignored
  #failures = 0;
  #running = false;
  #isOpen = false;
  #isAsking = false;
  #isAside = false;
  #timers = { retry: 0, open: 0, ping: 0, pong: 0, tick: 0 };
  #openedAt = 0;
  #tickedAt = 0;

  constructor(options) {
    this.#options = options;
    window.addEventListener("online", () => this.#wake());
    window.addEventListener("offline", () => this.#fail());
    window.addEventListener("pageshow", (event) => event.persisted && this.#wake());
    window.addEventListener("focus", () => this.#return());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.#wake();
      this.#return();
    });
  }

  start() {
    this.#running = true;
    this.#isAside = false;
    this.#failures = 0;
    this.#watchForSleep();
    this.#connect();
  }

  stop() {
    this.#running = false;
    this.#isAside = false;
    clearInterval(this.#timers.tick);
    this.#drop();
  }

  /** Give this connection up: the next attempt, with a fresh address, comes after a pause. */
  giveUp() {
    this.#fail();
  }

  /** The conversation goes on in another window. The one with the focus has it; the others wait until they are used. */
  stepAside() {
    if (document.hasFocus()) return this.#fail();
    this.stop();
    this.#isAside = true;
    this.#tell({ state: "elsewhere" });
  }

  /** Begin again with a fresh address, at once. */
  restart() {
    this.stop();
    this.start();
  }

  /** Whether the frame has left. What has not is sent again by whoever finds it unacknowledged. */
  send(frame) {
    if (!this.#isOpen || this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #connect() {
    this.#drop();
    const round = this.#round;
    this.#isAsking = true;
    this.#tell({ state: "connecting" });
    let address;
    try {
      address = await this.#options.open();
    } catch (error) {
      if (round !== this.#round) return;
      if (error.isFinal) {
        this.stop();
        this.#tell({ state: "refused", error });
      } else {
        this.#fail();
      }
      return;
    }
    if (round !== this.#round) return;
    this.#isAsking = false;
    this.#openSocket(address, round);
  }

  #openSocket(address, round) {
    const socket = new WebSocket(address);
    this.#socket = socket;
    const isCurrent = () => round === this.#round;
    this.#timers.open = setTimeout(() => isCurrent() && this.#fail(), OPEN_WITHIN);
    socket.onopen = () => {
      if (!isCurrent()) return;
      clearTimeout(this.#timers.open);
      this.#timers.open = setTimeout(() => isCurrent() && this.#fail(), GREETED_WITHIN);
      this.#isOpen = true;
      this.#openedAt = Date.now();
      this.#timers.ping = setInterval(() => this.#probe(), PING_EVERY);
      this.#tell({ state: "open" });
      this.send({ action: "hello" });
    };
    socket.onmessage = (event) => isCurrent() && this.#receive(event.data);
    socket.onclose = () => isCurrent() && this.#fail();
  }

  #receive(data) {
    clearTimeout(this.#timers.pong); // whatever arrives proves that the connection lives
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // not one of ours
    }
    if (frame.type === "session" || frame.type === "queue") {
      clearTimeout(this.#timers.open);
      this.#failures = Math.min(this.#failures, 2); // pauses grow no further; only time shows whether it lasts
    }
    if (frame.type !== "pong") this.#options.onFrame(frame);
  }

  #fail() {
    if (!this.#running) return;
    if (this.#isOpen && Date.now() - this.#openedAt > PROVEN) this.#failures = 0;
    this.#drop();
    this.#failures += 1;
    const pause = pauseAfter(this.#failures);
    const state = navigator.onLine ? "retrying" : "offline";
    this.#timers.retry = setTimeout(() => this.#connect(), pause);
    this.#tell({ state, retryAt: Date.now() + pause });
  }

  /** The machine or the network is back: an open socket has to prove itself, anything else starts anew. */
  #wake() {
    if (!this.#running) return;
    if (this.#isOpen) this.#probe();
    else if (!this.#socket && !this.#isAsking) this.#connect();
  }

  #return() {
    if (this.#isAside) this.start();
  }

  #probe() {
    clearTimeout(this.#timers.pong);
    const round = this.#round;
    this.#timers.pong = setTimeout(() => round === this.#round && this.#fail(), PONG_WITHIN);
    if (!this.send({ action: "ping" })) this.#fail();
  }

  /** A tick far too late means that the machine slept; no browser says so. (Hidden pages tick once a minute.) */
  #watchForSleep() {
    clearInterval(this.#timers.tick);
    this.#tickedAt = Date.now();
    this.#timers.tick = setInterval(() => {
      const slept = Date.now() - this.#tickedAt > 8 * TICK;
      this.#tickedAt = Date.now();
      if (slept) this.#wake();
      this.#options.onTick?.();
    }, TICK);
  }

  #drop() {
    this.#round += 1;
    this.#isOpen = false;
    this.#isAsking = false;
    for (const name of ["retry", "open", "pong"]) clearTimeout(this.#timers[name]);
    clearInterval(this.#timers.ping);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #tell({ state, retryAt = null, error = null }) {
    this.#options.onLink({ state, retryAt, error });
  }
}
