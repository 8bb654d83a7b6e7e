"""Trains the same thing in float32 and bfloat16 with several seeds, and holds what the dtype changes against what a seed changes.

    python tests/parity/compare_dtypes.py OUTPUT_DIR [--seeds S...] [--window N] [--metrics M...] -- RLHF COMMAND FLAGS...

FLAGS are those of `rlhf sft`, `rlhf ppo` and so on but for --seed, --dtype and --output_dir. Runs that are finished are read, not repeated.
A curve is a metric's mean over windows of N steps. For each metric:

  float32, bfloat16   mean over seeds of the last window, +- the standard deviation between seeds
  dtype               root mean square of bfloat16 less float32 of the same seed, over windows and seeds
  seed                the same of float32 less float32 of another seed
  bias                mean of bfloat16 less float32 over windows and seeds, +- its standard error over seeds

bfloat16 trains as well where `dtype` is no more than `seed` and `bias` is not far from zero by its error.
"""
import argparse
import itertools
import json
import math
import pathlib
import statistics
import subprocess

DTYPES = ("float32", "bfloat16")


def curve(run, metric, window):
    """Window -> mean of the metric over the steps in it."""
    values = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        if metric in row:
            values.setdefault((row["step"] - 1) // window, []).append(float(row[metric]))
    return {index: statistics.fmean(group) for index, group in values.items()}


def differences(left, right):
    return [left[index] - right[index] for index in sorted(left.keys() & right.keys())]


def root_mean_square(values):
    return math.sqrt(statistics.fmean(value * value for value in values))


def last(curves):
    return [values[max(values)] for values in curves]


def compare(runs, seeds, metric, window):
    curves = {dtype: [curve(runs[dtype, seed], metric, window) for seed in seeds] for dtype in DTYPES}
    by_seed = [differences(b, a) for a, b in zip(curves["float32"], curves["bfloat16"], strict=True)]
    between_seeds = [d for a, b in itertools.combinations(curves["float32"], 2) for d in differences(a, b)]
    biases = [statistics.fmean(d) for d in by_seed]
    row = {dtype: f"{statistics.fmean(last(curves[dtype])):.4f} +- {statistics.stdev(last(curves[dtype])):.4f}" for dtype in DTYPES}
    return row | {"dtype": f"{root_mean_square(itertools.chain(*by_seed)):.4f}", "seed": f"{root_mean_square(between_seeds):.4f}",
                  "bias": f"{statistics.fmean(biases):+.4f} +- {statistics.stdev(biases) / math.sqrt(len(biases)):.4f}"}


def main():
    parser = argparse.ArgumentParser(usage="compare_dtypes.py OUTPUT_DIR [--seeds S...] [--window N] [--metrics M...] -- RLHF COMMAND FLAGS...")
    parser.add_argument("output_dir", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--metrics", nargs="+", default=["loss", "eval_loss", "grad_norm"])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if len(options.seeds) < 2:
        parser.error("what a seed changes takes two seeds or more")
    runs = {}
    for seed, dtype in itertools.product(options.seeds, DTYPES):
        run = runs[dtype, seed] = options.output_dir / f"{dtype}-seed{seed}"
        if not (run / "final").exists():
            subprocess.run([*options.command, "--dtype", dtype, "--seed", str(seed), "--output_dir", run], check=True, stdout=subprocess.DEVNULL)
    there = [metric for metric in options.metrics if all(curve(run, metric, options.window) for run in runs.values())]
    if missing := set(options.metrics) - set(there):
        print("not in every run:", *sorted(missing))
    columns = {metric: compare(runs, options.seeds, metric, options.window) for metric in there}
    print(f"{'':28}{'float32':>20}{'bfloat16':>20}{'dtype':>10}{'seed':>10}{'bias':>20}")
    for metric, row in columns.items():
        print(f"{metric:28}{row['float32']:>20}{row['bfloat16']:>20}{row['dtype']:>10}{row['seed']:>10}{row['bias']:>20}")


if __name__ == "__main__":
    main()
