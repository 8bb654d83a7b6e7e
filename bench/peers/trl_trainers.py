"""Times TRL's trainers and transformers' generation on the work of bench/works.py. One line of JSON with "rate".

usage: python trl_trainers.py MODEL_DIR generate|sft|reward|ppo DTYPE [name=value ...]
"""
import json
import os
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
import transformers
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback

folder, job, dtype = sys.argv[1:4]
given = {name: int(value) for name, value in (word.split("=") for word in sys.argv[4:])}
threads, batch, length = given.get("threads", 2), given.get("batch", 8), given.get("length", 256)
prompt, new, epochs, steps = given.get("prompt", 32), given.get("new", 64), given.get("epochs", 4), given.get("steps", 4)
torch.set_num_threads(threads)
torch.manual_seed(0)
transformers.logging.set_verbosity_error()
tokenizer = AutoTokenizer.from_pretrained(folder)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token


def random_ids(rows, columns):
    return torch.randint(100, len(tokenizer) - 100, (rows, columns))


def language_model():
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def scalar_model():
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


class StepTimes(TrainerCallback):
    def __init__(self):
        self.ends = []

    def on_step_end(self, *unused, **also_unused):
        self.ends.append(time.perf_counter())

    def steps_a_second(self):
        return (len(self.ends) - 1) / (self.ends[-1] - self.ends[0])  # the first step warms up


def settings(**more):
    return dict(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch, report_to=[], save_strategy="no", use_cpu=True,
                bf16=dtype == "bfloat16", gradient_checkpointing=False, disable_tqdm=True, **more)


def generate():
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    ids = random_ids(batch, prompt)

    def run(count):
        model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, max_new_tokens=count,
                       min_new_tokens=count, pad_token_id=tokenizer.pad_token_id)

    with torch.inference_mode():
        run(4)
        begin = time.perf_counter()
        run(new)
    return batch * new / (time.perf_counter() - begin)


def sft():
    from trl import SFTConfig, SFTTrainer
    data = Dataset.from_dict({"input_ids": random_ids(batch * (steps + 1), length).tolist()})
    times = StepTimes()
    SFTTrainer(model=language_model(), processing_class=tokenizer, train_dataset=data, callbacks=[times],
               args=SFTConfig(max_steps=steps + 1, max_length=length, logging_steps=1000, **settings())).train()
    return times.steps_a_second() * batch * length


def reward():
    from trl import RewardConfig, RewardTrainer
    rows = batch * (steps + 1)
    data = Dataset.from_dict({"chosen_ids": random_ids(rows, length).tolist(), "rejected_ids": random_ids(rows, length).tolist()})
    times = StepTimes()
    RewardTrainer(model=scalar_model(), processing_class=tokenizer, train_dataset=data, callbacks=[times],
                  args=RewardConfig(max_steps=steps + 1, max_length=length, logging_steps=1000, **settings())).train()
    return times.steps_a_second() * batch


def ppo():
    from trl.experimental.ppo import PPOConfig, PPOTrainer
    ends = []

    class Timed(PPOTrainer):
        def log(self, *arguments, **named):
            ends.append(time.perf_counter())
            return super().log(*arguments, **named)

    tokenizer.padding_side = "left"
    data = Dataset.from_dict({"input_ids": random_ids(batch * (steps + 1), prompt).tolist()})
    config = PPOConfig(gradient_accumulation_steps=1, num_mini_batches=1, num_ppo_epochs=epochs, response_length=new, stop_token=None,
                       total_episodes=batch * (steps + 1), num_sample_generations=0, local_rollout_forward_batch_size=batch,
                       missing_eos_penalty=None, kl_coef=0.05, **settings())
    Timed(args=config, processing_class=tokenizer, model=language_model(), ref_model=language_model(), reward_model=scalar_model(),
          value_model=scalar_model(), train_dataset=data, eval_dataset=data.select(range(batch))).train()
    return (len(ends) - 1) / (ends[-1] - ends[0])


with open(os.devnull, "w") as nowhere:
    stdout, sys.stdout = sys.stdout, nowhere
    rate = {"generate": generate, "sft": sft, "reward": reward, "ppo": ppo}[job]()
    sys.stdout = stdout
print(json.dumps({"rate": rate}))
