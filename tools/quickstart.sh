#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian 12 machine to a load-test report: installs packages, builds build/release/sluice, starts the
# embedded local mixnet, runs a load against it, prints the report, leaves report.html and report.json here.
set -eu
cd "$(dirname "$0")/.."

sh tools/packages.sh build
cmake --preset release -DSLUICE_TESTS=OFF >/dev/null
cmake --build --preset release --target sluice
exec build/release/sluice load --local --clients 25 --rate 40/s --size 1000 --duration 20s \
  --html report.html --json report.json
