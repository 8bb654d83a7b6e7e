"""Writes summary.json of a quickstart run from what its stages left, and prints it as a table: summarise.py RUN"""
import json
import pathlib
import sys

from run_figures import before_and_after, rows, seconds

run = pathlib.Path(sys.argv[1])
reward = json.load(open(run / "reward.json"))
summary = {"rm_accuracy": reward["accuracy"], "rm_accuracy_low": reward["accuracy_low"],
           "rm_accuracy_high": reward["accuracy_high"],
           "gold_rm_accuracy": json.load(open(run / "gold_reward.json"))["accuracy"]}
summary |= before_and_after(run, "ppo")
summary["kl_target"] = next(row["objective/kl_target"] for row in rows(run, "ppo") if "objective/kl_target" in row)
summary["beta0"] = before_and_after(run, "ppo_beta0")
order = ["data", "tokenizer", "pretrain", "sft", "reward", "gold_reward", "evaluate_reward", "ppo", "ppo_beta0"]
summary["seconds"] = seconds(run, order)

with open(run / "summary.json", "w") as file:
    json.dump(summary, file, indent=1)

print(f"\nreward model: {summary['rm_accuracy']:.3f} of held-out pairs as people ranked them "
      f"({summary['rm_accuracy_low']:.3f} to {summary['rm_accuracy_high']:.3f})")
print(f"{'held-out prompts':24}{'before':>10}{'after':>10}{'beta 0':>10}")
for name, label in (("score", "score, RM deviations"), ("gold", "gold score"), ("kl", "KL, nats a response"),
                    ("distinct2", "distinct-2"), ("length", "length, tokens")):
    print(f"{label:24}{summary[name + '_before']:10.2f}{summary[name + '_after']:10.2f}{summary['beta0'][name + '_after']:10.2f}")
print(f"KL of the last 10 iterations {summary['kl_last10']:.2f}, target {summary['kl_target']:.2f}")
print("seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in summary["seconds"].items()) +
      f"; {sum(summary['seconds'].values()):.0f} in all")
