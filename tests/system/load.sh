#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sluice load in a bad world: each ends in its exit code and clear words, and loses nothing already measured.
. "$(dirname "$0")/lib.sh"

report=$work/report.json
light="--clients 2 --rate 10/s --duration 1s --quiet"

# balanced: the report's ledger adds up, to the message.
balanced() {
    for part in offered sent delivered acked lost corrupted duplicated in_flight; do
        value=$(number "$report" messages.$part) || exit 1
        eval "$part=\$value"
    done
    [ "$sent" = $((delivered + lost + in_flight)) ] || fail "sent $sent is not delivered $delivered, lost $lost, in flight $in_flight"
    [ "$offered" -ge "$sent" ] || fail "sent $sent of $offered offered"
    [ "$corrupted" = 0 ] || fail "$corrupted corrupted"
}

echo "a good run"
expect "0 4" 30 "$SLUICE" load $light --json "$report" --html "$work/report.html"
shows "ledger balanced"
shows "Load mode gives no anonymity"
balanced
[ "$lost" = 0 ] && [ "$in_flight" = 0 ] && [ "$delivered" -gt 0 ] || fail "lost $lost, in flight $in_flight"
grep -q '</html>' "$work/report.html" || fail "no page"

echo "wrong flags"
expect 2 5 "$SLUICE" load --clients none
says "--clients none: want"
expect 2 5 "$SLUICE" load --nonsense
says "unknown option --nonsense"
expect 2 5 "$SLUICE" load --local --network "$work/x.json"
says "--network"
expect 2 5 "$SLUICE" load --rate 1/s --total-rate 5/s
says "--total-rate"
expect 2 5 "$SLUICE" load --size 39
says "--size"
expect 2 5 "$SLUICE" load --duration 0
says "--duration"
expect 2 5 "$SLUICE" load somewhere
says "somewhere"
expect 2 5 "$SLUICE" nonsense
says "unknown command nonsense"
expect 2 5 "$SLUICE"

echo "debug options: listed with their values, set by name, and refused by name"
expect 0 5 "$SLUICE" options --preset fast --set traffic.average_packet_delay=7ms
grep -Eq '^traffic.average_packet_delay +7ms ' "$work/out" || fail "the delay is not 7 ms"
grep -Eq '^traffic.message_sending_average_delay +4ms ' "$work/out" || fail "the preset is not there"
shows "no-cover"
expect 2 5 "$SLUICE" options --set traffic.average_packet_dely=7ms
says "is it traffic.average_packet_delay?"
expect 2 5 "$SLUICE" options somewhere
says "somewhere"
expect "0 4" 30 "$SLUICE" load $light --set traffic.average_packet_delay=1ms --json "$report"
shows "set traffic.average_packet_delay=1ms"
grep -q '"traffic.average_packet_delay=1ms"' "$report" || fail "the report does not say what was set"

echo "a file that is missing, or closed, or a folder"
expect 2 5 "$SLUICE" load --network "$work/nowhere.json" $light
says "nowhere.json"
says "No such file or directory"
expect 2 5 "$SLUICE" load --network "$work" $light
says "$work"
expect 2 5 "$SLUICE" load $light --json "$work/no/such/folder/report.json"
says "$work/no/such/folder/report.json"
: >"$work/closed.json"
chmod 000 "$work/closed.json"
if ! [ -r "$work/closed.json" ]; then
    expect 2 5 "$SLUICE" load --network "$work/closed.json" $light
    says "closed.json"
    says "Permission denied"
elif setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$SLUICE" 2>/dev/null; then
    chmod 755 "$work"
    chown 65534 "$work/closed.json"
    expect 2 5 setpriv --reuid=65534 --regid=65534 --clear-groups "$SLUICE" load --network "$work/closed.json" $light
    says "closed.json"
    says "Permission denied"
fi

echo "no room for the report: the summary is still there"
expect 1 30 "$SLUICE" load $light --json /dev/full
says "/dev/full"
says "No space left on device"
shows "ledger balanced"
expect 1 30 "$SLUICE" load $light --html /dev/full
says "No space left on device"
shows "ledger balanced"

echo "io_uring denied"
if "$SLUICE_HELPERS/without_uring" true; then
    expect "0 4" 30 "$SLUICE_HELPERS/without_uring" "$SLUICE" load $light
    shows "poll"
    expect 2 10 "$SLUICE_HELPERS/without_uring" "$SLUICE" load $light --io io_uring
    says "io_uring denied"
    expect 2 10 "$SLUICE_HELPERS/without_uring" "$SLUICE" localnet --io io_uring
    says "io_uring denied"
    expect 0 10 "$SLUICE_HELPERS/without_uring" "$SLUICE" localnet --duration 100ms
else
    echo "  skipped: no seccomp filter can be set here"
fi

echo "SIGINT ends it within 2 s, with a report, code 130"
background load "$SLUICE" load --clients 3 --rate 10/s --duration 60s --json "$report" --quiet
rm -f "$report"
sleep 2.5
kill -INT "$pid"
ended "$pid" 2
cp "$work/load.out" "$work/out"
cp "$work/load.err" "$work/err"
[ "$code" = 130 ] || fail "exit code $code after SIGINT"
[ "$(number "$report" verdict)" = interrupted ] || fail "verdict $(number "$report" verdict)"
balanced
[ "$delivered" -gt 0 ] || fail "what was measured is lost"

echo "so it does before anybody is connected"
background evil "$SLUICE_HELPERS/evil_gateway" hang "$work/hang.json"
await "$work/evil.out" ready 5
background load "$SLUICE" load --network "$work/hang.json" --clients 3 --connect 60s --quiet
await "$work/evil.out" visited 10
kill -INT "$pid"
ended "$pid" 2
[ "$code" = 130 ] || fail "exit code $code after SIGINT"

echo "kill -9 of the mixnet in mid-run: lost or in flight, no hang, no crash"
localnet victim
victim=$pid
background load "$SLUICE" load --network "$work/victim/topology.json" --clients 4 --rate 20/s --duration 3s --drain 1s \
    --json "$report" --quiet
load=$pid
sleep 2.5
kill -KILL "$victim"
ended "$load" 25
cp "$work/load.out" "$work/out"
cp "$work/load.err" "$work/err"
case $code in
1 | 3 | 4) ;;
*) fail "exit code $code after the mixnet was killed" ;;
esac
balanced
[ $((lost + in_flight + offered - sent)) -gt 0 ] || fail "nothing was lost, though the mixnet died"
[ "$delivered" -gt 0 ] || fail "what came before is lost"

echo "nodes that are not on this machine"
localnet far
sed 's/127\.0\.0\.1/192.0.2.1/g' "$work/far/topology.json" >"$work/far.json"
expect 2 10 "$SLUICE" load --network "$work/far.json" $light
says "not on this machine"
says "--i-have-permission-to-load-this-network"
expect 2 10 "$SLUICE" load --network "$work/far.json" --clients 1000 --rate 1000/s --pacing none --quiet --connect 1s \
    --i-have-permission-to-load-this-network
[ -s "$work/err" ] || fail "no word of the ceiling"

echo "an offered rate beyond what this machine can do"
expect 4 60 "$SLUICE" load --clients 10 --total-rate 100000/s --pacing none --no-cover --duration 2s --drain 2s --quiet
shows "INVALID"
shows "saturated"
exit 0
