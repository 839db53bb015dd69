#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice echo as a program: it answers, counts, serves its numbers, ends in order; and a bad world.
. "$(dirname "$0")/lib.sh"

# count NAME FILE: a number of the summary line.
count() {
    sed -n "s/^summary .*\b$1=\([0-9]*\).*/\1/p" "$2"
}

localnet net
net_pid=$pid
topology=$work/net/topology.json

echo "an address in a file and on a line, as soon as it is ready"
background echo "$SLUICE" echo --network "$topology" --address-file "$work/address" --metrics 0 --status 500ms
echo_pid=$pid
await "$work/echo.out" '^ready 1 http' 10
address=$(sed -n 's/^address //p' "$work/echo.out")
[ "$(cat "$work/address")" = "$address" ] || fail "the file has another address"

echo "what can be answered is, byte for byte"
for size in 1 2000 60000; do
    head -c "$size" /dev/urandom >"$work/message"
    rm -rf "$work/back"
    expect 0 30 "$SLUICE" client send --network "$topology" --to "$address" --file "$work/message" --surbs 12 \
        --wait-reply --out "$work/back"
    cmp "$work/message" "$(ls "$work/back"/* | head -n 1)" || fail "$size bytes came back changed"
done

echo "without a tag, or without a byte, there is no answer: it counts, and lives"
expect 0 20 "$SLUICE" client send --network "$topology" --to "$address" --text plain
expect 0 20 "$SLUICE" client send --network "$topology" --to "$address" --text "" --surbs 5
url=$(sed -n 's/^ready 1 //p' "$work/echo.out")
tries=100
until curl -fsS --noproxy '*' --max-time 5 "$url" >"$work/out" && grep -q '^sluice_echo_unanswerable_total 1$' "$work/out"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "the numbers do not tell of it"
    sleep 0.05
done
shows 'sluice_clients_ready 1'
shows '# TYPE sluice_client_surbs_used_total counter'
shows 'sluice_thread_seconds_total{thread="echo-'
expect 22 5 curl -fsS --noproxy '*' "${url%metrics}nothing"

echo "round trips of a load in another process: every request is answered once, and the service's books say the same"
expect "0 4" 60 "$SLUICE" load --ping --network "$topology" --address-file "$work/address" --clients 4 --rate 5/s --warmup 0 \
    --duration 2s --drain 30s --quiet --json "$work/report.json"
asked=$(number "$work/report.json" messages.offered)
[ "$asked" -gt 10 ] || fail "only $asked requests"
[ "$(number "$work/report.json" messages.answered)" = "$asked" ] || fail "not every request was answered"
[ "$(number "$work/report.json" load.services_here)" = false ] || fail "the services are not here"
expect 2 5 "$SLUICE" load --ping --network "$topology" --to nonsense
says "--to: recipient: wants one '@'"
expect 2 5 "$SLUICE" load --ping --network "$topology" --address-file "$work/nowhere"
says "$work/nowhere: No such file or directory"

echo "SIGTERM ends it with 0 and books that balance"
kill -TERM "$echo_pid"
ended "$echo_pid" 8
[ "$code" = 0 ] || fail "exit code $code after SIGTERM: $(cat "$work/echo.err")"
grep -q 'balanced=true' "$work/echo.out" || fail "no balance"
[ "$(count received "$work/echo.out")" = $((asked + 5)) ] || fail "$(count received "$work/echo.out") received"
[ "$(count answered "$work/echo.out")" = $((asked + 3)) ] || fail "$(count answered "$work/echo.out") answered"
[ "$(count unanswerable "$work/echo.out")" = 1 ] || fail "unanswerable"
[ "$(count empty "$work/echo.out")" = 1 ] || fail "empty"
grep -q 'ready .* received .* answered' "$work/echo.err" || fail "no status line"

echo "several identities over the gateways, as JSON, ended by --duration"
expect 0 20 "$SLUICE" echo --network "$topology" --identities 3 --json --duration 500ms --status 0 --address-file "$work/three"
[ "$(sort -u "$work/three" | wc -l)" = 3 ] || fail "not three addresses"
[ "$(sed 's/.*@//' "$work/three" | sort -u | wc -l)" = 2 ] || fail "not two gateways"
shows '"event":"ready"'
shows '"event":"summary"'

echo "a home keeps the service: the same addresses again, closed to others"
background homely "$SLUICE" echo --network "$topology" --home "$work/home" --identities 2 --address-file "$work/first"
await "$work/homely.out" '^ready 2' 10
expect 2 10 "$SLUICE" echo --network "$topology" --home "$work/home"
says "$work/home"
address=$(head -n 1 "$work/first")
expect 0 20 "$SLUICE" client send --network "$topology" --to "$address" --text hello --surbs 12 --wait-reply
shows hello
kill -TERM "$pid"
ended "$pid" 10
[ "$code" = 0 ] || fail "exit code $code with a home: $(cat "$work/homely.err")"
expect 0 20 "$SLUICE" echo --network "$topology" --home "$work/home" --identities 2 --address-file "$work/again" --duration 300ms
cmp "$work/first" "$work/again" || fail "other addresses"
[ -z "$(find "$work/home" -type f -perm /077)" ] || fail "others may read the home"

echo "what cannot be is refused with code 2 and words"
expect 2 5 env -u NYM_API "$SLUICE" echo
says "--nym-api"
expect 2 5 "$SLUICE" echo --network "$work/nowhere.json"
says "nowhere.json: cannot be opened: No such file or directory"
expect 2 5 "$SLUICE" echo --network "$topology" --gateway nonsense
says "--gateway nonsense: not an identity key"
expect 2 5 "$SLUICE" echo --network "$topology" --gateway "$(sed 's/\..*//' "$work/address")"
says "not in this network"
expect 2 10 "$SLUICE" echo --network "$topology" --address-file "$work/no/such/file"
says "$work/no/such/file"
expect 2 5 "$SLUICE" echo --network "$topology" --identities 0
says "--identities 0: want"
expect 2 5 "$SLUICE" echo --network "$topology" --metrics 70000
says "--metrics 70000: want"
expect 2 5 "$SLUICE" echo --network "$topology" --ca-file "$work/x"
says "--tls"
expect 2 5 "$SLUICE" echo --network "$topology" --set traffic.average_packet_delay=soon
says "--set: traffic.average_packet_delay"
expect 2 5 "$SLUICE" echo --network "$topology" --preset fast --pacing none
says "--preset says how packets leave"
expect 2 5 "$SLUICE" echo --network "$topology" --nonsense
says "unknown option --nonsense"
expect 2 5 "$SLUICE" echo --network "$topology" somewhere
says "somewhere"
background holder "$SLUICE" echo --network "$topology" --metrics 21499
await "$work/holder.out" '^ready' 10
expect 2 10 "$SLUICE" echo --network "$topology" --metrics 21499
says "127.0.0.1:21499"
says "in use"
kill -TERM "$pid"
ended "$pid" 8

echo "the mixnet dies under it: it lives on, and says so; a new one finds nobody"
background lone "$SLUICE" echo --network "$topology" --status 200ms
await "$work/lone.out" '^ready' 10
kill -KILL "$net_pid"
await "$work/lone.err" ' 0/1 ready' 10
kill -INT "$pid"
ended "$pid" 8
[ "$code" = 0 ] || fail "exit code $code after SIGINT"
expect 3 15 "$SLUICE" echo --network "$topology" --connect 1s
says "0 of 1 identities ready after 1.000 s"
expect 3 15 "$SLUICE" echo --nym-api "$api" --connect 1s
says "$api"
exit 0
