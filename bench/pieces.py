"""Times the hot pieces; see pieces.sh."""
import argparse
import json
import os
import pathlib
import random
import sys
import tempfile
import time

from ledger import part, time_imports
from ledger_data import make_pairs
from measured import measure
from ours import Ours
from workload import prepare_model

BIN = pathlib.Path("build/release/bin")
TORCH_PIECES = ("attention", "loss head", "sampling", "optimizer", "safetensors load")
PAIRS = 20_000  # of the import
STEPS = 200  # of trajectories
PPO_SHAPES = ((16, 64), (64, 24))  # responses of an iteration, tokens of each
RECORDING_GOAL = 0.02  # of an iteration
TRANSFER_MB = 540  # as SmolLM2-135M in float32


def piece(name, shape, seconds, work, unit, beside=None, beside_is=""):
    """`beside` is the rate of a plain way of doing the same."""
    return {"piece": name, "shape": shape, "seconds": seconds, "unit": unit, "rate": work / seconds, "beside": beside, "beside_is": beside_is}


def lines(*command):
    return [json.loads(line) for line in measure(command).output.splitlines()]


def torch_pieces(wanted, options, scratch):
    return lines(BIN / "torch_pieces", wanted, options.threads, scratch)


def ledger_import(scratch):
    """Beside bare SQLite inserting the same rows, with the journal that is faster."""
    pairs = scratch / "pairs.jsonl"
    make_pairs(pairs, PAIRS, random.Random(1))
    times = time_imports(scratch, pairs, 3)
    bare = min(times["bare_wal_s"], times["bare_rollback_s"])
    return piece("ledger import", f"{PAIRS} pairs", times["import_s"], PAIRS, "rows/s", PAIRS / bare, "bare SQLite inserts")


def plain_write(path, size):
    """Seconds of appending so many bytes and waiting until they are on the disk, best of many."""
    times = []
    with open(path, "wb") as file:
        for _ in range(STEPS):
            begin = time.perf_counter()
            file.write(os.urandom(1) * size)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    return sum(times) / STEPS


def trajectory_write(scratch, responses, tokens):
    """Of one iteration, the mean of many, each a transaction that is on the disk when it returns."""
    ledger = scratch / f"trajectories {responses}.db"
    done = part("trajectories", ledger, STEPS, responses, tokens)
    size = sum(file.stat().st_size for file in scratch.glob(ledger.name + "*")) // STEPS
    return piece("trajectory write", f"{responses} x {tokens} tokens", done["seconds"] / STEPS, responses, "rows/s",
                 responses / plain_write(scratch / "plain", size), "as many bytes appended and synced")


def recording_in_ppo(side, scratch, responses, tokens):
    """The share of an iteration that its trajectories would take if nothing else went on meanwhile; 4 epochs, bfloat16 where the machine is
    fast in it."""
    written = trajectory_write(scratch, responses, tokens)
    row = side.ppo_iteration("auto", responses, 32, tokens, 4)
    seconds = written["seconds"] + row["timing/record"]
    return piece("recording in PPO", f"{responses} x 32+{tokens}", seconds, responses, "rows/s") | {
        "share_of_iteration": seconds / row["timing/step_total"], "goal": RECORDING_GOAL}


def measured_pieces(options):
    """One after the other, those whose name contains what is wanted."""
    wanted = lambda name: options.only in name
    pathlib.Path("build/bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build/bench") as folder:  # the disk that runs are on, not memory
        scratch = pathlib.Path(folder)
        for name in filter(wanted, TORCH_PIECES):
            yield from torch_pieces(name, options, scratch)
        if wanted("ledger import"):
            yield ledger_import(scratch)
        if wanted("trajectory write"):
            yield from (trajectory_write(scratch, *shape) for shape in PPO_SHAPES)
        if wanted("recording in PPO"):
            rlhf = BIN / "rlhf"
            side = Ours(rlhf, prepare_model(rlhf, "build/bench")[0], scratch, options.threads)
            yield from (recording_in_ppo(side, scratch, *shape) for shape in PPO_SHAPES)
        if wanted("checkpoint transfer"):
            yield from lines(BIN / "checkpoint_bench", TRANSFER_MB)


def show_head():
    print(f"{'piece':20}{'shape':34}{'ms':>10}{'rate':>10} {'unit':9}{'beside':>10}{'ratio':>7}  what stands beside", flush=True)


def show(row):
    beside = f"{row['beside']:10.4g}{row['rate'] / row['beside']:7.2f}  {row['beside_is']}" if row["beside"] else ""
    share = f"  {row['share_of_iteration']:.2%} of an iteration, goal {row['goal']:.0%}" if "share_of_iteration" in row else ""
    print(f"{row['piece']:20}{row['shape']:34}{1000 * row['seconds']:10.3f}{row['rate']:10.4g} {row['unit']:9}{beside}{share}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="bench/pieces.sh")
    parser.add_argument("--only", default="", metavar="NAME", help="pieces whose name contains this")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    show_head()
    rows = []
    for row in measured_pieces(options):
        show(row)
        rows.append(row)
    if not rows:
        sys.exit(f"no piece's name contains '{options.only}'")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
