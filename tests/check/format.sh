#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every C file as .clang-format lays it out, with an SPDX line first.
set -eu
cd "$(dirname "$0")/../.."

files=$(git ls-files '*.c' '*.h')
[ -n "$files" ] || { echo "no files"; exit 1; }
failed=0
for file in $files $(git ls-files '*.sh' '*.js' '*.rs' '*.py'); do
  head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$file: no SPDX line"; failed=1; }
done
if ! command -v clang-format >/dev/null; then
  [ "${CI:-}" = true ] && { echo "clang-format is missing"; exit 1; }
  echo "SKIPPED: clang-format is missing (apt-get install clang-format)"
  exit 77
fi
# shellcheck disable=SC2086
clang-format --dry-run -Werror $files || failed=1
exit $failed
