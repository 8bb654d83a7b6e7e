// The ranking as it stands: rows to move by buttons, arrow keys and drag, and what has no place yet.
import { button, element, ordinal } from "./elements.js";

const kEdge = 11;  // of a row, in pixels: dropped there, a response goes between, else it ties
const kReach = 48;  // pixels around the list where a drop still counts

const snippet = (text) => text.slice(0, 120).replace(/\s+/g, " ").trim() || "(empty)";

export class Board {
  // `move(i, ranking)` is called with the ranking that a row's control asks for, `place(i)` for what has no place yet,
  // `grab(event, i)` when a pointer takes a row.
  constructor({ list, open, move, place, grab }) {
    Object.assign(this, { list, openBox: open, move, place, grab });
  }

  show(ranking, responses) {
    const focused = document.activeElement?.dataset?.control;
    this.ranking = ranking;
    this.responses = responses;
    this.list.replaceChildren(...ranking.groups.map((group, g) => this.group(group, g)));
    this.list.classList.toggle("empty", ranking.isEmpty);
    const open = ranking.open;
    this.openBox.replaceChildren(...open.map((i) => this.openChip(i)));
    this.openBox.hidden = open.length === 0;
    if (focused) this.focus(focused);
  }

  focus(control) {
    const again = this.list.querySelector(`[data-control="${control}"]`);
    const row = this.list.querySelector(`[data-control="row ${control.split(" ")[1]}"]`);
    (again && !again.disabled ? again : row)?.focus();
  }

  group(group, g) {
    return element("li", { class: group.length > 1 ? "group tie" : "group" },
      element("span", { class: "place-name" }, ordinal(g + 1), group.length > 1 ? element("span", { class: "spoken" }, ", tied") : null),
      element("div", { class: "rows" }, ...group.map((i) => this.row(i, g))));
  }

  row(i, g) {
    const { ranking } = this;
    const name = `response ${i + 1}`;
    const control = (what, label, changed) => button(label, () => this.move(i, changed),
      { "data-control": `${what} ${i}`, "aria-label": `${{ up: "Move up", down: "Move down", tie: ranking.tied(i) ? "Untie" : "Tie with the one above", out: "Take out" }[what]}: ${name}`,
        title: { up: "Up", down: "Down", tie: ranking.tied(i) ? "Untie" : "Tie with the one above", out: "Take out" }[what], disabled: changed === ranking });
    return element("div", { class: "row", tabindex: "0", role: "group", "aria-label": `${ordinal(g + 1)}: ${name}`, "data-control": `row ${i}`,
      keydown: (event) => this.onKey(event, i), pointerdown: (event) => this.grab(event, i) },
      element("span", { class: "grip", "aria-hidden": "true" }, "⠿"), element("span", { class: "number" }, String(i + 1)),
      element("span", { class: "snippet", dir: "auto" }, snippet(this.responses[i].text)),
      element("span", { class: "moves" }, control("up", "↑", ranking.up(i)), control("down", "↓", ranking.down(i)),
        control("tie", "=", ranking.toggleTie(i)), control("out", "×", ranking.without(i))));
  }

  onKey(event, i) {
    const changed = { ArrowUp: () => this.ranking.up(i), ArrowDown: () => this.ranking.down(i) }[event.key]?.();
    if (!changed || event.target !== event.currentTarget) return;
    event.preventDefault();
    this.move(i, changed);
  }

  openChip(i) {
    return element("div", { class: "chip", pointerdown: (event) => this.grab(event, i) },
      element("span", { class: "grip", "aria-hidden": "true" }, "⠿"),
      button(element("span", { class: "number" }, String(i + 1)), () => this.place(i), { "aria-label": `Place next: response ${i + 1}` }),
      element("span", { class: "snippet", dir: "auto" }, snippet(this.responses[i].text)));
  }

  // What a drop at this point would do: {gap} before that group, {group} a tie with it, null nothing.
  targetAt(x, y) {
    const box = this.list.getBoundingClientRect();
    if (x < box.left - kReach || x > box.right + kReach || y < box.top - kReach || y > box.bottom + kReach) return null;
    const groups = [...this.list.children];
    for (const [g, item] of groups.entries()) {
      const { top, bottom } = item.getBoundingClientRect();
      if (y < top + kEdge) return { gap: g };
      if (y <= bottom - kEdge) return { group: g };
    }
    return { gap: groups.length };
  }

  drop(i, target) {
    this.move(i, "gap" in target ? this.ranking.insert(i, target.gap) : this.ranking.tie(i, target.group));
  }

  // Shows where a drop would go; null: nowhere.
  mark(target) {
    this.list.classList.toggle("over", target !== null);
    [...this.list.children].forEach((item, g, all) => {
      item.classList.toggle("before", target?.gap === g);
      item.classList.toggle("after", target?.gap === all.length && g === all.length - 1);
      item.classList.toggle("into", target?.group === g);
    });
  }
}
