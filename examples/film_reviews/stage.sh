# Sourced by the examples. stage NAME COMMAND...: runs it; the seconds of the call that did the work stay in $run/seconds-NAME
# and end up in summary.json. With $until set, the script ends after the stage of that name.
stage() {
  local name=$1 begin=$EPOCHREALTIME
  shift
  echo "== $name" >&2
  "$@"
  [ -e "$run/seconds-$name" ] ||
    python3 -c "import sys; print(f'{float(sys.argv[2]) - float(sys.argv[1]):.1f}')" "$begin" "$EPOCHREALTIME" >"$run/seconds-$name"
  [ "${until:-}" != "$name" ] || exit 0
}
