#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the published clients as programs, in ${XDG_CACHE_HOME:-~/.cache}/sluice, and prints where they are as lines for the shell:
#
#   SLUICE_SDK_PEER=...       the Rust SDK (rust/)
#   SLUICE_NPM_MODULES=...    node_modules of the npm client (js/)
#   SLUICE_ORACLE=...         the packet and message crates (oracle/)
#
# usage: build.sh [--check] [sdk] [npm] [oracle]      all three without names
#
# --check builds nothing: prints what is there and up to date, fails when something is missing. The first build takes about ten minutes of
# two cores; after that a changed program of ours takes ten seconds, and nothing changed takes none.
set -eu

peers=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice
check=false
wanted=
for word; do
    case $word in
    --check) check=true ;;
    sdk | npm | oracle) wanted="$wanted $word" ;;
    *) echo "usage: build.sh [--check] [sdk] [npm] [oracle]" >&2 && exit 2 ;;
    esac
done

say() { echo "peers: $*" >&2; }

need() {
    command -v "$1" >/dev/null || { say "$1 is missing: $2" && return 1; }
}

# What a build depends on: our sources and the versions in their manifest.
fingerprint() {
    (cd "$1" && find . -type f ! -name Cargo.lock ! -path './target/*' ! -path './node_modules/*' -exec cksum {} + | sort -k3)
}

fresh() {
    [ -e "$2" ] && [ -f "$2.from" ] && [ "$(fingerprint "$1")" = "$(cat "$2.from")" ]
}

# cargo_peer FOLDER KEY CRATE VERSION: builds peers/FOLDER in cache/KEY with the lock file that CRATE was published with. Without that lock
# cargo takes newer releases of its siblings, which do not fit (docs/protocol/7-peers.md, section 1.1).
cargo_peer() {
    from=$peers/$1 at=$cache/$2 crate=$3 version=$4
    need cargo "install Rust 1.87 or newer" || return 1
    mkdir -p "$at/crate" && cp -R "$from/Cargo.toml" "$from/src" "$at/crate/" || return 1
    if [ ! -f "$at/crate/Cargo.lock" ]; then
        cargo info -q "$crate@$version" >/dev/null || return 1
        for lock in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$crate-$version"/Cargo.lock; do
            cp "$lock" "$at/crate/Cargo.lock" || return 1
        done
    fi
    say "building $1 ($crate $version) in $at"
    (cd "$at/crate" && CARGO_TARGET_DIR=$at nice cargo build -q -j2)
}

build_sdk() {
    cargo_peer rust sdk-1.21.6 nym-sdk 1.21.6 && cp -f "$cache/sdk-1.21.6/debug/sdk-peer" "$1"
}

build_oracle() {
    cargo_peer oracle oracle-1.22.2 nym-sphinx 1.22.2 && cp -f "$cache/oracle-1.22.2/debug/oracle" "$1"
}

# No lock: the three packages are pinned exactly and have no dependencies of their own.
build_npm() {
    need node "install Node 20 or newer" && need npm "install npm" || return 1
    at=$(dirname "$1")
    mkdir -p "$at" && cp "$peers/js/package.json" "$at/" || return 1
    say "installing the npm client in $at"
    (cd "$at" && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts >&2)
}

# peer NAME FOLDER RESULT VARIABLE. Called where `set -e` does not hold: every step says itself when it failed.
peer() {
    if ! fresh "$peers/$2" "$3"; then
        if $check; then
            say "$1 is not built: run tests/peers/build.sh"
            return 1
        fi
        "build_$1" "$3" || return 1
        fingerprint "$peers/$2" >"$3.from"
    fi
    echo "$4=$3"
}

mkdir -p "$cache"
# One builder at a time, whoever asks.
exec 9>"$cache/lock"
flock 9

failed=0
for name in ${wanted:-sdk npm oracle}; do
    case $name in
    sdk) peer sdk rust "$cache/sdk-1.21.6/peer" SLUICE_SDK_PEER ;;
    npm) peer npm js "$cache/npm-1.4.1/node_modules" SLUICE_NPM_MODULES ;;
    oracle) peer oracle oracle "$cache/oracle-1.22.2/peer" SLUICE_ORACLE ;;
    esac || failed=1
done
exit $failed
