#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SLUICE_CPU: what cannot run here ends every command at its start, with the levels there are.
. "$(dirname "$0")/lib.sh"

unset SLUICE_CPU
expect 0 5 "$SLUICE" --version
best=$(sed -n 's/.*(\(.*\)).*/\1/p' "$work/out")
levels="portable avx2 avx512f ifma"

echo "nonsense is refused, with the list of what there is, whatever the command"
for command in --version "load --local" "localnet --dir $work/net" "client listen" "bench packets" help; do
    # shellcheck disable=SC2086
    SLUICE_CPU=nonsense expect 2 5 "$SLUICE" $command
    says "SLUICE_CPU"
    says "nonsense"
    says "portable"
    says "$best"
done
[ -e "$work/net" ] && fail "it went on after all"

echo "each level to the best one is taken, those beyond are refused"
beyond=no
for level in $levels; do
    if [ $beyond = no ]; then
        SLUICE_CPU=$level expect 0 5 "$SLUICE" --version
        shows "($level)"
    else
        SLUICE_CPU=$level expect 2 5 "$SLUICE" --version
        says "'$level' cannot run here"
    fi
    [ "$level" = "$best" ] && beyond=yes
done
[ $beyond = yes ] || fail "the best level, $best, is none of $levels"
