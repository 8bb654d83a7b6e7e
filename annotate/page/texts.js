// Texts as they are, folded when long; those the server sent in part are loaded on from where they end.
import { button, element } from "./elements.js";

const megabytes = (bytes) => bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
const bytesOf = (text) => new TextEncoder().encode(text).length;

// `part`: {text, bytes, next}; `more(offset)` promises {text, next}; `name` is for who cannot see what it belongs to.
export class LongText {
  constructor(part, more, name) {
    this.folded = true;
    this.next = part.next;
    this.left = part.bytes - bytesOf(part.text);
    this.body = element("div", { class: "text folded", dir: "auto" }, part.text);
    if (part.text === "") this.body.replaceChildren(element("em", {}, "(empty)"));
    this.fold = button("", () => this.setFolded(!this.folded), { class: "fold", hidden: true });
    this.load = button("", () => this.loadMore(more), { class: "fold", hidden: true });
    this.name = name;
    this.element = element("div", { class: "long" }, this.body, element("div", { class: "folds" }, this.fold, this.load));
    new ResizeObserver(() => this.update()).observe(this.body);
    this.setFolded(true);
  }

  get isLong() { return !this.folded || this.body.scrollHeight > this.body.clientHeight + 8 || this.next !== null; }

  setFolded(folded) {
    this.folded = folded;
    this.body.classList.toggle("folded", folded);
    this.update();
  }

  update() {
    const long = this.isLong;
    this.body.classList.toggle("cut", long && this.folded);
    this.fold.hidden = !long;
    this.fold.textContent = this.folded ? "Show all" : "Fold";
    this.fold.setAttribute("aria-expanded", String(!this.folded));
    this.fold.setAttribute("aria-label", `${this.fold.textContent}: ${this.name}`);
    this.load.hidden = this.folded || this.next === null;
    this.load.textContent = `Load more (${megabytes(this.left)} left)`;
  }

  async loadMore(more) {
    this.load.disabled = true;
    try {
      const piece = await more(this.next);
      this.body.append(piece.text);
      this.left -= bytesOf(piece.text);
      this.next = piece.next;
    } finally {
      this.load.disabled = false;
      this.update();
    }
  }
}
