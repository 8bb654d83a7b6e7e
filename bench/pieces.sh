#!/usr/bin/env bash
# Times the hot pieces one by one, so that a regression names its place:
#   bench/pieces.sh [--only NAME] [--threads N] [--json FILE]
#
# NAME: part of a piece's name: attention, loss head, sampling, optimizer, safetensors load, ledger import, trajectory write,
# recording in PPO, checkpoint transfer. Prints a table: time, rate, and the rate of a plain way of doing the same beside it;
# --json writes the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bench/prepare.sh torch_pieces ledger_bench checkpoint_bench
exec python3 bench/pieces.py "$@"
