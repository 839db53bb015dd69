# SPDX-License-Identifier: Apache-2.0
# For tests of whole programs, sourced: SLUICE=path/of/sluice SLUICE_HELPERS=folder sh TEST. Everything is bounded in
# time, on loopback, in a folder of its own; what was started is ended by its own number.
set -u
: "${SLUICE:?the path of the sluice program}"
: "${SLUICE_HELPERS:?the folder of the programs built from tests/system/*.c}"
work=$(mktemp -d)
started=

finish() {
    code=$?
    for pid in $started; do
        kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    chmod -R u+w "$work" 2>/dev/null
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "FAILED: $*" >&2
    for file in "$work/out" "$work/err"; do
        [ -s "$file" ] && { echo "--- $(basename "$file")"; head -c 3000 "$file"; } >&2
    done
    exit 1
}

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

# expect CODES SECONDS COMMAND...: runs it; its exit code is one of CODES ("0 4"); output in $work/out and $work/err.
expect() {
    codes=$1 seconds=$2
    shift 2
    timeout -k 2 "$seconds" "$@" >"$work/out" 2>"$work/err"
    code=$?
    for wanted in $codes; do
        [ "$code" = "$wanted" ] && return 0
    done
    fail "exit code $code, not $codes: $*"
}

# says TEXT: standard error holds it.
says() {
    grep -qF -- "$1" "$work/err" || fail "no \"$1\" in what was said"
}

# tells TEXT: either of them does.
tells() {
    cat "$work/out" "$work/err" | grep -qF -- "$1" || fail "no \"$1\" in what was told"
}

# shows TEXT: standard output holds it.
shows() {
    grep -qF -- "$1" "$work/out" || fail "no \"$1\" in the output"
}

# background NAME COMMAND...: starts it with its output in $work/NAME.out and .err; its number in $pid.
background() {
    name=$1
    shift
    "$@" >"$work/$name.out" 2>"$work/$name.err" &
    pid=$!
    started="$started $pid"
}

# await FILE TEXT SECONDS: until the file holds the text.
await() {
    tries=$(($3 * 50))
    while ! grep -q -- "$2" "$1" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "no \"$2\" in $(basename "$1") within $3 s: $(cat "$1")"
        sleep 0.02
    done
}

# ended PID SECONDS: waits for the end of a background program; its exit code in $code.
ended() {
    tries=$(($2 * 50))
    while kill -0 "$1" 2>/dev/null && [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null)" != Z ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "still running after $2 s"
        sleep 0.02
    done
    wait "$1"
    code=$?
}

# localnet NAME OPTIONS...: a local mixnet with its files in $work/NAME; $pid, $api.
localnet() {
    net=$1
    shift
    background "$net" "$SLUICE" localnet --dir "$work/$net" "$@"
    await "$work/$net.out" ready 10
    api=$(sed -n 's/^ready.* directory \([^,]*\),.*/\1/p' "$work/$net.out")
}

# number FILE PATH: a value of a JSON file, as in messages.offered
number() {
    "$SLUICE_HELPERS/json_number" "$1" "$2" || fail "$(basename "$1") has no $2"
}
