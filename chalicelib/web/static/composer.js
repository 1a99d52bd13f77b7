// The box one writes in: Enter sends, Shift and Enter begins a new line, and what is too long says so before it is sent.

const COUNT_FROM = 0.9; // of the longest message: only then is a counter of any interest

export class Composer {
  #form;
  #box;
  #count;
  #limit;

  constructor(form, { limit, onSend }) {
    this.#form = form;
    this.#box = form.querySelector("textarea");
    this.#count = form.querySelector(".count");
    this.#limit = limit;
    this.#box.addEventListener("input", () => this.#fit());
    this.#box.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word (keyCode 229 is how Safari tells).
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      form.requestSubmit();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const content = this.#box.value.trim();
      if (!content || lengthOf(content) > limit) return;
      this.#box.value = "";
      this.#fit();
      onSend(content);
      this.focus();
    });
    this.#fit();
  }

  focus() {
    this.#box.focus();
  }

  get text() {
    return this.#box.value;
  }

  set text(text) {
    this.#box.value = text;
    this.#fit();
  }

  set hidden(isHidden) {
    this.#form.hidden = isHidden;
  }

  #fit() {
    const length = lengthOf(this.#box.value.trim());
    const isTooLong = length > this.#limit;
    this.#count.hidden = length < this.#limit * COUNT_FROM;
    this.#count.textContent = isTooLong
      ? `${length - this.#limit} characters too many`
      : `${this.#limit - length} characters left`;
    this.#box.toggleAttribute("aria-invalid", isTooLong);
    this.#form.querySelector("button").disabled = length === 0 || isTooLong;
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight + this.#box.offsetHeight - this.#box.clientHeight}px`;
  }
}

/** Characters as the server counts them: an emoji is one. */
const lengthOf = (text) => [...text].length;
