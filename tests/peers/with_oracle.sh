#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test program with SLUICE_ORACLE naming the oracle that build.sh left in the cache; without one the program
# skips itself, or fails when CI=true.
set -eu

if [ -z "${SLUICE_ORACLE:-}" ] && found=$(sh "$(dirname "$0")/build.sh" --check oracle); then
    eval "export $found"
fi
exec "$@"
