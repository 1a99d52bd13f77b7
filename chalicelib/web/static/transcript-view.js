// The conversation on the page. Elements are kept by key, so that what is read, selected or focused stays in place.

import { element, shortTime, toNodes } from "./text.js";

const NEAR_THE_END = 56; // pixels; who has scrolled further up is reading
const LULL = 10 * 60_000; // after such a silence the time is told

export class TranscriptView {
  #log;
  #jump;
  #options;
  #shown = new Map();
  #thinking;
  #follows = true;
  #shape = ""; // of the log when it was last at its end

  /**
   * `names` says who an author is to the reader, `own` is the author who reads, `onRetry(messageId)` sends again, and
   * `isRetryable(problem)` says where that helps.
   */
  constructor(log, jump, options) {
    this.#log = log;
    this.#jump = jump;
    this.#options = options;
    this.#thinking = thinking(options.names.bot);
    log.addEventListener("scroll", () => this.#noticeScroll(), { passive: true });
    jump.addEventListener("click", () => this.scrollToEnd());
    new ResizeObserver(() => this.#follows && this.scrollToEnd()).observe(log); // a phone's keyboard, a turned screen
  }

  /** Show these items. `isWhole` says that they are a history, which nobody wants read out from the start. */
  render(items, { isThinking = false, isWhole = false } = {}) {
    this.#log.setAttribute("aria-busy", String(isWhole));
    this.#log.tabIndex = items.length > 0 ? 0 : -1; // nothing to scroll, nothing to stop at
    const isOwnNew = items.some((item) => item.state === "sending" && !this.#shown.has(item.key));
    const keys = new Set(items.map((item) => item.key));
    for (const [key, { node }] of this.#shown) {
      if (keys.has(key)) continue;
      node.remove();
      this.#shown.delete(key);
    }
    let next = this.#log.firstElementChild;
    items.forEach((item, index) => {
      const node = this.#place(item, items[index - 1], items[index + 1]);
      if (node === next) next = next.nextElementSibling;
      else this.#log.insertBefore(node, next);
    });
    if (isThinking) this.#log.append(this.#thinking);
    else this.#thinking.remove();
    if (isOwnNew || this.#follows) this.scrollToEnd();
    else this.#jump.hidden = this.#isAtEnd();
    if (isWhole) requestAnimationFrame(() => this.#log.setAttribute("aria-busy", "false"));
  }

  clear() {
    this.render([]);
    this.#follows = true;
  }

  scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#shape = this.#measure();
    this.#follows = true;
    this.#jump.hidden = true;
  }

  #isAtEnd() {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR_THE_END;
  }

  /** A browser scrolls as well, when a window's new width breaks the lines anew: that is nobody who reads further up. */
  #noticeScroll() {
    if (this.#follows && this.#shape !== this.#measure()) return this.scrollToEnd();
    this.#follows = this.#isAtEnd();
    if (this.#follows) this.#jump.hidden = true;
  }

  #measure() {
    const { scrollHeight, clientHeight, clientWidth } = this.#log;
    return [scrollHeight, clientHeight, clientWidth].join();
  }

  #place(item, before, after) {
    const classes = ["turn", `turn-${item.author}`, item.state, item.author === this.#options.own ? "turn-own" : ""];
    if (before?.author === item.author && !isLull(before, item)) classes.push("continues");
    if (after?.author !== item.author || isLull(item, after)) classes.push("ends");
    const when = !before || isLull(before, item) ? item.at : null;
    const face = JSON.stringify([item.content, classes, item.problem, when, this.#retries(item)]);
    const known = this.#shown.get(item.key);
    if (known?.face === face) return known.node;
    const node = known?.node ?? element("article");
    // A draft grows letter by letter: it is read out once, when the whole answer takes its place.
    if (item.state === "draft") node.setAttribute("aria-live", "off");
    node.className = classes.filter(Boolean).join(" ");
    if (known && known.content !== item.content) known.text.replaceChildren(...toNodes(item.content));
    const text = known?.text ?? element("p", { className: "balloon", dir: "auto" }, ...toNodes(item.content));
    text.title = item.at ? shortTime(item.at) : "";
    node.replaceChildren(...this.#when(when), this.#who(item), text, ...this.#foot(item));
    this.#shown.set(item.key, { node, face, text, content: item.content });
    return node;
  }

  #when(at) {
    if (!at) return [];
    const time = element("time", { dateTime: new Date(at).toISOString() }, shortTime(at));
    return [element("p", { className: "when" }, time)];
  }

  #who(item) {
    return element("p", { className: "who" }, this.#options.names[item.author] ?? item.author);
  }

  #foot(item) {
    if (item.problem) return [this.#problem(item)];
    if (item.state === "draft") return [dots("foot dots")];
    return item.state === "sending" ? [element("p", { className: "foot" }, "Sending…")] : [];
  }

  #problem(item) {
    const shown = element("p", { className: "foot problem" }, item.problem.message, " ");
    if (this.#retries(item)) {
      const again = element("button", { type: "button", className: "link" }, "Try again");
      again.addEventListener("click", () => this.#options.onRetry(item.messageId));
      shown.append(again);
    }
    return shown;
  }

  #retries(item) {
    return Boolean(item.problem && this.#options.isRetryable(item.problem));
  }
}

function isLull(before, item) {
  return Boolean(before?.at && item?.at) && Date.parse(item.at) - Date.parse(before.at) > LULL;
}

/** Something is still being written. */
function dots(className) {
  return element("p", { className, aria: { hidden: "true" } }, element("i"), element("i"), element("i"));
}

function thinking(name) {
  return element(
    "article",
    { className: "turn turn-bot ends thinking" },
    element("p", { className: "who" }, `${name} is writing`),
    dots("balloon dots"),
  );
}
