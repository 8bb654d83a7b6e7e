"""What transformers says in float32 of texts that we answered: greedy continuations and log-probabilities. One line of JSON.

usage: python reference.py MODEL_DIR ANSWERS.jsonl NEW

Each line of ANSWERS has "prompt" and "response_token_ids"; all prompts have as many tokens, all responses too. Log-probabilities are of
prompt and response, but for the first token; greedy continuations, which NEW = 0 leaves out, of the prompts, and for each of their tokens
how far the second best lies below, in nats.
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
rows = [json.loads(line) for line in open(path)]
prompts = torch.tensor([tokenizer(row["prompt"])["input_ids"] for row in rows])
with torch.inference_mode():
    greedy, leads = [], []
    if new:
        out = model.generate(input_ids=prompts, attention_mask=torch.ones_like(prompts), do_sample=False, max_new_tokens=new, min_new_tokens=new,
                             pad_token_id=tokenizer.eos_token_id, output_logits=True, return_dict_in_generate=True)
        greedy = out.sequences[:, prompts.shape[1]:].tolist()
        best = torch.stack(out.logits, 1).topk(2).values
        leads = (best[..., 0] - best[..., 1]).tolist()
    logprobs = []
    for prompt, row in zip(prompts, rows):
        ids = torch.cat([prompt, torch.tensor(row["response_token_ids"], dtype=torch.long)])[None]
        scores = torch.log_softmax(model(input_ids=ids).logits[0, :-1], -1)
        logprobs.append(scores.gather(1, ids[0, 1:, None])[:, 0].tolist())
print(json.dumps({"greedy": greedy, "leads": leads, "logprobs": logprobs}))
