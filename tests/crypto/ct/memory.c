/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/ct/paths.h"

#include "crypto/base/cpu.h"
#include "crypto/base/random.h"
#include "crypto/base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

/*
 * Constant time under valgrind: secrets are undefined memory, and memcheck complains wherever an undefined value
 * decides a branch or makes an address. usage: memory LEVEL; 77 when valgrind's CPU lacks the level.
 */

enum { SKIPPED = 77 };

void slc_declassify(const void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

void slc_ct_classify(const void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, len);
}

void slc_ct_must(int good, const char *what)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(&good, sizeof good);
    if (good) return;
    (void)fprintf(stderr, "%s: failed\n", what);
    exit(1);
}

/* A table look-up by a secret: memcheck must object, or its silence means nothing. */
static int objects_to_a_leak(const uint8_t *secret)
{
    static const volatile uint8_t table[256];
    unsigned before = VALGRIND_COUNT_ERRORS;
    VALGRIND_PRINTF("two errors on purpose:\n");
    (void)table[secret[0]];
    if (secret[1] > 7) (void)table[0];
    VALGRIND_PRINTF("no more on purpose\n");
    return VALGRIND_COUNT_ERRORS == before + 2;
}

int main(int argc, char **argv)
{
    static uint8_t secret[SLC_CT_SECRET_BYTES];
    struct slc_error error = {0};
    if (sodium_init() < 0 || argc != 2) return 2;
    if (slc_cpu_force_name(argv[1], &error) != SLC_OK) {
        (void)printf("SKIPPED: %s\n", error.text);
        return SKIPPED;
    }
    if (!RUNNING_ON_VALGRIND) {
        (void)fprintf(stderr, "this shows something under valgrind only\n");
        return 2;
    }
    if (slc_ct_set_up(false) != 0) return 2;
    struct slc_random random;
    slc_random_from_number(&random, 2, 0);
    slc_random_bytes(&random, secret, sizeof secret);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    if (!objects_to_a_leak(secret)) {
        (void)fprintf(stderr, "memcheck does not see a leak made on purpose\n");
        return 2;
    }
    unsigned leaks = 0;
    for (size_t i = 0; i < slc_ct_path_count; i++) {
        unsigned before = VALGRIND_COUNT_ERRORS;
        slc_ct_paths[i].run(secret);
        unsigned found = VALGRIND_COUNT_ERRORS - before;
        (void)printf("%-40s %s\n", slc_ct_paths[i].name, found == 0 ? "constant time" : "LEAKS");
        leaks += found;
    }
    return leaks == 0 ? 0 : 1;
}
