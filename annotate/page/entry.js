// One task's ranking being entered: by digits, by moves, or by comparing two at a time (insertion by halving). Every
// step is kept, so that it can be taken back.
import { ordinal } from "./elements.js";
import { Ranking } from "./ranking.js";

const steps = (places) => Math.ceil(Math.log2(places + 1));

export class Entry {
  constructor(ranks) {
    this.ranking = Ranking.fromRanks(ranks);
    this.tieNext = false;
    this.span = null;  // where the response under comparison may still go: between groups `low` and `high`
    this.past = [];
  }

  // What was done, in words.
  change(ranking, { tieNext = false, span = null } = {}) {
    if (ranking.equals(this.ranking) && tieNext === this.tieNext && span === null && this.span === null) return "";
    this.past.push({ ranking: this.ranking, tieNext: this.tieNext, span: this.span });
    Object.assign(this, { ranking, tieNext, span });
    return tieNext || span ? "" : this.describe();
  }

  describe() {
    const open = this.ranking.open.length;
    if (open === 0) return `${this.ranking}. Enter submits.`;
    return this.ranking.isEmpty ? "Nothing is placed." : `${this.ranking}. ${open} not placed yet.`;
  }

  place(i) {
    if (i >= this.ranking.count) return `There is no response ${i + 1}.`;
    if (this.ranking.rankOf(i) !== null) return `Response ${i + 1} is ${ordinal(this.ranking.rankOf(i))} already; undo, or move it in the ranking.`;
    return this.change(this.ranking.append(i, this.tieNext));
  }

  tie() {
    if (this.ranking.isEmpty) return "= ties the next response with one placed before; none is.";
    if (this.ranking.isComplete) return "All have their place. Drag one onto another to tie them.";
    if (!this.tieNext) this.change(this.ranking, { tieNext: true });
    return `${this.ranking} = … the next response ties.`;
  }

  // The only one left goes last.
  placeRest() {
    const open = this.ranking.open;
    if (open.length !== 1) return `${open.length} responses have no place yet.`;
    return this.place(open[0]);
  }

  // False when there is nothing to take back.
  takeBack() {
    const before = this.past.pop();
    if (before) Object.assign(this, before);
    else if (!this.ranking.isEmpty) this.ranking = this.ranking.without(this.ranking.placed.at(-1));
    else return false;
    return true;
  }

  // The two to compare now, the one shown first on the left; null when all have their place.
  question() {
    const { ranking, span } = this;
    const open = ranking.open;
    if (open.length === 0) return null;
    if (ranking.isEmpty) return { left: open[0], right: open[1], atMost: this.comparisonsLeft(open.length, 0) };
    const { low, high } = span ?? { low: 0, high: ranking.groups.length };
    const middle = (low + high) >> 1;
    const pair = [open[0], ranking.groups[middle][0]].sort((a, b) => a - b);
    return { left: pair[0], right: pair[1], candidate: open[0], low, high, middle,
      atMost: steps(high - low) + this.comparisonsLeft(open.length - 1, ranking.groups.length + 1) };
  }

  comparisonsLeft(open, groups) {
    let count = 0;
    for (let i = 0; i < open; ++i) count += groups + i === 0 ? 0 : steps(groups + i);
    return count;
  }

  // `better`: "left", "right" or "tie".
  choose(better) {
    const asked = this.question();
    if (!asked) return "";
    const { left, right, candidate, low, high, middle } = asked;
    if (candidate === undefined) {
      const groups = { left: [[left], [right]], right: [[right], [left]], tie: [[left, right]] }[better];
      return this.change(this.ranking.with(groups));
    }
    if (better === "tie") return this.change(this.ranking.tie(candidate, middle));
    const wins = (better === "left") === (candidate === left);
    const span = wins ? { low, high: middle } : { low: middle + 1, high };
    return span.low === span.high ? this.change(this.ranking.insert(candidate, span.low)) : this.change(this.ranking, { span });
  }
}
