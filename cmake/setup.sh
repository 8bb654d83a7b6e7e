#!/usr/bin/env bash
# Installs what is missing and builds one preset: cmake/setup.sh [PRESET], release by default.
#
# System packages come from apt (as root or through sudo). LibTorch comes from PyPI into build/libtorch, the CPU-only
# parts of the wheel unless the preset is cuda. To use your own LibTorch set RLHF_LIBTORCH to its folder (the one with
# include/ and lib/). A second call finds everything in place and builds what changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:-release}

packages=(ca-certificates ccache catch2 cmake g++ libcli11-dev libcpp-httplib-dev libfmt-dev libgloo-dev libgrpc++-dev
  libjs-chart.js libpcre2-dev libprotobuf-dev libspdlog-dev libsqlite3-dev libsqlitecpp-dev libssl-dev libutf8proc-dev
  mold ninja-build nlohmann-json3-dev pkg-config protobuf-compiler protobuf-compiler-grpc python3 python3-venv zlib1g-dev)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing: ${missing[*]}" >&2
  sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi

configure=()
case $preset in
asan-io | tsan) ;;
*)
  if [ -z "${RLHF_LIBTORCH:-}" ]; then
    venv=build/libtorch
    if [ ! -e $venv/complete-$preset ] && { [ "$preset" = cuda ] || [ -z "$(ls $venv/complete-* 2>/dev/null)" ]; }; then
      echo "Fetching LibTorch 2.11.0 from PyPI" >&2
      /usr/bin/python3 -m venv $venv
      if [ "$preset" = cuda ]; then
        $venv/bin/pip install -q torch==2.11.0
      else
        $venv/bin/pip install -q --no-deps torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
      fi
      touch "$venv/complete-$preset"
    fi
    RLHF_LIBTORCH=$(echo "$PWD"/$venv/lib/python3*/site-packages/torch)
  fi
  configure=(-DRLHF_LIBTORCH="$RLHF_LIBTORCH")
  [ "$preset" != cuda ] || configure+=(-DTorch_DIR="$RLHF_LIBTORCH/share/cmake/Torch" -DTORCH_CUDA_ARCH_LIST="${TORCH_CUDA_ARCH_LIST:-8.0;9.0}")
  ;;
esac

[ -e build/"$preset"/build.ninja ] || cmake --preset "$preset" "${configure[@]}"
cmake --build --preset "$preset"
