"""What must hold before anything is timed: the right tokens in float32, the right log-probabilities in bfloat16, in every shape."""
import json
import pathlib
import sys

from measured import measure
from workload import Texts, write_jsonl

MOST_BFLOAT16_ERROR = 0.02  # nats, mean of |difference| per token
TIE = 1e-4  # nats: float32 log-probabilities of two programs may be so far apart, so a smaller lead decides nothing
TEXTS, TEXT = 8, 256  # as trainers read them


def read_jsonl(path):
    return [json.loads(line) for line in open(path)]


class Check:
    """Ours beside transformers in float32."""

    def __init__(self, rlhf, python, model, scratch, threads):
        self.rlhf, self.python, self.model, self.scratch, self.threads = rlhf, python, model, scratch, threads

    def ours(self, command, rows, dtype, *flags):
        """Lines that the command writes of `rows`, and their file."""
        given = write_jsonl(self.scratch / "given.jsonl", rows)
        written = self.scratch / f"{command}.jsonl"
        measure([self.rlhf, command, "--model", self.model, "--input", given, "--output", written, "--dtype", dtype, "--threads", self.threads, *flags])
        return read_jsonl(written), written

    def reference(self, path, new):
        return json.loads(measure([self.python, pathlib.Path(__file__).parent / "peers/reference.py", self.model, path, new]).output.splitlines()[-1])

    def generation(self, batch, prompt, new):
        """(prompts whose greedy ids are equal, of others those equal up to a tie, mean difference of the log-probabilities that bfloat16
        sampled with)."""
        texts = Texts(2)
        prompts = [{"prompt": texts.draw(prompt)} for _ in range(batch)]
        shape = ("--max_new_tokens", new, "--batch_size", batch)
        greedy, _ = self.ours("generate", prompts, "float32", *shape, "--temperature", 0)
        sampled, path = self.ours("generate", prompts, "bfloat16", *shape, "--temperature", 1)
        expected = self.reference(path, new)
        equal = tied = 0
        for row, ids, leads in zip(greedy, expected["greedy"], expected["leads"], strict=True):
            differ = [lead for ours, theirs, lead in zip(row["response_token_ids"], ids, leads, strict=True) if ours != theirs]
            equal += not differ
            tied += bool(differ) and differ[0] < TIE
        return equal, tied, mean_gap([row["logprobs"] for row in sampled], [row[prompt - 1:] for row in expected["logprobs"]])

    def texts(self):
        """Mean difference of bfloat16's log-probabilities of whole texts."""
        texts = Texts(3)
        rows = [{"prompt": texts.draw(TEXT), "response_token_ids": []} for _ in range(TEXTS)]
        scored, _ = self.ours("logprobs", ({"text": row["prompt"]} for row in rows), "bfloat16")
        expected = self.reference(write_jsonl(self.scratch / "texts.jsonl", rows), 0)
        return mean_gap([row["logprobs"][1:] for row in scored], expected["logprobs"])


def mean_gap(ours, theirs):
    gaps = [abs(a - b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)]
    return sum(gaps) / len(gaps)


def check_against_transformers(rlhf, python, model, scratch, threads, shapes):
    """Ends the program unless both hold: for generation in each of `shapes` (batch, prompt, new), for texts of 256 tokens."""
    check = Check(rlhf, python, model, scratch, threads)
    right = True
    for batch, prompt, new in shapes:
        equal, tied, gap = check.generation(batch, prompt, new)
        right = right and equal + tied == batch and gap <= MOST_BFLOAT16_ERROR
        print(f"{batch} x {prompt}+{new}: greedy ids in float32 equal transformers' in {equal} of {batch}, up to a tie within {TIE} nats in {tied}; "
              f"log-probabilities of what bfloat16 sampled differ by {gap:.4f} on average", file=sys.stderr)
    gap = check.texts()
    right = right and gap <= MOST_BFLOAT16_ERROR
    print(f"{TEXTS} texts of {TEXT} tokens: log-probabilities in bfloat16 differ by {gap:.4f} on average", file=sys.stderr, flush=True)
    if not right:
        sys.exit("the results are not those of transformers: nothing was timed")
