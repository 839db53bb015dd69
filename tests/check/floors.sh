#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A floor uses only what lies below it: the includes say so (README, "How it is built").
set -eu
cd "$(dirname "$0")/../.."

failed=0
# floor: the folders it may include from
check() {
  floor=$1
  allowed=$2
  wrong=$(grep -rnE '^#include "' --include='*.c' --include='*.h' "$floor" |
    grep -vE "#include \"($allowed)/" || true)
  if [ -n "$wrong" ]; then
    echo "$floor/ may include from: $(echo "$allowed" | tr '|' ' ')"
    echo "$wrong"
    failed=1
  fi
}
check include 'sluice'
check crypto 'sluice|crypto'
check net 'sluice|crypto|net'
check engine 'sluice|crypto|net|engine'
check tools 'sluice|crypto|net|engine|tools'

# Examples are programs of users: the public headers, and no way around them.
wrong=$(grep -nE '^#include "' examples/*.c || true)
public=$(ls include/sluice)
for header in $(sed -n 's|^#include <sluice/\(.*\)>.*|\1|p' examples/*.c | sort -u); do
  echo "$public" | grep -qx "$header" || wrong="$wrong <sluice/$header>"
done
if [ -n "$wrong" ]; then
  echo "examples include only <sluice/...> of ours:"
  echo "$wrong"
  failed=1
fi

# The engine makes no system calls outside its runtime; the net floor has no threads; crypto has neither.
calls=$(grep -rnE '#include <(unistd|sys/socket|sys/epoll|pthread|semaphore|time|liburing|sys/syscall)\.h>' \
  --include='*.c' --include='*.h' crypto engine/message engine/traffic engine/client engine/node |
  grep -v '^crypto/.*pthread\.h' || true)
threads=$(grep -rnE 'pthread_create|thrd_create' --include='*.c' crypto net engine/message engine/traffic engine/client engine/node || true)
if [ -n "$calls$threads" ]; then
  echo "system calls or threads on a floor that has none:"
  echo "$calls$threads"
  failed=1
fi
exit $failed
