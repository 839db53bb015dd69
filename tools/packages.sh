#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what Debian 12 has and Sluice needs: `sh tools/packages.sh build` or `sh tools/packages.sh test`.
set -eu

build="gcc cmake ninja-build pkg-config git ca-certificates libsodium-dev libssl-dev liburing-dev libck-dev libcjson-dev
  libcurl4-openssl-dev libsqlite3-dev libmicrohttpd-dev libjs-chart.js"
test="g++ man-db clang clang-format libclang-rt-14-dev llvm libcmocka-dev valgrind curl chromium poppler-utils"

wanted=$build
[ "${1:-build}" = test ] && wanted="$build $test"

missing=
for package in $wanted; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ]; then
  echo "Sluice needs these packages; as root run: apt-get install$missing" >&2
  exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word per package
apt-get install -y -qq --no-install-recommends $missing >/dev/null
