#!/usr/bin/env bash
# Times our commands and, given a venv that has them, TRL and llama.cpp on the same work, in turn, in one sitting:
#   bench/run.sh [--peers VENV] [--only NAME...] [--rounds N] [--threads N] [--json FILE]
#
# Prints a table: rate, ratio to the best peer, share of this machine's ceiling, peak memory; --json writes the same.
# --peers: a venv with torch, transformers, trl, datasets, gguf and llama-cpp-python (docs/performance.md has the versions).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bench/prepare.sh gemm_ceiling
exec python3 bench/run.py "$@"
