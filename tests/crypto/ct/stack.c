/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/ct/paths.h"

#include "crypto/base/cpu.h"
#include "crypto/base/random.h"
#include "crypto/base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

/*
 * No secret stays on the stack: every path runs twice, with different secrets, on a stack of its own; afterwards the
 * two stacks must be the same byte for byte. So whatever a secret had a part in counts, in any form. Every level this
 * machine has.
 */

enum { STACK_BYTES = 1 << 19, FILL = 0xa5 };

static uint8_t stack[STACK_BYTES] __attribute__((aligned(64)));
static uint8_t after[STACK_BYTES];
static uint8_t secret[SLC_CT_SECRET_BYTES];
static ucontext_t outside, inside;
static const struct slc_ct_path *path;

void slc_ct_classify(const void *bytes, size_t len)
{
    (void)bytes;
    (void)len;
}

void slc_ct_must(int good, const char *what)
{
    if (good) return;
    (void)fprintf(stderr, "%s: failed\n", what);
    exit(1);
}

static void enter(void)
{
    path->run(secret);
}

static void run_on_own_stack(uint64_t seed)
{
    struct slc_random random;
    slc_random_from_number(&random, seed, 0);
    slc_random_bytes(&random, secret, sizeof secret);
    memset(stack, FILL, STACK_BYTES);
    slc_ct_must(getcontext(&inside) == 0, "getcontext");
    /* What callers have in registers that callees save would be on the stack too. */
    static const int SAVED[] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};
    for (size_t i = 0; i < sizeof SAVED / sizeof *SAVED; i++) {
        inside.uc_mcontext.gregs[SAVED[i]] = 0;
    }
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = STACK_BYTES;
    inside.uc_link = &outside;
    makecontext(&inside, enter, 0);
    slc_ct_must(swapcontext(&outside, &inside) == 0, "swapcontext");
}

/* How many bytes of the stack the secrets had a part in, and where the deepest and the highest of them are. */
static size_t remains(const struct slc_ct_path *which)
{
    path = which;
    run_on_own_stack(1); /* symbols are bound by now */
    run_on_own_stack(2);
    memcpy(after, stack, STACK_BYTES);
    run_on_own_stack(3);
    size_t count = 0, first = 0, last = 0, deepest = 0;
    for (size_t i = 0; i < STACK_BYTES; i++) {
        if (deepest == 0 && stack[i] != FILL) deepest = i;
        if (stack[i] == after[i]) continue;
        first = count == 0 ? i : first;
        last = i;
        count++;
    }
    (void)printf("  %-40s %6zu bytes deep, %zu of them secret", which->name, STACK_BYTES - deepest, count);
    if (count > 0) (void)printf(", %zu to %zu from the top", STACK_BYTES - last, STACK_BYTES - first);
    (void)printf("\n");
    return count;
}

/* Leaves a secret behind, so that an instrument that sees nothing is found out. */
static void careless(const uint8_t *from)
{
    volatile uint8_t copy[64];
    for (size_t i = 0; i < sizeof copy; i++) {
        copy[i] = from[i];
    }
}

int main(void)
{
    int failed = 0;
    const struct slc_ct_path leak = {"a copy left on purpose", careless, false};
    if (sodium_init() < 0 || slc_ct_set_up(false) != 0) return 2;
    if (remains(&leak) < 32) return 2;
    for (enum slc_cpu level = SLC_CPU_PORTABLE; level <= slc_cpu_best(); level++) {
        if (slc_cpu_force(level, NULL) != SLC_OK) return 2;
        (void)printf("%s\n", slc_cpu_name(level));
        for (size_t i = 0; i < slc_ct_path_count; i++) {
            failed += remains(&slc_ct_paths[i]) > 0;
        }
    }
    return failed > 0 ? 1 : 0;
}
