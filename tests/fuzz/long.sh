#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every parser from seeds that change: `sh tests/fuzz/long.sh [SECONDS_EACH [TARGET...]]`, 60 s each by default.
# What it finds is left in build/fuzz/found/ and belongs, once mended, into tests/fuzz/corpus/.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -gt 0 ] && shift

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz >/dev/null
found=build/fuzz/found
mkdir -p $found

[ $# -gt 0 ] || set -- $(ls tests/fuzz/corpus)
bad=0
for name in "$@"; do
  work=build/fuzz/long-$name
  mkdir -p "$work"
  # What was new is kept in the work folder, so a later run goes on from there.
  if nice "build/fuzz/tests/fuzz_$name" -max_total_time="$seconds" -max_len=70000 -verbosity=0 \
    -artifact_prefix="$found/$name-" "$work" "tests/fuzz/corpus/$name" >"$work.txt" 2>&1; then
    echo "$name: nothing found in $seconds s, $(ls "$work" | wc -l) inputs of interest"
  else
    bad=1
    tail -n 40 "$work.txt"
    echo "$name: FOUND something: see $found/ and $work.txt"
  fi
done
exit $bad
