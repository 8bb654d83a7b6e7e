"""Writes expected.json beside a model: transformers' float32 log-probabilities of a few texts.

usage: python tests/parity/expect_logprobs.py MODEL_DIR [TEXT_FILE...]      (transformers 5.23)

RLHF_SMOLLM2=MODEL_DIR build/release/bin/model_test then compares ours with them.
"""
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["The first time I saw the sea I was seven years old, and",
         "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
         "In 1969, 3 people flew 384,400 km; two of them walked on the moon. " * 12]


@torch.no_grad()
def main():
    folder, texts = pathlib.Path(sys.argv[1]), TEXTS + [pathlib.Path(p).read_text()[:4000] for p in sys.argv[2:]]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = [tokenizer(text)["input_ids"] for text in texts]
    logprobs = []
    for sequence in ids:
        logp = torch.log_softmax(model(input_ids=torch.tensor([sequence])).logits[0], -1)
        logprobs.append([logp[t - 1, sequence[t]].item() for t in range(1, len(sequence))])
    (folder / "expected.json").write_text(json.dumps(dict(token_ids=ids, logprobs=logprobs)) + "\n")


main()
