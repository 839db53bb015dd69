/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <errno.h>
#include <unistd.h>

/* A system that gives no randomness: getentropy() is this program's, and fails while `broken`. */

static bool broken;
static size_t asked;

int getentropy(void *buffer, size_t length)
{
    asked++;
    if (broken) {
        errno = EIO;
        return -1;
    }
    memset(buffer, 7, length);
    return 0;
}

static int break_it(void **state)
{
    (void)state;
    broken = true;
    asked = 0;
    return 0;
}

static int mend_it(void **state)
{
    (void)state;
    broken = false;
    return 0;
}

static void a_generator_is_not_seeded_and_says_so(void **state)
{
    (void)state;
    struct slc_random random, before;
    memset(&random, 0xee, sizeof random);
    before = random;
    assert_int_equal(slc_random_from_system(&random), SLC_RANDOM_FAILED);
    assert_int_equal(asked, 1);
    assert_memory_equal(&random, &before, sizeof random);
    assert_non_null(strstr(slc_status_text(SLC_RANDOM_FAILED), "randomness"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_generator_is_not_seeded_and_says_so, break_it, mend_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
