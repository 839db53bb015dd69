#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The published clients judge Sluice (judges.mjs). Takes the peers that tests/peers/build.sh left in the cache, or those named in the
# environment. Without them the test is skipped (exit 77); with CI=true that is a failure.
#
# usage: SLUICE=path/of/sluice judges.sh [a] [b] [c] [d]; another program of judges in $JUDGES
set -eu

here=$(cd "$(dirname "$0")" && pwd)
: "${SLUICE:?the path of the sluice program}"

if [ -z "${SLUICE_SDK_PEER:-}" ] || [ -z "${SLUICE_NPM_MODULES:-}" ]; then
    if ! command -v node >/dev/null || ! found=$(sh "$here/../peers/build.sh" --check sdk npm); then
        [ "${CI:-}" = true ] && echo "judges: FAILED: a peer is missing, and this is CI" && exit 1
        echo "judges: skipped: a peer is missing"
        exit 77
    fi
    eval "$found"
fi
export SLUICE SLUICE_SDK_PEER SLUICE_NPM_MODULES
exec node "$here/${JUDGES:-judges.mjs}" "$@"
