"""Trains the same tiny model on the same batches with `rlhf sft` / `rlhf reward` and with TRL, and compares every step.

    python tests/parity/compare_trl_training.py --rlhf build/release/bin/rlhf   (trl 1.9.2, transformers 5.23, torch 2.11)

Both start from one folder that transformers saved, in float32, without dropout, AdamW at a constant rate with weight
decay and clipping. `rlhf` draws its own order of the samples; the script works that order out again (train/sample_order.h)
and lays TRL's data set out in it, read by a sequential sampler. Printed are the loss and the gradient norm of each step on
both sides; a relative difference above 1e-3 in a loss is an error. Half of
the pairs have a margin.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import torch
from datasets import Dataset
from torch.utils.data import SequentialSampler
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast
from trl import RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
STEPS, BATCH, SAMPLES, SEED, RATE, DECAY = 20, 8, 48, 42, 2e-3, 0.1
MASK = (1 << 64) - 1


# ------------------------------------------------------------------------------------------------- the order of rlhf


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def epoch_order(seed, epoch, size):
    order, counter = list(range(size)), 0
    for i in range(size, 1, -1):
        while True:
            product = mix(mix(mix(seed) ^ epoch) ^ counter) * i
            counter += 1
            if product & MASK >= (1 << 64) % i:
                break
        j = product >> 64
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def drawn():
    order = []
    for epoch in range(-(-STEPS * BATCH // SAMPLES)):
        order += epoch_order(SEED, epoch, SAMPLES)
    return order[: STEPS * BATCH]


# ------------------------------------------------------------------------------------------------- data and models


def sentences(rng, count):
    words = "film story cast end music scene plot voice".split()
    judged = "good bad slow warm loud short thin bright".split()
    for _ in range(count):
        yield " The " + " and the ".join(
            f"{rng.choice(words)} was {rng.choice(judged)}" for _ in range(rng.randint(1, 3))) + "."


def demonstrations():
    rng = random.Random(1)
    return [{"prompt": f"Review number {i}:", "completion": text} for i, text in enumerate(sentences(rng, SAMPLES))]


def preferences():
    texts = list(dict.fromkeys(sentences(random.Random(2), 4 * SAMPLES)))
    return [{"prompt": f"Review number {i}:", "chosen": texts[2 * i], "rejected": texts[2 * i + 1],
             "margin": 0.4 * (i % 2)} for i in range(SAMPLES)]


def save_model(folder, model_class):
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(FIXTURES / "text" / "qwen2.json"), eos_token="<|im_end|>",
                                        pad_token="<|endoftext|>")
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, num_labels=1,
                         initializer_range=0.1, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
                         pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=False)
    model_class(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


# ------------------------------------------------------------------------------------------------- both sides


def run_rlhf(program, stage, model, data, work):
    path = work / f"{stage}.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in data))
    settings = {"model": model, "dataset": path, "output_dir": work / f"{stage}-rlhf", "max_steps": STEPS,
                "per_device_train_batch_size": BATCH, "learning_rate": RATE, "lr_scheduler_type": "constant",
                "weight_decay": DECAY, "seed": SEED, "logging_steps": 1, "save_steps": 0, "dtype": "float32",
                "threads": 2, "max_length": 200}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    subprocess.run([program, stage, *flags], check=True)
    rows = [json.loads(line) for line in open(work / f"{stage}-rlhf" / "metrics.jsonl")]
    return [(row["loss"], row["grad_norm"]) for row in rows if "loss" in row]


class InOrder:
    """A trainer that reads its data in order and keeps the unrounded loss of every step."""

    losses = None

    def _get_train_sampler(self, dataset=None):
        return SequentialSampler(dataset if dataset is not None else self.train_dataset)

    def training_step(self, *arguments, **named):
        loss = super().training_step(*arguments, **named)
        self.losses = (self.losses or []) + [loss.item()]
        return loss


class OrderedSft(InOrder, SFTTrainer):
    pass


class OrderedReward(InOrder, RewardTrainer):
    pass


def run_trl(trainer_class, config_class, model, tokenizer, data, work, **more):
    config = config_class(
        output_dir=str(work), max_steps=STEPS, per_device_train_batch_size=BATCH, learning_rate=RATE,
        lr_scheduler_type="constant", weight_decay=DECAY, logging_steps=1, save_strategy="no", report_to=[],
        use_cpu=True, bf16=False, gradient_checkpointing=False, max_length=200, disable_tqdm=True, max_grad_norm=1.0,
        **more)
    trainer = trainer_class(model=model, args=config, processing_class=tokenizer,
                            train_dataset=Dataset.from_list([data[i] for i in drawn()]))
    trainer.train()
    norms = [row["grad_norm"] for row in trainer.state.log_history if "grad_norm" in row]
    return list(zip(trainer.losses, norms))


def compare(name, ours, theirs):
    assert len(ours) == len(theirs) == STEPS, (len(ours), len(theirs))
    print(f"\n{name}\nstep   loss rlhf      loss TRL   relative   grad_norm rlhf   grad_norm TRL")
    worst = worst_norm = 0.0
    for step, ((a, a_norm), (b, b_norm)) in enumerate(zip(ours, theirs), 1):
        gap = abs(a - b) / abs(b)
        worst, worst_norm = max(worst, gap), max(worst_norm, abs(a_norm - b_norm) / abs(b_norm))
        print(f"{step:4d} {a:11.7f}   {b:11.7f}   {gap:8.1e}   {a_norm:14.6f}   {b_norm:13.6f}")
    print(f"largest relative difference: loss {worst:.1e}, gradient norm {worst_norm:.1e}")
    return worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rlhf", default="build/release/bin/rlhf")
    program = parser.parse_args().rlhf
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        tokenizer = save_model(work / "lm", LlamaForCausalLM)
        ours = run_rlhf(program, "sft", work / "lm", demonstrations(), work)
        theirs = run_trl(OrderedSft, SFTConfig, LlamaForCausalLM.from_pretrained(work / "lm"), tokenizer,
                         demonstrations(), work / "sft-trl", completion_only_loss=True)
        sft = compare("SFT", ours, theirs)

        tokenizer = save_model(work / "rm", LlamaForSequenceClassification)
        ours = run_rlhf(program, "reward", work / "rm", preferences(), work)
        theirs = run_trl(OrderedReward, RewardConfig, LlamaForSequenceClassification.from_pretrained(work / "rm"),
                         tokenizer, preferences(), work / "reward-trl")
        reward = compare("Reward model", ours, theirs)
    assert max(sft, reward) < 1e-3, "the losses differ"


if __name__ == "__main__":
    main()
