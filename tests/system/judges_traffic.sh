#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The published clients judge Sluice under traffic (judges_traffic.mjs), as judges.sh does one message at a time.
#
# usage: SLUICE=path/of/sluice judges_traffic.sh [e] [f] [g] [h] [i]
JUDGES=judges_traffic.mjs exec sh "$(dirname "$0")/judges.sh" "$@"
