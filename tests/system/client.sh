#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice client as a program: messages and replies of several sizes, and a bad world.
. "$(dirname "$0")/lib.sh"

localnet net
topology=$work/net/topology.json
net_pid=$pid

# listener NAME OPTIONS...: a client that listens; $address, $pid.
listener() {
    name=$1
    shift
    background "$name" "$SLUICE" client listen --network "$topology" --json "$@"
    await "$work/$name.out" '"ready"' 10
    address=$(sed -n 's/.*"event":"ready","address":"\([^"]*\)".*/\1/p' "$work/$name.out")
}

listener bob --echo --out "$work/bob.d"
bob=$pid
echo "an empty message, which no reply can be"
: >"$work/message"
expect 0 20 "$SLUICE" client send --network "$topology" --to "$address" --file "$work/message"
await "$work/bob.out" '"bytes":0,' 5
for size in 1 100 2000 100000; do
    echo "$size bytes there and back"
    head -c "$size" /dev/urandom >"$work/message"
    rm -rf "$work/bob.d"/* "$work/back"
    expect 0 30 "$SLUICE" client send --network "$topology" --to "$address" --file "$work/message" --surbs 10 \
        --wait-reply --out "$work/back"
    cmp "$work/message" "$(ls "$work/bob.d"/* | head -n 1)" || fail "it arrived changed"
    cmp "$work/message" "$(ls "$work/back"/* | head -n 1)" || fail "it came back changed"
done

echo "SIGINT ends a listener within 2 s"
kill -INT "$bob"
ended "$bob" 2
[ "$code" = 130 ] || [ "$code" = 0 ] || fail "exit code $code after SIGINT"

echo "what cannot be is refused with code 2 and words"
expect 2 5 "$SLUICE" client send --network "$topology" --text hello
says "--to"
expect 2 5 "$SLUICE" client send --network "$topology" --to nonsense --text hello
says "recipient"
expect 2 5 "$SLUICE" client send --network "$topology" --to "$address" --file "$work/nowhere"
says "nowhere"
says "No such file or directory"
expect 2 5 "$SLUICE" client send --network "$topology" --to "$address" --nonsense
says "--nonsense"
expect 2 5 "$SLUICE" client listen --network "$topology" --gateway nonsense
tells "nonsense"
expect 2 5 "$SLUICE" client listen --network "$topology" --home "$topology/keys"
tells "$topology/keys"

echo "keys that are kept are the same client again"
listener carol --home "$work/carol"
first=$address
kill -TERM "$pid"
ended "$pid" 3
listener carol2 --home "$work/carol"
[ "$address" = "$first" ] || fail "another address: $address, not $first"
[ -z "$(find "$work/carol" -perm /077)" ] || fail "others may read the keys"
expect 2 5 "$SLUICE" client listen --network "$topology" --home "$work/carol"
tells "in use by process"
kill -TERM "$pid"
ended "$pid" 3

if "$SLUICE_HELPERS/without_uring" true; then
    echo "io_uring denied"
    listener dave --echo
    expect 0 20 "$SLUICE_HELPERS/without_uring" "$SLUICE" client send --network "$topology" --to "$address" --text hello \
        --surbs 5 --wait-reply
    shows hello
fi

echo "the mixnet dies: send says so, in time"
listener erin
kill -KILL "$net_pid"
expect 3 15 "$SLUICE" client send --network "$topology" --to "$address" --text hello --timeout 3s
says "sluice client: not connected within 3.000 s: gateway 127.0.0.1:"
says "--gateway ID takes another"
exit 0
