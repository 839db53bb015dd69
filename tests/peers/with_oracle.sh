#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test program with SLUICE_ORACLE naming the oracle that build.sh left in the cache; without one the program
# skips itself, or fails when CI=true.
#
# usage: with_oracle.sh SLUICE PROGRAM; SLUICE_CPU names a back end, and where the CPU lacks it there is nothing to run.
set -eu

sluice=$1
shift
if ! "$sluice" --version >/dev/null; then
    echo "SKIPPED: this CPU has no ${SLUICE_CPU:-}"
    exit 77
fi
if [ -z "${SLUICE_ORACLE:-}" ] && found=$(sh "$(dirname "$0")/build.sh" --check oracle); then
    eval "export $found"
fi
exec "$@"
