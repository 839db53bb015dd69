#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gateways that are dead or misbehave: load and client say which and why, end with code 3, in bounded time.
. "$(dirname "$0")/lib.sh"

# evil MODE: a gateway that does so, in $work/MODE.json; its number in $pid.
evil() {
    background "$1" "$SLUICE_HELPERS/evil_gateway" "$1" "$work/$1.json"
    await "$work/$1.out" ready 5
    somebody=$(sed -n 's/^ready //p' "$work/$1.out")
}

# refused FILE WORDS...: load and client cannot connect by it, and say so.
refused() {
    topology=$1
    shift
    expect 3 10 "$SLUICE" load --network "$topology" --clients 2 --rate 5/s --duration 1s --connect 2s --quiet
    for words in "$@"; do
        says "$words"
    done
    expect 3 10 "$SLUICE" client send --network "$topology" --to "$somebody" --text hello --timeout 2s
    says "sluice client: "
}

for mode in garbage deaf hang nonsense close huge wrong-signature; do
    echo "a gateway: $mode"
    evil "$mode"
    case $mode in
    nonsense) refused "$work/$mode.json" "no message" ;;
    close) refused "$work/$mode.json" "closed the connection" ;;
    huge) refused "$work/$mode.json" "malformed" ;;
    wrong-signature) refused "$work/$mode.json" "signature" ;;
    *) refused "$work/$mode.json" "0 of 2 clients ready" ;;
    esac
    kill -TERM "$pid"
    ended "$pid" 2
done

echo "a gateway that is not there"
refused "$work/hang.json" "refused"
exit 0
