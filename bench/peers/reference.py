"""What transformers says in float32: greedy continuations and log-probabilities. One line of JSON.

usage: python reference.py MODEL_DIR TEXTS.jsonl NEW      each line of TEXTS {"prompt": ...}
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, path, new = sys.argv[1], sys.argv[2], int(sys.argv[3])
transformers.logging.set_verbosity_error()
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
greedy, logprobs = [], []
with torch.inference_mode():
    for line in open(path):
        ids = torch.tensor([tokenizer(json.loads(line)["prompt"])["input_ids"]])
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new, min_new_tokens=new,
                             pad_token_id=tokenizer.eos_token_id)
        greedy.append(out[0, ids.shape[1]:].tolist())
        scores = torch.log_softmax(model(input_ids=ids).logits[0, :-1], -1)
        logprobs.append(scores.gather(1, ids[0, 1:, None])[:, 0].tolist())
print(json.dumps({"greedy": greedy, "logprobs": logprobs}))
