/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/base/secret.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void wiping_clears_every_byte_asked_for_and_no_other(void **state)
{
    (void)state;
    uint8_t bytes[40];
    memset(bytes, 0x77, sizeof bytes);
    slc_wipe(bytes + 3, 30);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], i >= 3 && i < 33 ? 0 : 0x77);
    }
}

static void one_differing_bit_anywhere_makes_secrets_unequal(void **state)
{
    (void)state;
    uint8_t a[33] = {0}, b[33] = {0};
    assert_true(slc_equal(a, b, sizeof a));
    assert_true(slc_equal(a, b, 0));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(slc_equal(a, b, sizeof a));
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void guarded_memory_comes_zeroed(void **state)
{
    (void)state;
    for (size_t len = 1; len < 10000; len = len * 3 + 1) {
        uint8_t *memory = slc_guarded_new(len);
        assert_non_null(memory);
        for (size_t i = 0; i < len; i++) {
            assert_int_equal(memory[i], 0);
        }
        memset(memory, 0xff, len);
        slc_guarded_free(memory);
    }
    slc_guarded_free(NULL);
}

static void a_write_past_guarded_memory_ends_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGSEGV, SIG_DFL);
        volatile uint8_t *memory = slc_guarded_new(32);
        if (memory == NULL) _exit(1);
        memory[32] = 1;
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wiping_clears_every_byte_asked_for_and_no_other),
        cmocka_unit_test(one_differing_bit_anywhere_makes_secrets_unequal),
        cmocka_unit_test(guarded_memory_comes_zeroed),
        cmocka_unit_test(a_write_past_guarded_memory_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
