#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the published crates for `sluice bench` in a cache outside the tree, and prints the library's path, where
# `sluice bench` looks for it. --packets-only leaves nym-sphinx and its some three hundred crates out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/bench-sphinx-0.8.0-nym-1.22.2
features=messages
[ "${1:-}" = --packets-only ] && features=

# The manifest is copied, so that the lock file stays out of the tree; its pins are exact where it matters.
mkdir -p "$cache"
rm -rf "$cache/src"
cp -R "$here/Cargo.toml" "$here/src" "$cache/"
RUSTFLAGS="${RUSTFLAGS:-} -C target-cpu=native" \
    cargo build --release --quiet --manifest-path "$cache/Cargo.toml" --target-dir "$cache/target" --features "$features"
cp "$cache/target/release/libbench_peers.so" "$cache/libbench_peers.so.new"
mv "$cache/libbench_peers.so.new" "$cache/libbench_peers.so"
echo "$cache/libbench_peers.so"
