#!/usr/bin/env bash
# Draws our rates against context, batch and number of workers, each beside what bounds it on this machine:
#   bench/curves.sh [--contexts N...] [--batches N...] [--workers N...] [--dtype D] [--threads N] [--json FILE] [--html FILE]
#
# SFT tokens/s for contexts of 128 to 2,048 tokens, generated tokens/s for batches of 1 to 128, rollouts' tokens/s in PPO for 1
# and 2 workers. Prints a table; --json writes the same, --html a page with the curves that needs nothing beside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bench/prepare.sh gemm_ceiling
exec python3 bench/curves.py "$@"
