#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first of the README's two commands has only the packages of `packages.sh build`: its build is configured here by a
# pkg-config that knows no others.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/pkg-config" <<'WRAPPER'
#!/bin/sh
case "$*" in *cmocka*) exit 1 ;; esac
exec /usr/bin/pkg-config "$@"
WRAPPER
chmod +x "$work/pkg-config"

configure=$(sed -n 's/^cmake --preset release\(.*\) >\/dev\/null$/\1/p' tools/quickstart.sh)
[ -n "$configure" ] || { echo "tools/quickstart.sh: how it configures was not found"; exit 1; }
# shellcheck disable=SC2086 # options
PKG_CONFIG="$work/pkg-config" cmake --preset release -B "$work/build" $configure >"$work/out" 2>&1 ||
  { cat "$work/out"; exit 1; }
if PKG_CONFIG="$work/pkg-config" cmake --preset release -B "$work/tests" >"$work/out" 2>&1; then
  echo "the tests were configured without cmocka: this check sees nothing"
  exit 1
fi
grep -q 'packages.sh test' "$work/out" || { cat "$work/out"; exit 1; }
