"""Times ours and the peers in turn; see run.sh."""
import argparse
import json
import pathlib
import sys
import tempfile

from correctness import check_against_transformers
from measured import measure
from ours import Ours
from workload import Texts, check_lengths, prepare_model
from works import WORKS, flops_per_token

RLHF = "build/release/bin/rlhf"
HERE = pathlib.Path(__file__).parent


class Best:
    """The best rate of a side and its least peak memory, over dtypes and rounds."""

    def __init__(self):
        self.rate, self.kind, self.rates, self.memory = 0.0, "", {}, {}

    def take(self, kind, rate, memory):
        self.rates[kind] = max(rate, self.rates.get(kind, 0.0))
        self.memory[kind] = min(memory, self.memory.get(kind, memory))
        self.kind = max(self.rates, key=self.rates.get)
        self.rate = self.rates[self.kind]

    def peak_memory(self):
        return self.memory.get(self.kind)


def run_peers(work, python, model, gguf, threads):
    """(kind, rate, peak memory) of each."""
    if work.trl:
        job, dtypes, settings = work.trl
        for dtype in dtypes:
            done = measure([python, HERE / "peers/trl_trainers.py", model, job, dtype, f"threads={threads}", *(f"{k}={v}" for k, v in settings.items())])
            yield f"TRL {dtype}", json.loads(done.output.splitlines()[-1])["rate"], done.peak_memory_gb
    if work.llama_cpp:
        kinds, shape = work.llama_cpp
        for kind in kinds:
            done = measure([python, HERE / "peers/llamacpp.py", gguf, kind, *shape, threads])
            yield f"llama.cpp {kind}", json.loads(done.output.splitlines()[-1])["rate"], done.peak_memory_gb


def row_of(work, ours, peer, ceiling, earlier):
    if work.against and work.against in earlier:
        peer = earlier[work.against][0]
    share = ours.rate * work.tokens_per_unit * flops_per_token() / (ceiling[f"{ours.kind}_gflops"] * 1e9) if work.tokens_per_unit else None
    best_peer = work.against if work.against else peer.kind
    memory, peer_memory = ours.peak_memory(), peer.peak_memory()
    return {"work": work.name, "unit": work.unit, "ours": ours.rate, "ours_dtype": ours.kind, "peer": peer.rate or None,
            "best_peer": best_peer or None, "ratio": ours.rate / peer.rate if peer.rate else None, "goal": work.goal,
            "share_of_ceiling": share, "share_goal": work.share_goals.get(ours.kind), "peak_memory_gb": memory, "peer_peak_memory_gb": peer_memory,
            "memory_ratio": memory / peer_memory if peer_memory and not work.against else None, "memory_goal": work.memory_goal or None,
            "all": ours.rates | peer.rates}


def shown(value, form="{:.2f}"):
    return "-" if value is None else form.format(value)


def with_goal(value, goal, form):
    return shown(value, form) + (f" ({form.format(goal)})" if value is not None and goal else "")


def show(rows, ceiling, file=sys.stdout):
    print(f"ceiling: {ceiling['float32_gflops']:.0f} GFLOP/s float32, {ceiling['bfloat16_gflops']:.0f} bfloat16, {ceiling['read_gbs']:.1f} GB/s read; "
          f"wanted in brackets", file=file)
    print(f"{'work':30}{'unit':>13}{'ours':>9}{'dtype':>10}{'peer':>9}  {'best peer':17}{'ratio':>13}{'ceiling':>11}{'GB':>6}{'peer GB':>9}{'ratio':>13}",
          file=file)
    for row in rows:
        print(f"{row['work']:30}{row['unit']:>13}{shown(row['ours'], '{:.4g}'):>9}{row['ours_dtype']:>10}{shown(row['peer'], '{:.4g}'):>9}  "
              f"{row['best_peer'] or '-':17}{with_goal(row['ratio'], row['goal'], '{:.2f}'):>13}"
              f"{with_goal(row['share_of_ceiling'], row['share_goal'], '{:.0%}'):>11}{shown(row['peak_memory_gb'], '{:.1f}'):>6}"
              f"{shown(row['peer_peak_memory_gb'], '{:.1f}'):>9}{with_goal(row['memory_ratio'], row['memory_goal'], '{:.2f}'):>13}", file=file)


def wanted_works(names):
    """Those whose name contains one of `names`, and what they are held against."""
    wanted = [work for work in WORKS if any(name in work.name for name in names)]
    held_against = {work.against for work in wanted}
    works = []
    for work in WORKS:
        if work not in wanted and work.name not in held_against:
            continue
        if work.needs.exists():
            works.append(work)
        else:
            print(f"SKIPPED {work.name}: needs {work.needs}", file=sys.stderr)
    return works


def better(ceiling, measured):
    return {name: max(value, ceiling.get(name, value)) for name, value in measured.items()}


def main():
    parser = argparse.ArgumentParser(prog="bench/run.sh")
    parser.add_argument("--peers", help="a venv with the peers; without it only ours and the ceiling")
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="works whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    works = wanted_works(options.only)
    model, gguf = prepare_model(RLHF, "build/bench")
    texts = Texts()
    check_lengths(RLHF, model, [texts.draw(64) for _ in range(64)], 64)
    results, ceiling = {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        if options.peers:
            shapes = dict.fromkeys(work.llama_cpp[1] for work in works if work.llama_cpp)
            check_against_transformers(RLHF, f"{options.peers}/bin/python", model, pathlib.Path(scratch), options.threads, shapes)
        side = Ours(RLHF, model, pathlib.Path(scratch), options.threads)
        for work in works:
            ours, peer = Best(), Best()
            ceiling = better(ceiling, json.loads(measure(["build/release/bin/gemm_ceiling", options.threads]).output))
            for round_number in range(options.rounds):
                for dtype in work.dtypes:
                    ours.take(dtype, *work.ours(side, dtype))
                for measured in run_peers(work, f"{options.peers}/bin/python", model, gguf, options.threads) if options.peers else ():
                    peer.take(*measured)
                print(f"{work.name}, round {round_number + 1}: {ours.rates} {peer.rates}", file=sys.stderr, flush=True)
            results[work.name] = (ours, peer)
    rows = [row_of(work, *results[work.name], ceiling, results) for work in works]
    show(rows, ceiling)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
