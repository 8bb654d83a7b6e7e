// An order of some of `count` responses: groups, best first, whose members tie. A change makes a new one.
export class Ranking {
  constructor(count, groups = []) {
    this.count = count;
    this.groups = groups;
  }

  // From dense ranks, null where a response has none.
  static fromRanks(ranks) {
    const groups = new Map();
    ranks.forEach((rank, i) => { if (rank !== null) groups.set(rank, [...(groups.get(rank) ?? []), i]); });
    return new Ranking(ranks.length, [...groups.keys()].sort((a, b) => a - b).map((rank) => groups.get(rank)));
  }

  ranks() {
    return Array.from({ length: this.count }, (_, i) => this.rankOf(i));
  }

  rankOf(i) {
    const group = this.groupOf(i);
    return group < 0 ? null : group + 1;
  }

  groupOf(i) { return this.groups.findIndex((group) => group.includes(i)); }
  tied(i) { return (this.groups[this.groupOf(i)]?.length ?? 0) > 1; }
  get placed() { return this.groups.flat(); }
  get open() { return Array.from({ length: this.count }, (_, i) => i).filter((i) => this.groupOf(i) < 0); }
  get isEmpty() { return this.groups.length === 0; }
  get isComplete() { return this.placed.length === this.count; }

  // Last, by itself or tied with the last group.
  append(i, tied) {
    return tied && !this.isEmpty ? this.tie(i, this.groups.length - 1) : this.insert(i, this.groups.length);
  }

  // Before the group `at` as the groups stand now, wherever the response is.
  insert(i, at) {
    const groups = this.groups.map((group) => group.filter((member) => member !== i));
    groups.splice(at, 0, [i]);
    return this.with(groups);
  }

  // Into the group `at` as the groups stand now.
  tie(i, at) {
    return this.with(this.groups.map((group, g) => [...group.filter((member) => member !== i), ...(g === at ? [i] : [])]));
  }

  without(i) {
    return this.with(this.groups.map((group) => group.filter((member) => member !== i)));
  }

  // One place better: out of a tie, or past the group above.
  up(i) {
    const group = this.groupOf(i);
    return this.tied(i) ? this.insert(i, group) : group > 0 ? this.insert(i, group - 1) : this;
  }

  down(i) {
    const group = this.groupOf(i);
    return this.tied(i) ? this.insert(i, group + 1) : group + 1 < this.groups.length ? this.insert(i, group + 2) : this;
  }

  // Tied with the group above; a tied one leaves its tie, below it.
  toggleTie(i) {
    const group = this.groupOf(i);
    return this.tied(i) ? this.insert(i, group + 1) : group > 0 ? this.tie(i, group - 1) : this;
  }

  with(groups) { return new Ranking(this.count, groups.filter((group) => group.length > 0)); }
  equals(other) { return JSON.stringify(this.ranks()) === JSON.stringify(other.ranks()); }
  toString() { return this.groups.map((group) => group.map((i) => i + 1).join(" = ")).join(" > "); }
}
