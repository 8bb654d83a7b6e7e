"""What the stages of a run left, for the summaries of the examples."""
import json


def rows(run, stage):
    """Lines of a stage's metrics.jsonl."""
    return [json.loads(line) for line in open(run / stage / "metrics.jsonl")]


def before_and_after(run, stage):
    """A PPO run on held-out prompts, before its first and after its last iteration."""
    evaluations = [row for row in rows(run, stage) if "eval_objective/scores" in row]
    training = [row for row in rows(run, stage) if "objective/kl" in row]
    first, last = evaluations[0], evaluations[-1]
    summary = {}
    for name, key in (("score", "eval_objective/model_scores"), ("gold", "eval_objective/gold_scores"),
                      ("distinct2", "eval_response/distinct_2"), ("length", "eval_response/length_mean"), ("kl", "eval_objective/kl")):
        summary[f"{name}_before"], summary[f"{name}_after"] = first[key], last[key]
    summary["kl_last10"] = sum(row["objective/kl"] for row in training[-10:]) / len(training[-10:])
    return summary


def seconds(run, order):
    """What each stage took, those that were run."""
    return {name: float((run / f"seconds-{name}").read_text()) for name in order if (run / f"seconds-{name}").exists()}
