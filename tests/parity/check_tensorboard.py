"""Checks that TensorBoard's own reader sees in a run's event files exactly what its metrics.jsonl says.

    python tests/parity/check_tensorboard.py RUN...        (needs: pip install tensorboard)

Every metric of every step once, nothing more, values equal after rounding to float32; and the text of `args`.
"""
import json
import math
import pathlib
import sys

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader


def tag_of(metric):
    return "eval/" + metric[5:] if metric.startswith("eval_") else "train/" + metric


def expected_scalars(run):
    scalars = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        for name, value in row.items():
            if name not in ("step", "time"):
                scalars.setdefault(tag_of(name), []).append((row["step"], np.float32(float(value))))
    return scalars


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


def check(run):
    folders = sorted({path.parent for path in run.glob("runs/*/events.out.tfevents.*")})
    assert len(folders) == 1, f"{run}: one folder of events, not {folders}"
    accumulator = EventAccumulator(str(folders[0]), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    expected = expected_scalars(run)
    assert set(accumulator.Tags()["scalars"]) == set(expected), set(accumulator.Tags()["scalars"]) ^ set(expected)
    points = 0
    for tag, wanted in expected.items():
        found = [(event.step, event.value) for event in accumulator.Scalars(tag)]
        assert len(found) == len(wanted), f"{tag}: {len(found)} events for {len(wanted)} lines"
        for (step, value), (wanted_step, wanted_value) in zip(found, wanted):
            assert step == wanted_step and same(value, wanted_value), f"{tag}: {step} {value} for {wanted_step} {wanted_value}"
        points += len(found)
    texts = [tag for tag in accumulator.Tags()["tensors"] if tag.endswith("/text_summary")]
    assert texts, f"{run}: the text of args is not there"
    loaded = sum(1 for path in folders[0].iterdir() for _ in EventFileLoader(str(path)).Load())
    print(f"{run}: {points} scalars of {len(expected)} tags equal, {loaded} events, texts {texts}")


for argument in sys.argv[1:]:
    check(pathlib.Path(argument))
