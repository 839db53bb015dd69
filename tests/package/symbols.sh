#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What libsluice exports is what its headers declare, one by one, in both directions; each has a comment in its header
# and an entry in a manual page. SLUICE_BUILD: the build directory.
set -eu
: "${SLUICE_BUILD:?the build directory}"
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
same() {
    diff -u "$work/$1" "$work/$2" && return
    echo "$3"
    failed=1
}

# A prototype begins with SLC_API; the name stands before the first parenthesis after it.
cat include/sluice/*.h | tr '\n' ' ' | sed 's/#define SLC_API[^"]*"default")))//' | grep -o 'SLC_API [^;]*;' |
    sed 's/SLC_MUST_CHECK//; s/^SLC_API *//; s/ *(.*//; s/.*[ *]//' | sort >"$work/headers"
[ "$(wc -l <"$work/headers")" -ge 20 ] || { echo "the headers declare too little to be true"; exit 1; }
nm -D --defined-only "$SLUICE_BUILD/libsluice.so" | sed -n 's/.* [TDBRVW] \([^@]*\).*/\1/p' | sort >"$work/shared"
nm -g --defined-only "$SLUICE_BUILD/libsluice.a" | sed -n 's/.* [TDBRVWC] //p' | sort >"$work/static"
sed -n 's/^ *\(slc_[a-z_]*\);/\1/p' cmake/sluice.map | sort >"$work/map"
same headers map "cmake/sluice.map does not list what include/sluice/ declares"
same headers shared "libsluice.so does not export what include/sluice/ declares"
same headers static "libsluice.a does not define what include/sluice/ declares"

# Documented: a comment ends right before it, and a manual page names it.
for name in $(cat "$work/headers"); do
    grep -B 3 -E "^SLC_API.*[ *]$name\(" include/sluice/*.h | grep -q '\*/' || { echo "$name: no comment in its header"; failed=1; }
    grep -qE "^\.Fn $name( |$)" docs/man/*.3 || { echo "$name: no manual page shows its prototype (.Fn)"; failed=1; }
    ls "docs/man/$name.3" >/dev/null 2>&1 || grep -qE "^\.Nm $name( ,)?$" docs/man/*.3 || { echo "$name: no manual page is named for it"; failed=1; }
done
sed -n 's/^\.Fn \(slc_[a-z_]*\).*/\1/p' docs/man/*.3 | sort -u >"$work/manual"
same headers manual "docs/man shows other functions than there are"
exit $failed
