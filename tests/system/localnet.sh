#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice localnet as a program: its ready line, files, ends, refusals, two at once, and nodes of one in the other.
. "$(dirname "$0")/lib.sh"

echo "ready within a second, files written"
begun=$(now_ms)
localnet one --json --seed 7
await "$work/one.out" '"event":"ready"' 5
took=$(($(now_ms) - begun))
[ "$took" -lt 1000 ] || fail "ready after $took ms"
grep -q '"gateways":\[{"id":4,"identity":"[1-9A-Za-z]*","ws":"127.0.0.1:[0-9]*"}' "$work/one.out" || fail "the ready line: $(cat "$work/one.out")"
[ "$(wc -l <"$work/one.out")" = 1 ] || fail "more than the ready line"
for file in topology.json network.env status.html foreign.json; do
    [ -s "$work/one/$file" ] || fail "no $file"
done
api=$(sed -n 's/.*"api":"\([^"]*\)".*/\1/p' "$work/one.out")
root=${api%api}
(
    set -a
    . "$work/one/network.env"
    [ "$NYM_API" = "$api" ] && [ "$NYM_APIS" = "[{\"url\":\"$api/\",\"front_hosts\":null}]" ] && [ "$CONFIGURED" = true ]
) || fail "network.env"
grep -q "content=\"$root\"" "$work/one/status.html" || fail "the status page does not know its server"
curl -fsS --noproxy '*' --max-time 5 "$api/v1/epoch/key-rotation-info" >"$work/out" || fail "the directory does not answer"
shows '"current_key_rotation_id":4'
one=$pid

echo "a second one beside it, both serve"
localnet two --gateways 1
two=$pid
expect "0 4" 30 "$SLUICE" load --network "$work/one/topology.json" --clients 2 --rate 5/s --duration 1s --quiet
expect "0 4" 30 "$SLUICE" load --nym-api "$api" --clients 2 --rate 5/s --duration 1s --quiet
shows "ledger balanced"

echo "SIGTERM and SIGINT end it with 0 within 2 s, clients online or not"
background load "$SLUICE" load --network "$work/one/topology.json" --clients 3 --rate 5/s --duration 20s --quiet
load=$pid
sleep 0.5
begun=$(now_ms)
kill -TERM "$one"
ended "$one" 2
[ "$code" = 0 ] || fail "exit code $code after SIGTERM"
[ -s "$work/one.err" ] && fail "it complained: $(cat "$work/one.err")"
kill -INT "$two"
ended "$two" 2
[ "$code" = 0 ] || fail "exit code $code after SIGINT"
kill -INT "$load"
ended "$load" 5

echo "--duration ends it"
begun=$(now_ms)
expect 0 5 "$SLUICE" localnet --duration 300ms
took=$(($(now_ms) - begun))
[ "$took" -ge 300 ] && [ "$took" -lt 2000 ] || fail "300 ms took $took ms"

echo "epochs and keys go on by themselves, and so do the documents"
localnet rotating --epoch 1s --rotation-epochs 2
rotation() {
    curl -fsS --noproxy '*' --max-time 5 "$api/v1/epoch/key-rotation-info" >"$work/rotation.json" || fail "no key rotation info"
    number "$work/rotation.json" progress.current_key_rotation_id
}
[ "$(rotation)" = 4 ] || fail "the first rotation is $(rotation)"
tries=100
until [ "$(rotation)" -ge 6 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "still rotation $(rotation)"
    sleep 0.05
done
# Over before the keys it fetched are retired: then its clients would rightly fall silent.
expect "0 4" 30 "$SLUICE" load --nym-api "$api" --clients 2 --rate 5/s --warmup 0 --duration 1s --quiet
shows "ledger balanced"
kill -TERM "$pid"
ended "$pid" 2

echo "what cannot be is refused with code 2 and words"
localnet three --port 21400 --api-port 21390
expect 2 5 "$SLUICE" localnet --port 21400
says "127.0.0.1:21400: address in use"
expect 2 5 "$SLUICE" localnet --api-port 21390
says "127.0.0.1:21390"
says "in use"
expect 2 5 "$SLUICE" localnet --mixnodes 2
says "3 layers"
expect 2 5 "$SLUICE" localnet --gateways 0
says "gateway"
expect 2 5 "$SLUICE" localnet --port 64990 --mixnodes 900
says "65535"
expect 2 5 "$SLUICE" localnet --epoch 1500ms
says "whole seconds"
expect 2 5 "$SLUICE" localnet --rotation-epochs 0
says "--rotation-epochs 0"
expect 2 5 "$SLUICE" localnet --noise
says "--hops tcp"
expect 2 5 "$SLUICE" localnet --loss 1.5
says "--loss 1.5: want a share"
expect 2 5 "$SLUICE" localnet --hops pigeon
says "memory, tcp"
expect 2 5 "$SLUICE" localnet --nonsense
says "unknown option --nonsense"
expect 2 5 "$SLUICE" localnet somewhere
says "somewhere"
expect 2 5 "$SLUICE" localnet --dir "$work/one/topology.json"
says "$work/one/topology.json"
expect 2 5 "$SLUICE" localnet --dir "$work/no/such/place"
says "$work/no/such/place: No such file or directory"
expect 0 5 "$SLUICE" localnet --help
shows "--hops"

echo "no permission for its files or its port"
mkdir "$work/closed"
chmod 555 "$work/closed"
chmod 755 "$work"
as_nobody=
if [ "$(id -u)" = 0 ]; then
    as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
    $as_nobody test -x "$SLUICE" 2>/dev/null || as_nobody=none
fi
if [ "$as_nobody" != none ]; then
    expect 2 5 $as_nobody "$SLUICE" localnet --dir "$work/closed"
    says "$work/closed"
    says "Permission denied"
fi

echo "files of foreign nodes that are none"
expect 2 5 "$SLUICE" localnet --foreign "$work/nowhere.json"
says "nowhere.json: No such file or directory"
echo '[{"id": 9, "layer": 7}]' >"$work/bad.json"
expect 2 5 "$SLUICE" localnet --foreign "$work/bad.json"
says "bad.json: entry 1: layer"
echo 'not json' >"$work/bad.json"
expect 2 5 "$SLUICE" localnet --foreign "$work/bad.json"
says "bad.json: want a JSON array"
expect 2 5 "$SLUICE" localnet --foreign "$work/three/foreign.json"
says "are ours"

echo "two local mixnets whose nodes serve in both, over Noise"
for noise in "" "--hops tcp --noise"; do
    # Keys and ports of the second must be known to the first and the other way round: a seed repeats them.
    expect 0 5 "$SLUICE" localnet $noise --seed 1 --port 21100 --dir "$work/a" --duration 1ms
    expect 0 5 "$SLUICE" localnet $noise --seed 2 --port 21200 --first-id 101 --dir "$work/b" --duration 1ms
    localnet b2 $noise --seed 2 --port 21200 --first-id 101 --foreign "$work/a/foreign.json"
    b=$pid b_api=$api
    localnet a2 $noise --seed 1 --port 21100 --foreign "$work/b/foreign.json"
    a=$pid
    expect "0 4" 40 "$SLUICE" load --network "$work/a2/topology.json" --clients 4 --rate 10/s --duration 2s --quiet \
        --json "$work/report.json"
    [ "$(number "$work/report.json" messages.lost)" = 0 ] || fail "messages were lost"
    [ "$(number "$work/report.json" messages.in_flight)" = 0 ] || fail "messages are under way for good"
    [ "$(number "$work/report.json" messages.delivered)" -gt 20 ] || fail "hardly a message was delivered"
    curl -fsS --noproxy '*' --max-time 5 "${b_api%api}status.json" >"$work/status.json" || fail "no status"
    [ "$(number "$work/status.json" total.packets_received)" -gt 100 ] || fail "the second mixnet served nothing"
    [ "$(number "$work/status.json" total.no_next_hop)" = 0 ] || fail "the second mixnet did not know a node"
    kill -TERM "$a" "$b"
    ended "$a" 2
    ended "$b" 2
done
exit 0
