"""Rates against context, batch and workers; see curves.sh."""
import argparse
import json
import pathlib
import sys
import tempfile
from dataclasses import dataclass, field

from charts import page
from measured import measure
from ours import Ours
from workload import prepare_model
from works import PARAMETERS, flops_per_token

RLHF = "build/release/bin/rlhf"
LAYERS, HIDDEN = 30, 576  # of SmolLM2-135M, whose heads together are as wide as its hidden states
BATCH_TOKENS = 2048  # of an SFT step, whatever the context
PROMPT, NEW = 32, 64  # tokens


@dataclass
class Machine:
    """What gemm_ceiling found, for one dtype."""
    flops: float
    read: float  # bytes/s
    bytes_per_weight: int

    def sft(self, context):
        """Tokens/s if products and attention ran at the rate of large products: attention has two products of half a square forward, five backward."""
        return self.flops / (flops_per_token() + 7 * context * HIDDEN * LAYERS)

    def generation(self, batch):
        """Tokens/s if a step read every weight once, or multiplied at the rate of large products, whichever takes longer."""
        return batch / max(PARAMETERS * self.bytes_per_weight / self.read, 2 * PARAMETERS * batch / self.flops)


@dataclass
class Curve:
    name: str
    against: str
    bound_is: str
    unit: str = "tokens/s"
    points: list = field(default_factory=list)  # (x, rate, bound)

    def add(self, x, rate, bound):
        """Told at once: what was measured is not lost when what comes after it fails."""
        self.points.append((x, rate, bound))
        print(f"{self.name}, {self.against} {x}: {rate:.1f} {self.unit}, bound {bound:.1f}", file=sys.stderr, flush=True)


def sft_curve(side, machine, options):
    curve = Curve("SFT", "context, tokens", "products and attention at the rate of large products")
    for context in options.contexts:
        batch = max(1, BATCH_TOKENS // context)
        rate = side.sft_of_length(options.dtype, batch, context)[0]
        curve.add(context, rate, machine.sft(context))
    return curve


def generation_curve(side, machine, options):
    curve = Curve("generation", "batch, sequences", "every weight read once a step, then the rate of large products")
    for batch in options.batches:
        curve.add(batch, side.generate(options.dtype, batch, PROMPT, NEW)[0], machine.generation(batch))
    return curve


def workers_curve(side, options):
    """A thread a worker, so that the cores are shared out."""
    curve = Curve("PPO rollouts", "workers of one thread", "the rate of one worker times the workers that have a core")
    for workers in options.workers:
        rate = side.rollouts(options.dtype, workers, 16, PROMPT, NEW)
        one = curve.points[0][1] / min(curve.points[0][0], options.threads) if curve.points else rate / min(workers, options.threads)
        curve.add(workers, rate, one * min(workers, options.threads))
    return curve


def show(curves, file=sys.stdout):
    for curve in curves:
        print(f"{curve.name}, {curve.unit}; bound: {curve.bound_is}", file=file)
        print(f"{curve.against:>24}{'ours':>12}{'bound':>12}{'share':>8}", file=file)
        for x, rate, bound in curve.points:
            print(f"{x:>24}{rate:12.1f}{bound:12.1f}{rate / bound:8.0%}", file=file)


def main():
    parser = argparse.ArgumentParser(prog="bench/curves.sh")
    parser.add_argument("--contexts", type=int, nargs="*", default=[128, 256, 512, 1024, 2048])
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32, 64, 128])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="the one this machine multiplies faster when not given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--html", metavar="FILE")
    options = parser.parse_args()
    ceiling = json.loads(measure(["build/release/bin/gemm_ceiling", options.threads]).output)
    options.dtype = options.dtype or max(("float32", "bfloat16"), key=lambda dtype: ceiling[f"{dtype}_gflops"])
    machine = Machine(ceiling[f"{options.dtype}_gflops"] * 1e9, ceiling["read_gbs"] * 1e9, 4 if options.dtype == "float32" else 2)
    with tempfile.TemporaryDirectory() as scratch:
        side = Ours(RLHF, prepare_model(RLHF, "build/bench")[0], pathlib.Path(scratch), options.threads)
        curves = [sft_curve(side, machine, options), generation_curve(side, machine, options), workers_curve(side, options)]
    curves = [curve for curve in curves if curve.points]
    show(curves)
    if options.json:
        rows = [{"curve": c.name, "against": c.against, "x": x, "rate": rate, "bound": bound, "bound_is": c.bound_is, "unit": c.unit, "dtype": options.dtype}
                for c in curves for x, rate, bound in c.points]
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")
    if options.html:
        pathlib.Path(options.html).write_text(page(curves, f"SmolLM2-135M, {options.dtype}, {options.threads} threads"))


if __name__ == "__main__":
    main()
