// The prompt and the responses of a task.
import { button, element, ordinal } from "./elements.js";
import { LongText } from "./texts.js";

const kRoles = { system: "System", user: "User", assistant: "Assistant" };

export function promptView(task, more) {
  const texts = [];
  const messages = task.prompt.map((message, index) => {
    const role = message.role === "" ? "Prompt" : kRoles[message.role] ?? message.role;
    const text = new LongText(message, (offset) => more("prompt", index, offset), role);
    texts.push(text);
    return element("div", { class: `message ${message.role === "assistant" ? "assistant" : ""}` },
      element("h2", { class: "role", dir: "auto" }, role), text.element);
  });
  return { messages, texts };
}

// Cards of all responses in the order the ledger drew. `place(i)` is called for a card's button, `grab(event, i)` when
// a pointer takes it by its head.
export class Cards {
  constructor(task, { more, place, grab }) {
    this.texts = [];
    this.cards = task.responses.map((response, i) => this.card(response, i, { more, place, grab }));
  }

  get elements() { return this.cards.map((card) => card.element); }

  card(response, i, { more, place, grab }) {
    const text = new LongText(response, (offset) => more("response", i, offset), `response ${i + 1}`);
    this.texts.push(text);
    const rank = element("span", { class: "rank" });
    const side = element("span", { class: "side", hidden: true });
    const next = button("", () => place(i), { class: "place" });
    const head = element("div", { class: "head", pointerdown: (event) => grab(event, i) },
      element("span", { class: "grip", "aria-hidden": "true", title: "Drag into the ranking" }, "⠿"),
      element("h3", { id: `response-${i}` }, side, element("span", { class: "spoken" }, "Response "), element("span", { class: "number" }, String(i + 1))),
      response.model ? element("span", { class: "model", dir: "auto" }, response.model) : null,
      rank, next);
    return { element: element("article", { class: "card", "aria-labelledby": `response-${i}`, "data-response": String(i) }, head, text.element), rank, side, next };
  }

  // `pair`: the two to compare, or null to show all.
  show(ranking, tieNext, pair) {
    this.cards.forEach((card, i) => {
      const rank = ranking.rankOf(i);
      card.element.classList.toggle("placed", rank !== null && !pair);
      card.rank.textContent = rank === null ? "" : (ranking.tied(i) ? "tied " : "") + ordinal(rank);
      card.element.hidden = pair !== null && pair.left !== i && pair.right !== i;
      card.side.hidden = pair === null;
      card.side.textContent = pair?.left === i ? "A" : "B";
      card.next.hidden = pair !== null || rank !== null;
      card.next.textContent = tieNext ? "Tie with the one before" : ranking.isEmpty ? "Best" : "Next best";
      card.next.setAttribute("aria-label", `${card.next.textContent}: response ${i + 1}`);
    });
  }
}
