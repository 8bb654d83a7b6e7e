#!/usr/bin/env bash
# Fetches one file from PyPI into build/, unless it is there: fetch_from_pypi.sh PACKAGE==VERSION SHA256 FILE
#
# pip checks the hash before it looks into what it fetched. Debian's Python comes without pip: a venv has one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
requirement=$1 sha256=$2 file=$3
[ ! -e "build/$file" ] || exit 0
[ -x build/pip/bin/pip ] || /usr/bin/python3 -m venv build/pip
kind=(--only-binary :all:)
[[ $file = *.whl ]] || kind=(--no-binary :all: --no-build-isolation)
build/pip/bin/pip download -q --no-deps "${kind[@]}" --require-hashes -d build -r <(echo "$requirement --hash=sha256:$sha256")
