#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No package registry's address, no path of the machine it was written on, no mark of unfinished work.
set -eu
cd "$(dirname "$0")/../.."

failed=0
found() {
  [ -z "$2" ] && return
  echo "$1"
  echo "$2"
  failed=1
}
found "addresses of package registries:" \
  "$(git grep -nIE '(https?|sparse)[:+/]+[a-z0-9./+-]*(crates|npmjs|pypi|pythonhosted|golang|maven|debian)[.]' -- . || true)"
found "paths of one machine:" \
  "$(git grep -nIE '(^|[^A-Za-z0-9_.])/(work|farm|root)/[a-z]' -- . ':!tests/check/names.sh' || true)"
found "marks of unfinished work:" \
  "$(git grep -nIwE 'TO[D]O|FIX[M]E|XX[X]|HAC[K]' -- '*.c' '*.h' '*.sh' '*.js' '*.rs' '*.txt' || true)"
exit $failed
