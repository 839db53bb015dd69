#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Soaks (docs/soak.md): short ones in the tests, which hold whatever the machine does besides; with SLUICE_SOAK=long the
# ones whose figures are published, each alone on an idle machine: SLUICE_SOAK=long sh tests/system/soak.sh [PART...]
# Parts: full, mixnet, slow, echo.
. "$(dirname "$0")/lib.sh"
long=no
[ "${SLUICE_SOAK:-short}" = long ] && long=yes
reports=${SLUICE_SOAK_REPORTS:-$work}
mkdir -p "$reports"
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# one SHORT LONG
one() {
    if [ $long = yes ]; then echo "$2"; else echo "$1"; fi
}

# holds TEXT CONDITION: a line of awk over a report's numbers, as in "a <= b".
holds() {
    awk "BEGIN { exit !($2) }" || fail "$1: $2"
}

# only_long TEXT CONDITION: a matter of time, which a busy machine cannot keep.
only_long() {
    if [ $long = yes ]; then holds "$1" "$2"; else awk "BEGIN { exit !($2) }" || echo "  not held here: $1: $2"; fi
}

report=
number_of() {
    number "$report" "$1"
}

# run_load NAME SECONDS OPTIONS...: its report is $report; verdicts are ours to judge.
run_load() {
    report=$reports/soak-$1.json
    name=$1 seconds=$2
    shift 2
    rm -f "$report"
    expect "0 1 4" "$seconds" "$SLUICE" load --quiet --warmup 5s --json "$report" --html "$reports/soak-$name.html" "$@"
    [ $long = yes ] && sed -n '1,40p' "$work/out"
    echo "  $(number_of load.clients) clients, $(number_of packets.sent_per_second) packets/s," \
        "$(number_of packets.sent_per_busy_core) a busy core; lateness p99 $(number_of generator.slot_lateness_seconds.p99) s"
}

# slots_kept SHARE: no more than that share of slots was dropped.
slots_kept() {
    slots=$(number_of generator.slots) missed=$(number_of generator.slots_missed)
    [ "$slots" -gt 0 ] || fail "no slots"
    only_long "slots dropped" "$missed <= $1 * $slots"
    only_long "streams slowed down" "$(number_of generator.slowdowns) == 0"
}

everybody_is_there() {
    [ "$(number_of clients.ready)" = "$(number_of load.clients)" ] || fail "$(number_of clients.ready) clients are connected"
    [ "$(number_of messages.balanced)" = true ] || fail "the ledger does not balance"
}

full() {
    clients=${SLUICE_SOAK_CLIENTS:-$(one 20 300)}
    echo "$clients clients at full default traffic against gateways that count"
    localnet sink --sink
    run_load full $(one 60 200) --network "$work/sink/topology.json" --clients "$clients" --rate 0 \
        --duration "$(one 5s 120s)" --drain 0
    everybody_is_there
    only_long "p99 of packets' lateness" "$(number_of generator.slot_lateness_seconds.p99) < 0.005"
    slots_kept 0.0001
    [ "$(number_of clients.connections_lost)" = 0 ] || fail "connections were lost"
    kill -TERM "$pid"
    ended "$pid" 5
}

mixnet() {
    clients=${SLUICE_SOAK_CLIENTS:-$(one 10 100)}
    echo "$clients clients at full default traffic over the whole local mixnet, acks really returned"
    run_load mixnet $(one 60 200) --local --clients "$clients" --rate 0 --duration "$(one 5s 120s)" --drain 0
    everybody_is_there
    only_long "p99 of packets' lateness" "$(number_of generator.slot_lateness_seconds.p99) < 0.005"
    slots_kept 0.0001
    holds "acks of cover" "$(number_of packets.cover_ack) > 0.8 * $(number_of packets.cover)"
}

slow() {
    clients=$(one 500 10000)
    echo "$clients clients at a twentieth of the default rate: registrations, memory, slots"
    localnet slow --sink
    run_load slow $(one 90 500) --network "$work/slow/topology.json" --clients "$clients" --rate 0 \
        --duration "$(one 8s 300s)" --drain 0 --set traffic.message_sending_average_delay=400ms \
        --set cover_traffic.loop_cover_traffic_average_delay=4s
    everybody_is_there
    echo "  registered in $(number_of duration_seconds.connect) s;" \
        "$(number_of clients.resident_bytes_each) bytes each idle, $(number_of clients.resident_bytes_each_loaded) under" \
        "traffic; growing $(number_of machine.resident_slope_bytes_per_minute) bytes a minute"
    holds "time to register" "$(number_of duration_seconds.connect) < 60"
    holds "resident bytes of an idle client" "$(number_of clients.resident_bytes_each) < 48 * 1024"
    holds "resident bytes of a client under traffic" "$(number_of clients.resident_bytes_each_loaded) < 96 * 1024"
    only_long "growth" "$(number_of machine.resident_slope_bytes_per_minute) < 1e6"
    slots_kept 0.0001
    kill -TERM "$pid"
    ended "$pid" 10
}

echoes() {
    clients=$(one 50 1000)
    # Many services, since two messages whose random set ids of 31 bits are the same at one recipient are taken for one
    # (docs/protocol/2-messages.md): 120,000 at 4 services would lose one by that alone.
    echo "$clients requesters, 2 % loss at each hop, connections cut, keys rotated: every request is answered once"
    run_load echo $(one 200 900) --local --ping --services "$(one 4 40)" --clients "$clients" --rate "$(one 0.5/s 0.2/s)" \
        --duration "$(one 12s 600s)" --drain 120s --loss 2% --cut-every "$(one 5s 30s)" --epoch "$(one 9s 300s)" \
        --rotation-epochs 1 --set traffic.message_sending_average_delay="$(one 100ms 400ms)" \
        --set cover_traffic.loop_cover_traffic_average_delay=4s
    everybody_is_there
    echo "  $(number_of messages.answered) of $(number_of messages.offered) requests answered," \
        "$(number_of surbs.used_per_answer) SURBs each; $(number_of packets.retransmitted) packets repeated," \
        "$(number_of clients.connections_lost) connections lost"
    holds "requests" "$(number_of messages.offered) > 10 * $(one 20 1000)"
    [ "$(number_of messages.answered)" = "$(number_of messages.offered)" ] || fail "not every request was answered"
    [ "$(number_of messages.answered_again)" = 0 ] || fail "requests were answered twice"
    [ "$(number_of messages.answered_wrong)" = 0 ] || fail "answers were wrong"
    [ "$(number_of messages.duplicated)" = 0 ] || fail "requests arrived twice"
    [ "$(number_of services.balanced)" = true ] || fail "the services' books do not balance"
    [ "$(number_of services.failed)" = 0 ] || fail "answers failed"
    holds "connections lost" "$(number_of clients.connections_lost) >= $clients"
    holds "packets repeated" "$(number_of packets.retransmitted) > 0"
}

for part in ${*:-full mixnet slow echo}; do
    case $part in
    full | mixnet | slow) $part ;;
    echo) echoes ;;
    *) fail "no part $part: full, mixnet, slow, echo" ;;
    esac
done
exit 0
