# Sourced by the examples. stage NAME COMMAND...: runs it; the seconds of the call that did the work stay in $run/seconds-NAME
# and end up in summary.json. With $until set, the script ends after the stage of that name.
stage() {
  local name=$1 begin=${EPOCHREALTIME/[!0-9]/}  # microseconds; the locale says what stands before the last six digits
  shift
  echo "== $name" >&2
  "$@"
  if [ ! -e "$run/seconds-$name" ]; then
    python3 -c "import sys; print(f'{(int(sys.argv[2]) - int(sys.argv[1])) / 1e6:.1f}')" "$begin" "${EPOCHREALTIME/[!0-9]/}" >"$run/.seconds"
    mv "$run/.seconds" "$run/seconds-$name"
  fi
  [ "${until:-}" != "$name" ] || exit 0
}
# The same, unless a call has done it.
once() {
  if [ ! -e "$run/seconds-$1" ]; then
    stage "$@"
  elif [ "${until:-}" = "$1" ]; then
    exit 0
  fi
}
