#!/usr/bin/env bash
# Times the ledger: import beside bare SQLite in turn, reading, training's start, trajectories, every documented query:
#   bench/ledger.sh [--pairs N] [--rounds N] [--scratch FOLDER] [--json FILE]
#
# --pairs 100000 by default; a million takes about 20 minutes and 6 GB of disk. Prints a table; --json writes the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake/setup.sh release >&2
cmake --build --preset release --target ledger_bench >&2
exec python3 bench/ledger.py "$@"
