// Dragging by mouse, pen or finger. A finger drags by the grip alone, so that the page can still be scrolled.
import { element } from "./elements.js";

const kSlack = 5;  // pixels before a press becomes a drag
const kScrollZone = 70;
const kScrollStep = 12;

export class Drag {
  // `board`: a Board.
  constructor(board) { this.board = board; }

  start(event, i, label) {
    const onControl = event.target.closest("button, textarea, a");
    const needsGrip = event.pointerType === "touch" && !event.target.closest(".grip");
    if (event.button !== 0 || onControl || needsGrip || this.held) return;
    this.held = { i, label, x: event.clientX, y: event.clientY, ghost: null, target: null };
    const listen = { pointermove: (e) => this.move(e), pointerup: () => this.end(true), pointercancel: () => this.end(false),
      keydown: (e) => { if (e.key === "Escape") { e.stopPropagation(); this.end(false); } } };
    this.stop = () => Object.entries(listen).forEach(([name, on]) => removeEventListener(name, on, true));
    Object.entries(listen).forEach(([name, on]) => addEventListener(name, on, true));
    if (event.pointerType === "touch") event.target.releasePointerCapture?.(event.pointerId);
  }

  move(event) {
    const { held } = this;
    if (!held.ghost && Math.hypot(event.clientX - held.x, event.clientY - held.y) < kSlack) return;
    event.preventDefault();
    if (!held.ghost) this.lift();
    held.x = event.clientX;
    held.y = event.clientY;
    this.follow();
  }

  lift() {
    this.held.ghost = element("div", { class: "ghost", "aria-hidden": "true" }, this.held.label);
    document.body.append(this.held.ghost);
    document.body.classList.add("dragging");
    getSelection()?.removeAllRanges();
    this.timer = setInterval(() => this.scroll(), 16);
  }

  follow() {
    const { held } = this;
    held.ghost.style.transform = `translate(${held.x + 10}px, ${held.y - 14}px)`;
    held.target = this.board.targetAt(held.x, held.y);
    this.board.mark(held.target);
  }

  scroll() {
    const by = this.held.y < kScrollZone ? -kScrollStep : this.held.y > innerHeight - kScrollZone ? kScrollStep : 0;
    if (by === 0) return;
    scrollBy(0, by);
    this.follow();
  }

  end(dropped) {
    const { i, ghost, target } = this.held;
    this.stop();
    clearInterval(this.timer);
    this.held = null;
    if (!ghost) return;
    ghost.remove();
    document.body.classList.remove("dragging");
    this.board.mark(null);
    if (dropped && target) this.board.drop(i, target);
  }
}
