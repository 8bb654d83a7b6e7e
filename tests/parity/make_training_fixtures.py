"""Makes tests/fixtures/train/schedules.json: learning rates step by step, as transformers' own trainer sets them.

    python tests/parity/make_training_fixtures.py      (transformers 5.23, torch 2.11)
"""
import json
import pathlib
import tempfile

import torch
from transformers import TrainingArguments, get_scheduler

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "train"
PEAK = 3e-4


def rates(kind, warmup, total, min_lr_rate):
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(folder, warmup_steps=warmup, report_to=[], use_cpu=True)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=PEAK)
    extra = {"min_lr_rate": min_lr_rate} if kind == "cosine_with_min_lr" else None
    scheduler = get_scheduler(kind, optimizer, arguments.get_warmup_steps(total), total, extra)
    found = []
    for _ in range(total):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


def main():
    cases = []
    for kind in ["linear", "cosine", "cosine_with_min_lr", "constant", "constant_with_warmup"]:
        for warmup in [0, 0.25, 0.1, 5] if kind != "constant" else [0]:
            total, least = 13, 0.1 if kind == "cosine_with_min_lr" else 0.0
            cases.append({"type": kind, "peak": PEAK, "warmup_steps": warmup, "min_lr_rate": least,
                          "rates": rates(kind, warmup, total, least)})
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "schedules.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
