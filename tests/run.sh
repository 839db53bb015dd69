#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs all tests: `sh tests/run.sh`. With --quick only the debug build and its tests (under two minutes on a
# built tree). Under CI=true a missing peer or tool is a failure; otherwise it is skipped, loudly.
set -eu
cd "$(dirname "$0")/.."

quick=no
for argument in "$@"; do
  case $argument in
    --quick) quick=yes ;;
    *) echo "usage: sh tests/run.sh [--quick]" >&2; exit 2 ;;
  esac
done

sh tools/packages.sh test
log=build/log
mkdir -p $log

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }

# A build, quiet unless it fails.
make_preset() {
  say "building $1"
  { cmake --preset "$1" && cmake --build --preset "$1"; } >$log/build-$1.txt 2>&1 || { cat $log/build-$1.txt; exit 1; }
}

# A preset's tests, quiet unless one fails.
test_preset() {
  preset=$1
  shift
  say "testing $preset"
  ctest --test-dir "build/$preset" -j2 --output-on-failure "$@" >$log/test-$preset.txt 2>&1 || { cat $log/test-$preset.txt; exit 1; }
  tail -n 3 $log/test-$preset.txt | grep 'tests passed' || true
}

if [ $quick = yes ]; then
  make_preset dev
  say "testing dev"
  exec ctest --test-dir build/dev -j2 --output-on-failure -LE 'slow|long'
fi

# The published peers take longest, so they are built first, beside nothing else.
say "building the published peers (cached; the first time takes about ten minutes)"
sh tests/peers/build.sh >$log/build-peers.txt 2>&1 || {
  cat $log/build-peers.txt
  [ "${CI:-}" = true ] && exit 1
  echo "SKIPPED: the published peers could not be built; their judges will not run"
}

make_preset clang
test_preset clang -LE 'slow|long|check'
make_preset minimal
test_preset minimal -LE 'slow|long|check'
make_preset asan
test_preset asan -LE 'slow|check'
make_preset tsan
test_preset tsan -L threads
make_preset fuzz
test_preset fuzz -R '^fuzz\.'
make_preset release
make_preset dev
say "testing dev: every test, the judges included"
exec ctest --test-dir build/dev -j2 --output-on-failure
