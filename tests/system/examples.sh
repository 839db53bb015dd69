#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The examples, as a user runs them: an echo service, thousands of anonymous requesters, a bulk sender.
. "$(dirname "$0")/lib.sh"
: "${SLUICE_EXAMPLES:?the folder of the programs built from examples/*.c}"

localnet net
topology=$work/net/topology.json

# A URL of a directory that is not there stands first: the next one is asked.
# A service that thousands ask at once needs room for their SURBs.
background echo "$SLUICE_EXAMPLES/echo" "$api" "no-cover; sluice.max_stored_surbs=1000000; sluice.max_sender_tags=100000"
echo_pid=$pid
await "$work/echo.out" '^ready ' 15
address=$(sed -n 's/^ready //p' "$work/echo.out")

echo "thousands of anonymous requesters in one process"
expect 0 150 "$SLUICE_EXAMPLES/ask" "http://127.0.0.1:1/api $api" "$address" "${REQUESTERS:-2000}" 2 no-cover
cat "$work/out"
shows "${REQUESTERS:-2000} requesters, $((${REQUESTERS:-2000} * 2)) questions, $((${REQUESTERS:-2000} * 2)) answers, 0 wrong, 0 undelivered"

echo "a few with the traffic of the reference"
expect 0 60 "$SLUICE_EXAMPLES/ask" "$topology" "$address" 5 2
cat "$work/out"
shows "10 answers"

echo "a bulk sender"
expect 0 60 "$SLUICE_EXAMPLES/bulk" "$topology" "$address" 2000 1500 no-cover
cat "$work/out"
shows "2000 messages of 1500 bytes: 2000 acked, 0 undelivered"

echo "the service ends in order"
kill -INT "$echo_pid"
ended "$echo_pid" 15
cat "$work/echo.out"
[ "$code" = 0 ] || fail "exit code $code"
grep -q "received $((${REQUESTERS:-2000} * 2 + 10 + 2000)), answered $((${REQUESTERS:-2000} * 2 + 10)), undelivered 0, refused 0, left behind 0" \
    "$work/echo.out" || fail "the service counted otherwise"

echo "what cannot be is told in words"
expect 2 5 "$SLUICE_EXAMPLES/ask" "$topology" nonsense 1 1
says "recipient"
expect 1 5 "$SLUICE_EXAMPLES/bulk" "$work/nowhere" "$address" 1 1
says "nowhere"
expect 2 5 "$SLUICE_EXAMPLES/echo"
says usage
exit 0
