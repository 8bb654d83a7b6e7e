// Elements of the page. What people or models wrote goes in as text nodes: no markup is ever parsed.
export const byId = (id) => document.getElementById(id);

// Children are elements or texts; an attribute whose value is a function listens to that event.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(label, action, attributes = {}) {
  return element("button", { type: "button", click: action, ...attributes }, label);
}

export function ordinal(n) {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return n + (teen ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th");
}

// Storage of the browser; where it is switched off, of this tab while it is open.
const inMemory = new Map();
export const kept = {
  get(key) {
    try { return JSON.parse(localStorage.getItem(key)) ?? inMemory.get(key) ?? null; } catch { return inMemory.get(key) ?? null; }
  },
  set(key, value) {
    inMemory.set(key, value);
    try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* full or switched off */ }
  },
  remove(key) {
    inMemory.delete(key);
    try { localStorage.removeItem(key); } catch { /* switched off */ }
  },
};
