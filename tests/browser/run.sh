#!/usr/bin/env bash
# The page of `rlhf annotate --listen` in a real browser: tests/browser/run.sh [--screenshots | a test's name...]
# Needs build/release/bin/rlhf (or $RLHF_PROGRAM) and Python 3; installs Chromium where it is missing (Debian: as root or
# with sudo). --screenshots makes the pictures of docs/images/ anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
  sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
fi
program=${RLHF_PROGRAM:-../../build/release/bin/rlhf}
[ -x "$program" ] || { echo "$program is not built: cmake/setup.sh release" >&2; exit 2; }
if [ "${1:-}" = --screenshots ]; then
  exec python3 screenshots.py
fi
names=("${@/#/test_page.PageTest.}")
exec python3 -m unittest -v "${names[@]:-test_page}"
