"""Writes summary.json of a smollm2 run from what its stages left, and prints it: summarise_chat.py RUN"""
import json
import pathlib
import sqlite3
import sys

run = pathlib.Path(sys.argv[1])
rows = [json.loads(line) for line in open(run / "ppo" / "metrics.jsonl")]
evaluations = [row for row in rows if "eval_objective/scores" in row]
first, last = evaluations[0], evaluations[-1]

summary = {"rm_" + key: value for key, value in json.load(open(run / "reward.json")).items()}
for name, key in (("score", "eval_objective/model_scores"), ("kl", "eval_objective/kl"), ("length", "eval_response/length_mean"),
                  ("distinct2", "eval_response/distinct_2")):
    summary[f"{name}_before"], summary[f"{name}_after"] = first[key], last[key]

# The later row of `models` is the policy after PPO: who won when the raters compared the two, blind?
ledger = sqlite3.connect(f"file:{run / 'comparison.db'}?mode=ro", uri=True)
wins, losses, ties = ledger.execute("""
  SELECT COALESCE(SUM(NOT c.is_tie AND w.model_id > l.model_id), 0), COALESCE(SUM(NOT c.is_tie AND w.model_id < l.model_id), 0),
         COALESCE(SUM(c.is_tie), 0)
  FROM comparisons c JOIN responses w ON w.id = c.winner_id JOIN responses l ON l.id = c.loser_id""").fetchone()
summary["raters"] = {"prefer_after": wins, "prefer_before": losses, "tie": ties}
order = ["model", "data", "sft", "sample", "rank", "reward", "ppo", "compare"]
summary["seconds"] = {name: float((run / f"seconds-{name}").read_text()) for name in order if (run / f"seconds-{name}").exists()}

with open(run / "summary.json", "w") as file:
    json.dump(summary, file, indent=1)

print(f"\nreward model: {summary['rm_accuracy']:.2f} of {summary['rm_pairs']} held-out pairs as the raters ranked them "
      f"({summary['rm_accuracy_low']:.2f} to {summary['rm_accuracy_high']:.2f})")
print(f"{'prompts nothing trained on':28}{'before':>10}{'after':>10}")
for name, label in (("score", "score, RM deviations"), ("kl", "KL, nats a response"), ("distinct2", "distinct-2"),
                    ("length", "length, tokens")):
    print(f"{label:28}{summary[name + '_before']:10.2f}{summary[name + '_after']:10.2f}")
print(f"raters, blind: {wins} times the answer after PPO, {losses} times the one before, {ties} ties")
print("seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in summary["seconds"].items()) +
      f"; {sum(summary['seconds'].values()):.0f} in all")
