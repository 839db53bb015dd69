#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# memory.sh LEVEL PROGRAM: the secret paths under valgrind. 77 without valgrind, unless CI=true.
set -eu
level=$1
program=${2:-}

skip() {
  [ "${CI:-}" = true ] && { echo "$1"; exit 1; }
  echo "SKIPPED: $1 (apt-get install valgrind)"
  exit 77
}
command -v valgrind >/dev/null || skip "valgrind is missing"
[ -n "$program" ] || skip "valgrind/memcheck.h was missing when this was built"
exec valgrind --quiet --tool=memcheck --leak-check=no --track-origins=no --num-callers=8 "$program" "$level"
