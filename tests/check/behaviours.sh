#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/behaviours.md says where each behaviour of a client stands and which test holds it: both must be there.
# A place is `file: name` (the name occurs in the file) or `file`; several are parted by commas.
set -eu
cd "$(dirname "$0")/../.."

# Rows are | section | what | where | test |; the places are what stands between backquotes in the last two columns.
awk -F'|' '/^\| *[0-9]/ {
  if (NF != 6) { print "docs/behaviours.md:" NR ": a row has four columns: " $0; next }
  for (column = 4; column <= 5; column++) {
    rest = $column
    n = 0
    while (match(rest, /`[^`]*`/)) {
      print "docs/behaviours.md:" NR "|" substr(rest, RSTART + 1, RLENGTH - 2)
      rest = substr(rest, RSTART + RLENGTH)
      n++
    }
    if (n == 0 && $column !~ /not needed/) print "docs/behaviours.md:" NR ": no place in column " column - 1 ": " $0
  }
}' docs/behaviours.md | {
  failed=0
  while IFS='|' read -r at place; do
    file=${place%%:*}
    name=${place#*: }
    if [ -z "$place" ]; then
      echo "$at"
      failed=1
    elif [ ! -e "$file" ]; then
      echo "$at: no such file: $file"
      failed=1
    elif [ "$name" != "$place" ] && ! grep -qwF -- "$name" "$file"; then
      echo "$at: $file has no $name"
      failed=1
    fi
  done
  exit $failed
}
