// Progress, pace and agreement in the head of the page.
import { byId } from "./elements.js";

const percent = (part, whole) => `${Math.round(100 * part / whole)} %`;
const pace = (ms) => ms < 90000 ? `${Math.max(1, Math.round(ms / 1000))} s a task` : `${(ms / 60000).toFixed(1)} min a task`;

export function showFigures(figures) {
  const { tasks, done, pairs, agreed, you } = figures;
  const bar = byId("done");
  bar.max = Math.max(1, tasks);
  bar.value = done;
  const answered = you.submitted + you.not_rankable;
  const parts = [`${done} of ${tasks} done`, `${answered} by you`];
  if (you.median_ms > 0) parts.push(pace(you.median_ms));
  if (you.pairs > 0) parts.push(`you agree with others on ${percent(you.agreed, you.pairs)} of ${you.pairs} pairs`);
  else if (pairs > 0) parts.push(`agreement ${percent(agreed, pairs)} of ${pairs} pairs`);
  byId("figures").textContent = parts.join(" · ");
}
