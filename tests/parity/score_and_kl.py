"""Where policies stand between score and KL: answers prompts with each, scores them, and adds up log p - log p of SFT.

Holds our PPO beside another program's on the same SFT model, reward model and prompts, judged by one judge.

usage: python score_and_kl.py RLHF SFT REWARD PROMPTS.jsonl MAX_NEW_TOKENS COUNT POLICY...
One line of JSON a policy: score (mean, in deviations of the reward model), kl (mean of the sums over responses), length,
eos_fraction. COUNT responses, sampled at temperature 1 in float32, the same seed for all: a file of fewer prompts is
walked through again.
"""
import itertools
import json
import pathlib
import subprocess
import sys

rlhf, sft, reward, prompts_file, new, count = sys.argv[1:7]


def run(*arguments, given=None):
    return subprocess.run([rlhf, *map(str, arguments)], input=given, capture_output=True, text=True, check=True).stdout


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def as_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def response_logprobs(model, prompts, responses):
    """Sum of log-probabilities of each response's tokens."""
    rows = lines(run("logprobs", "--model", model, given=as_lines({"token_ids": p + r} for p, r in zip(prompts, responses))))
    return [sum(row["logprobs"][len(p):]) for row, p in zip(rows, prompts)]


def mean(values):
    return sum(values) / len(values)


prompts = list(itertools.islice(itertools.cycle(lines(pathlib.Path(prompts_file).read_text())), int(count)))
encoded = lines(run("tokenizer", "encode", "--model", sft, "--jsonl", given=as_lines(p["prompt"] for p in prompts)))
for policy in sys.argv[7:]:
    answers = lines(run("generate", "--model", policy, "--max_new_tokens", new, "--temperature", 1, "--dtype", "float32", "--seed", 1, given=as_lines(prompts)))
    ids = [answer["response_token_ids"] for answer in answers]
    scores = lines(run("score", "--model", reward, given=as_lines({"prompt": p["prompt"], "response": a["response"]} for p, a in zip(prompts, answers))))
    kl = [a - b for a, b in zip(response_logprobs(policy, encoded, ids), response_logprobs(sft, encoded, ids))]
    print(json.dumps({"policy": policy, "score": mean([s["score"] for s in scores]), "kl": mean(kl), "length": mean([len(i) for i in ids]),
                      "eos_fraction": mean([a["finish_reason"] == "stop" for a in answers])}), flush=True)
