"""What must hold before anything is timed: the right tokens in float32, the right log-probabilities in bfloat16."""
import json
import pathlib
import sys

from measured import measure
from workload import Texts, write_jsonl

PROMPTS, PROMPT, NEW = 16, 32, 64
MOST_BFLOAT16_ERROR = 0.02  # nats, mean of |difference| per token


def check_against_transformers(rlhf, python, model, scratch, threads):
    """Ends the program unless greedy ids in float32 are transformers' and bfloat16 log-probabilities near its float32's."""
    texts = Texts(2)
    prompts = write_jsonl(scratch / "checked.jsonl", ({"prompt": texts.draw(PROMPT)} for _ in range(PROMPTS)))
    expected = json.loads(measure([python, pathlib.Path(__file__).parent / "peers/reference.py", model, prompts, NEW]).output.splitlines()[-1])
    measure([rlhf, "generate", "--model", model, "--input", prompts, "--output", scratch / "greedy.jsonl", "--max_new_tokens", NEW, "--temperature", 0,
             "--batch_size", PROMPTS, "--dtype", "float32", "--threads", threads])
    greedy = [json.loads(line)["response_token_ids"] for line in open(scratch / "greedy.jsonl")]
    equal = sum(ours == theirs for ours, theirs in zip(greedy, expected["greedy"], strict=True))
    rows = write_jsonl(scratch / "texts.jsonl", ({"text": json.loads(line)["prompt"]} for line in open(prompts)))
    measure([rlhf, "logprobs", "--model", model, "--input", rows, "--output", scratch / "logprobs.jsonl", "--dtype", "bfloat16", "--threads", threads])
    ours = [json.loads(line)["logprobs"][1:] for line in open(scratch / "logprobs.jsonl")]
    gaps = [abs(a - b) for x, y in zip(ours, expected["logprobs"], strict=True) for a, b in zip(x, y, strict=True)]
    error = sum(gaps) / len(gaps)
    print(f"greedy ids in float32 equal transformers' in {equal} of {PROMPTS} prompts of {PROMPT} tokens, {NEW} new each; "
          f"bfloat16 log-probabilities differ by {error:.4f} on average", file=sys.stderr)
    if equal < PROMPTS or not error <= MOST_BFLOAT16_ERROR:
        sys.exit("the results are not those of transformers: nothing was timed")
