"""Writes summary.json of rounds.sh from what its rounds left, and prints it as tables: summarise_rounds.py ROOT

The arms share round 1. Differences are between the arms of one seed, so that what a seed does to both cancels out.
"""
import contextlib
import json
import pathlib
import sqlite3
import statistics
import sys

from run_figures import before_and_after, seconds

ARMS = ("disagreement", "random")
FIGURES = {"people": "accuracy, people's held-out rankings", "raters": "accuracy, raters' held-out rankings",
           "gold": "gold score after PPO", "score": "score after PPO, RM deviations", "kl": "KL after PPO, nats a response",
           "distinct2": "distinct-2 after PPO", "ties": "labels that tell nothing apart"}


def labels_of(folder, campaign):
    """Annotations of the campaign, and how many of them tell nothing apart."""
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'ledger.db'}?mode=ro", uri=True)) as ledger:
        return ledger.execute("""
            SELECT COUNT(*), SUM(lowest = highest) FROM
              (SELECT MIN(r.rank) AS lowest, MAX(r.rank) AS highest FROM campaigns c JOIN tasks t ON t.campaign_id = c.id
               JOIN annotations a ON a.task_id = t.id AND a.status = 'submitted' JOIN ranks r ON r.annotation_id = a.id
               WHERE c.name = ? GROUP BY a.id)""", (campaign,)).fetchone()


def figures(folder, number):
    """Of one round: accuracies of its reward models, and its policy on held-out prompts."""
    run = folder / f"round-{number}"
    policy = before_and_after(run, "ppo")
    labels, ties = labels_of(folder, f"round {number}")
    return {"people": json.load(open(run / "people.json"))["accuracy"], "raters": json.load(open(run / "raters.json"))["accuracy"],
            "gold": policy["gold_after"], "gold_sft": policy["gold_before"], "score": policy["score_after"], "kl": policy["kl_after"],
            "distinct2": policy["distinct2_after"], "labels": labels, "ties": ties / labels}


def rounds_of(run, arm):
    return [figures(run, 1)] + [figures(run / arm, number) for number in (2, 3)]


def mean_and_deviation(values):
    return {"mean": statistics.mean(values), "deviation": statistics.stdev(values) if len(values) > 1 else 0.0, "values": values}


root = pathlib.Path(sys.argv[1])
runs = sorted(path for path in root.glob("seed-*") if all((path / arm / "round-3/ppo/final").exists() for arm in ARMS))
if not runs:
    sys.exit(f"{root}: no seed has come to the end of its third round")
arms = {arm: [rounds_of(run, arm) for run in runs] for arm in ARMS}  # [seed][round]

summary = {"seeds": [run.name.removeprefix("seed-") for run in runs], "arms": {}, "differences": {}}
for arm, seeds in arms.items():
    summary["arms"][arm] = [{key: mean_and_deviation([seed[i][key] for seed in seeds]) for key in seeds[0][i]} for i in range(3)]
for key in FIGURES:
    summary["differences"][key] = [mean_and_deviation([ours[i][key] - control[i][key] for ours, control in zip(*arms.values())])
                                   for i in range(3)]
order = [f"{stage}-1" for stage in ("gather", "learn", "improve")]
order += [f"{stage}-{arm}-{number}" for arm in ARMS for number in (2, 3) for stage in ("gather", "learn", "improve")]
summary["seconds"] = {run.name: sum(seconds(run, order).values()) for run in runs}
with open(root / "summary.json", "w") as file:
    json.dump(summary, file, indent=1)

labels = summary["arms"]["random"][0]["labels"]["mean"]
print(f"\n{len(runs)} seeds, {labels:.0f} labels a round and arm; mean and deviation over seeds, round 1 is shared by the arms")
for key, label in FIGURES.items():
    print(f"\n{label:44}{'round 1':>16}{'round 2':>16}{'round 3':>16}")
    for arm in ARMS:
        cells = (summary["arms"][arm][i][key] for i in range(3))
        print(f"  {arm:42}" + "".join(f"{cell['mean']:9.3f} ±{cell['deviation']:5.3f}" for cell in cells))
    cells = (summary["differences"][key][i] for i in range(1, 3))
    print(f"  {'difference, by seed':42}{'':16}" + "".join(f"{cell['mean']:+9.3f} ±{cell['deviation']:5.3f}" for cell in cells))
gold = summary["arms"]["random"][0]["gold_sft"]["mean"]
print(f"\ngold score of the SFT model: {gold:.3f}; seconds a seed: " + ", ".join(f"{value:.0f}" for value in summary["seconds"].values()))
