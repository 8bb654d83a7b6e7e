#!/usr/bin/env bash
# Builds and tests everything: tests/run.sh [--sanitizers]. Installs what is missing first.
# --sanitizers runs the whole suite under AddressSanitizer and UndefinedBehaviorSanitizer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=release
case ${1:-} in
--sanitizers) preset=dev ;;
"") ;;
*) echo "usage: tests/run.sh [--sanitizers]" >&2; exit 2 ;;
esac
cmake/setup.sh $preset
ctest --preset $preset
