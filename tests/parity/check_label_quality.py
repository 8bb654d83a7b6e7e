"""Checks the figures of `rlhf data quality` with those of other people's code on the same ledger.

    python tests/parity/check_label_quality.py RLHF LEDGER      (needs: pip install krippendorff scikit-learn)

Alpha of every data set's ratings, and of votes on pairs of responses, by the package krippendorff; kappa of every two annotators
by scikit-learn. Every pair of responses counts in both directions, as docs/label_quality.md says.
"""
import collections
import itertools
import json
import sqlite3
import subprocess
import sys

import krippendorff
import numpy as np
from sklearn.metrics import cohen_kappa_score

TOLERANCE = 1e-9


def value_counts(units):
    values = sorted({value for unit in units for value in unit})
    place = {value: i for i, value in enumerate(values)}
    counts = np.zeros((len(units), len(values)), dtype=int)
    for row, unit in enumerate(units):
        for value in unit:
            counts[row, place[value]] += 1
    return counts, values


def alpha(units, level):
    counts, values = value_counts([unit for unit in units if len(unit) > 1])
    return krippendorff.alpha(value_counts=counts, value_domain=values, level_of_measurement=level)


def rating_units(db):
    """By data set and aspect, the ratings of each response: of one annotator the latest."""
    latest, nobody = {}, itertools.count()
    for source, aspect, response, annotator, value in db.execute(
            "SELECT COALESCE(p.source, ''), g.aspect, g.response_id, a.annotator_id, g.value FROM annotations a JOIN prompts p ON "
            "p.id = a.prompt_id JOIN ratings g ON g.annotation_id = a.id WHERE a.status = 'submitted' ORDER BY a.id"):
        latest[source, aspect, response, annotator if annotator else ("nobody", next(nobody))] = value
    units = collections.defaultdict(lambda: collections.defaultdict(list))
    for (source, aspect, response, _), value in latest.items():
        units[source, aspect][response].append(value)
    return units


def votes(db):
    """For each pair of responses, -1, 0 or 1 of each annotator, by name, who compared it: the latest."""
    ranks = collections.defaultdict(list)
    for annotation, handle, response, rank in db.execute(
            "SELECT a.id, n.handle, r.response_id, r.rank FROM annotations a JOIN annotators n ON n.id = a.annotator_id JOIN ranks r "
            "ON r.annotation_id = a.id WHERE a.status = 'submitted' AND r.rank IS NOT NULL ORDER BY a.id, r.response_id"):
        ranks[annotation, handle].append((response, rank))
    said = collections.defaultdict(dict)
    for (_, handle), items in ranks.items():
        for (x, rank_x), (y, rank_y) in itertools.combinations(items, 2):
            said[x, y][handle] = (rank_x > rank_y) - (rank_x < rank_y)
    return said


def both(values):
    return list(values) + [-value for value in values]


class Comparison:
    def __init__(self):
        self.compared, self.wrong = 0, 0

    def check(self, what, ours, theirs):
        self.compared += 1
        if ours is None or abs(ours - theirs) > TOLERANCE:
            self.wrong += 1
            print(f"{what}: {ours} here, {theirs} there")


def check_pairs(report, said, comparison):
    if not report["agreement"]:
        return
    units = [[sign * vote for vote in by.values()] for by in said.values() for sign in (1, -1)]
    comparison.check("alpha of pairs, nominal", report["agreement"]["alpha_nominal"], alpha(units, "nominal"))
    comparison.check("alpha of pairs, ordinal", report["agreement"]["alpha_ordinal"], alpha(units, "ordinal"))
    for pair in report["annotator_pairs"]:
        a, b = pair["annotators"]
        shared = [by for by in said.values() if a in by and b in by]
        ours = both([by[a] for by in shared]), both([by[b] for by in shared])
        comparison.check(f"kappa of {a} and {b}", pair["kappa"], cohen_kappa_score(*ours))
        comparison.check(f"linear kappa of {a} and {b}", pair["kappa_linear"], cohen_kappa_score(*ours, weights="linear"))


def main():
    rlhf, ledger = sys.argv[1:]
    report = json.loads(subprocess.run([rlhf, "data", "quality", "--db", ledger], stdout=subprocess.PIPE, check=True).stdout)
    db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    comparison = Comparison()
    units = rating_units(db)
    for found in report["ratings"]:
        of_set = list(units[found["source"], found["aspect"]].values())
        for level in ("nominal", "ordinal", "interval"):
            comparison.check(f"{found['source']} {found['aspect']}, {level}", found[f"alpha_{level}"], alpha(of_set, level))
    check_pairs(report, votes(db), comparison)
    print(f"{comparison.compared} figures, {comparison.wrong} differ")
    sys.exit(1 if comparison.wrong or not comparison.compared else 0)


if __name__ == "__main__":
    main()
