"""Times the ledger; see ledger.sh."""
import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from ledger_data import make_campaign, make_model, make_pairs
from ledger_queries import documented_queries, fill_in

RLHF = "build/release/bin/rlhf"
PARTS = "build/release/bin/ledger_bench"
SMALL = 2000  # pairs of the small ledger that training starts from


def call(*command):
    """(seconds, standard output) of a command that must succeed."""
    begin = time.monotonic()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stderr[-3000:]}")
    return seconds, done.stdout


def processor_seconds():
    """Of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def part(*words):
    """What a piece of ledger_bench says."""
    return json.loads(call(PARTS, *words)[1])


def remove(ledger):
    for suffix in ("", "-wal", "-shm", "-journal"):
        pathlib.Path(f"{ledger}{suffix}").unlink(missing_ok=True)


def time_imports(folder, pairs, rounds):
    """Ours and bare SQLite in turn, each after its pages reached the disk; bare with both kinds of journal."""
    ledger, other = folder / "ledger.db", folder / "bare.db"
    times = {"import": [], "bare_wal": [], "bare_rollback": []}
    for _ in range(rounds):
        remove(ledger)
        os.sync()
        processor = processor_seconds()
        seconds = call(RLHF, "data", "import", "--db", ledger, pairs)[0]
        times["import"].append((seconds, processor_seconds() - processor))
        for kind, journal in (("bare_wal", "WAL"), ("bare_rollback", "DELETE")):
            remove(other)
            os.sync()
            done = part("bare", ledger, other, journal)
            times[kind].append((done["seconds"], done["processor_seconds"]))
        remove(other)
    best = {f"{kind}_s": min(seconds for seconds, _ in of_kind) for kind, of_kind in times.items()}
    best |= {f"{kind}_processor_s": min(processor for _, processor in of_kind) for kind, of_kind in times.items()}
    bare, bare_processor = (min(best[f"bare_wal{of}"], best[f"bare_rollback{of}"]) for of in ("_s", "_processor_s"))
    return best | {"ratio": bare / best["import_s"], "processor_ratio": bare_processor / best["import_processor_s"], "file_mb": ledger.stat().st_size / 1e6}


def best_read(ledger, split, campaign=""):
    return min(part("read", ledger, split, campaign)["seconds"] for _ in range(3))


def time_starts(folder, ledger, model):
    """Seconds of a run of one step on one small campaign, and of exporting one small data set."""
    runs = []
    for number in range(3):
        runs.append(call(RLHF, "reward", "--model", model, "--db", ledger, "--campaign", "small", "--split", "all", "--eval_split", "valid", "--max_steps", 1,
                         "--threads", 1, "--output_dir", folder / f"run {ledger.stem} {number}", "--ledger", "none")[0])
    exports = [call(RLHF, "data", "export", "--db", ledger, "--format", "trl-preference", "--split", "all", "--source", "small",
                    "--output", "/dev/null")[0] for _ in range(3)]
    return {"reward_start_s": min(runs), "read_campaign_s": best_read(ledger, "all", "small"), "export_source_s": min(exports)}


def time_queries(ledger):
    """Each query of docs/ledger.md by its question: milliseconds, best of three, and whether its plan goes by an index."""
    db = sqlite3.connect(ledger)
    rows = []
    for question, sql in documented_queries():
        parameters = fill_in(db, sql)
        plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, parameters)]
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            found = len(db.execute(sql, parameters).fetchall())
            times.append(time.perf_counter() - begin)
        rows.append({"question": question, "ms": 1000 * min(times), "rows": found, "plan": plan})
    return rows


def measure(options, folder):
    draw = random.Random(1)
    pairs, small = folder / "pairs.jsonl", folder / "small.jsonl"
    make_pairs(pairs, options.pairs, draw)
    make_pairs(small, SMALL, draw)
    ledger, little = folder / "ledger.db", folder / "little.db"
    result = {"pairs": options.pairs} | time_imports(folder, pairs, options.rounds)
    result["again_s"] = call(RLHF, "data", "import", "--db", ledger, pairs)[0]
    result |= {"read_train_s": best_read(ledger, "train"), "read_valid_s": best_read(ledger, "valid")}
    result["verify_s"] = call(RLHF, "data", "verify", "--db", ledger)[0]
    result["backup_s"] = call(RLHF, "data", "backup", "--db", ledger, folder / "backup.db")[0]
    call(RLHF, "data", "import", "--db", little, small)
    model = make_model(call, RLHF, folder)
    for each in (ledger, little):
        make_campaign(call, RLHF, folder, each)
    result["starts"] = {"huge": time_starts(folder, ledger, model), "little": time_starts(folder, little, model)}
    call(RLHF, "reward", "--model", model, "--db", ledger, "--campaign", "small", "--split", "all", "--max_steps", 20, "--logging_steps", 1, "--threads", 1,
         "--output_dir", folder / "recorded")
    call(RLHF, "data", "sample", "--db", ledger, "--model", model, "--split", "valid", "--limit", 50, "--max_new_tokens", 8)
    result["trajectories"] = part("trajectories", ledger, 200, 16, 64)
    result["queries"] = time_queries(ledger)
    return result


def show(result):
    pairs = result["pairs"]
    print(f"{pairs} pairs: imported in {result['import_s']:.1f} s ({pairs / result['import_s']:.0f}/s), bare SQLite {result['bare_wal_s']:.1f} s in WAL mode, "
          f"{result['bare_rollback_s']:.1f} s with a rollback journal, ratio of rates {result['ratio']:.2f}, file {result['file_mb']:.0f} MB")
    print(f"processor time: {result['import_processor_s']:.1f} s, bare {result['bare_wal_processor_s']:.1f} s, {result['bare_rollback_processor_s']:.1f} s, "
          f"ratio {result['processor_ratio']:.2f}")
    print(f"importing again {result['again_s']:.1f} s, reading train {result['read_train_s']:.2f} s, valid {result['read_valid_s']:.2f} s, "
          f"verify {result['verify_s']:.1f} s, backup {result['backup_s']:.1f} s")
    for name, of_ledger in result["starts"].items():
        print(f"{name} ledger: a reward run on one campaign {of_ledger['reward_start_s']:.2f} s, of it reading {of_ledger['read_campaign_s']:.3f} s; "
              f"exporting one data set {of_ledger['export_source_s']:.2f} s")
    trajectories = result["trajectories"]
    print(f"{trajectories['trajectories'] / trajectories['seconds']:.0f} trajectories/s, {trajectories['milliseconds_a_step']:.1f} ms a step of 16 x 64 tokens")
    for query in result["queries"]:
        scans = [step for step in query["plan"] if step.startswith("SCAN") and "(" not in step]
        print(f"{query['ms']:10.2f} ms {query['rows']:7} rows  {query['question']}" + (f"  [{'; '.join(scans)}]" if scans else ""))


def main():
    parser = argparse.ArgumentParser(prog="bench/ledger.sh")
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", help="folder to work in; a temporary one when not given")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ledger-bench-", dir=options.scratch))
    try:
        result = measure(options, folder)
    finally:
        shutil.rmtree(folder)
    show(result)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
