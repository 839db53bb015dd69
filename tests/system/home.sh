#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a client keeps, and that without --home it keeps nothing: no file is made, written, renamed or removed.
. "$(dirname "$0")/lib.sh"

"$SLUICE_HELPERS/without_files" true
[ $? = 77 ] && { echo "SKIPPED: no system call filters here"; exit 77; }

echo "who writes is found out"
expect "137 159" 5 "$SLUICE_HELPERS/without_files" sh -c "echo >$work/written"
[ -e "$work/written" ] && fail "it could write"

localnet net
topology=$work/net/topology.json

echo "without --home no file is touched: under load, listening, sending"
expect "0 4" 60 "$SLUICE_HELPERS/without_files" "$SLUICE" load --local --clients 4 --rate 5/s --surbs 5 --duration 2s \
    --quiet --json -
background bob "$SLUICE_HELPERS/without_files" "$SLUICE" client listen --network "$topology" --json --echo
await "$work/bob.out" '"ready"' 10
address=$(sed -n 's/.*"event":"ready","address":"\([^"]*\)".*/\1/p' "$work/bob.out")
expect 0 30 "$SLUICE_HELPERS/without_files" "$SLUICE" client send --network "$topology" --to "$address" --text hello \
    --surbs 10 --wait-reply
shows hello

echo "a home that cannot be used is told, left as it is, and nothing is made in its place"
mkdir -m 700 "$work/damaged"
echo nonsense >"$work/damaged/sluice.sqlite"
chmod 600 "$work/damaged/sluice.sqlite"
expect 2 5 "$SLUICE" client send --network "$topology" --to "$address" --text hello --home "$work/damaged"
says "$work/damaged/sluice.sqlite"
says "damaged"
[ "$(cat "$work/damaged/sluice.sqlite")" = nonsense ] || fail "the damaged file was changed"
mkdir -m 777 "$work/open"
chmod 777 "$work/open"
expect 2 5 "$SLUICE" client send --network "$topology" --to "$address" --text hello --home "$work/open"
says "chmod 700"

echo "a client that was killed is the same client again"
background carol "$SLUICE" client listen --network "$topology" --json --home "$work/carol"
await "$work/carol.out" '"ready"' 10
address=$(sed -n 's/.*"event":"ready","address":"\([^"]*\)".*/\1/p' "$work/carol.out")
kill -KILL "$pid"
ended "$pid" 3
expect 0 30 "$SLUICE" client send --network "$topology" --to "$address" --text "while you were away"
background carol2 "$SLUICE" client listen --network "$topology" --json --home "$work/carol"
await "$work/carol2.out" '"received"' 20
grep -qF "$address" "$work/carol2.out" || fail "another address"
kill -TERM "$pid"
ended "$pid" 3

echo "a service keeps its addresses, and load its clients"
for life in 1 2; do
    expect 0 20 "$SLUICE" echo --network "$topology" --identities 3 --home "$work/service" --duration 1s --status 0 \
        --address-file "$work/addresses$life"
    expect "0 4" 60 "$SLUICE" load --network "$topology" --clients 5 --rate 2/s --surbs 5 --duration 1s --quiet \
        --home "$work/load"
done
[ "$(wc -l <"$work/addresses1")" = 3 ] || fail "not three addresses"
cmp "$work/addresses1" "$work/addresses2" || fail "other addresses"
exit 0
