#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# objects.sh LIBRARY: what the object code of the vector kernels must not contain. 77 without objdump, or without kernels.
#
# In every kernel file (suffixes avx2, avx512, ifma, aesni, vaes, shani):
#   - no gather or scatter: an address made of a vector, where the secrets are;
#   - nothing that carries a mask, or bits picked from a vector, into a general register or the flags;
#   - no division and no square root, whose time depends on the operands.
# In the functions that only compute (COMPUTE below), also:
#   - nothing at all goes from a vector to a general register, so that no branch and no address can depend on one;
#   - a conditional jump compares general registers and constants: loop counters and pointers.
# What this does not see: outside of those, compilers keep pointers and lengths in vector registers for a while and move
# them back (counted as spills), so such a move tells nothing; and secrets that are loaded from memory into general registers (clamping, recoding, lengths of a
# tail). Those lines are compiled from the same source at every level: memory.c has them under valgrind, and steps.c
# compares the very instructions.
set -eu
library=$1

command -v objdump >/dev/null || {
  [ "${CI:-}" = true ] && { echo "objdump is missing"; exit 1; }
  echo "SKIPPED: objdump is missing (apt-get install binutils)"
  exit 77
}

check() {
  awk '
    BEGIN {
      COMPUTE = "^(comb|ladder_vector|divide|fe_square_times|own_add|own_double|own_point|own_fill|own_multiply|sha256|sha256_constant|blake2b|blake3|chacha20)(\\..*)?$"
      VECTOR = "%([xyz]mm[0-9]+|k[0-7])"
      GENERAL = "%([er]?[abcd]x|[er]?[sd]i|[er]?bp|r[0-9]+[dwb]?|[abcd]l|[sd]il|bpl)"
    }
    function bad(why) { print file ": " name ": " why ": " code; wrong++ }
    / file format / { file = $1; sub(/:$/, "", file); kernel = file ~ /_(avx2|avx512|ifma|aesni|vaes|shani)\.c\.o$/; files += kernel; next }
    !kernel { next }
    /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); compute = name ~ COMPUTE; computing += compute; setter = ""; next }
    {
      split($0, field, "\t")
      code = field[2]
      if (code == "") next
      split(code, word, " ")
      op = word[1]
      instructions++
      if (op ~ /gather|scatter/ || code ~ /\([^)]*%[xyz]mm/) bad("an address from a vector")
      if (op ~ /^v?ptest$|^vtest|^kortest|^ktest|^v?u?comi/) bad("flags from a vector")
      moved = op ~ /^(v?mov|kmov)/ && code ~ (VECTOR "," GENERAL "$")
      if (op ~ /movmsk|pextr|^kmov/ && code ~ (GENERAL "$") && code ~ VECTOR || moved && compute) bad("a general register from a vector")
      else if (moved) spills++
      if (op ~ /^i?div[bwlq]?$|^v?f?div|sqrt/) bad("time depends on operands")
      if (op ~ /^j/ && op != "jmp" && compute) {
        jumps++
        if (setter !~ /^(sub|cmp|test|add|inc|dec|shr)/ || setter ~ /\(|[xyz]mm/) bad("a jump on more than a counter (" setter ")")
      }
      if (op !~ /^(j|v|mov|lea|nop|prefetch|push|pop|k)/) setter = code
    }
    END {
      print files " files, " instructions " instructions, " jumps + 0 " conditional jumps in " computing + 0 " computing functions, " spills + 0 " spills, " wrong + 0 " wrong"
      exit wrong > 0 ? 1 : files == 0 ? 77 : computing < 4 ? 2 : 0
    }'
}

# A check that finds nothing must be able to find something.
for code in 'vpgatherqq (%rax,%zmm1,8),%zmm2{%k1}' 'vmovq  %xmm3,%rax' 'kmovb  %k1,%eax' 'vptest %ymm0,%ymm0' 'div    %rcx' \
  'mov    (%rax,%xmm1,1),%rcx' 'vpextrq $1,%xmm0,%rdx'; do
  if printf 'curve_ifma.c.o:     file format elf64\n0 <comb>:\n  0:\t%s\n' "$code" | check >/dev/null; then
    echo "not found, though put there: $code"
    exit 1
  fi
done
if printf 'curve_ifma.c.o:     file format elf64\n0 <comb>:\n  0:\tcmpb   $0x0,(%%rax)\n  3:\tje     0 <comb>\n' | check >/dev/null; then
  echo "a jump on memory is not found, though put there"
  exit 1
fi

status=0
objdump -d -w --no-show-raw-insn "$library" | check || status=$?
[ "$status" = 77 ] && echo "SKIPPED: this build has no vector kernels"
exit $status
