/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/base/cpu.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The level is decided once per process, so what depends on the environment runs in a child. */
static int in_child_with(const char *wish, int (*body)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int set = wish != NULL ? setenv("SLUICE_CPU", wish, 1) : unsetenv("SLUICE_CPU");
        _exit(set == 0 ? body() : 100);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int level(void)
{
    return (int)slc_cpu();
}

static int check(void)
{
    struct slc_error error = {0};
    enum slc_status status = slc_cpu_check(&error);
    if (status == SLC_OK) return SLC_OK;
    bool helpful =
        error.status == status && strstr(error.text, "SLUICE_CPU") != NULL && strstr(error.text, "portable") != NULL;
    return helpful ? (int)status : 101;
}

static int force_portable_over_the_environment(void)
{
    return slc_cpu_force(SLC_CPU_PORTABLE, NULL) == SLC_OK ? (int)slc_cpu() : 102;
}

static void the_best_level_is_taken_without_a_wish(void **state)
{
    (void)state;
    assert_int_equal(in_child_with(NULL, level), slc_cpu_best());
    assert_int_equal(in_child_with("", level), slc_cpu_best());
    assert_int_equal(in_child_with(NULL, check), SLC_OK);
    assert_int_equal(in_child_with("", check), SLC_OK);
}

static void the_environment_chooses_any_level_that_runs_here(void **state)
{
    (void)state;
    for (enum slc_cpu l = SLC_CPU_PORTABLE; l <= slc_cpu_best(); l++) {
        assert_int_equal(in_child_with(slc_cpu_name(l), level), l);
        assert_int_equal(in_child_with(slc_cpu_name(l), check), SLC_OK);
    }
}

static void a_wish_that_cannot_run_is_an_error_that_names_the_levels_there_are(void **state)
{
    (void)state;
    assert_int_equal(in_child_with("sse9", check), SLC_UNSUPPORTED);
    assert_int_equal(in_child_with("Portable", check), SLC_UNSUPPORTED);
    for (int l = (int)slc_cpu_best() + 1; l < SLC_CPU_COUNT; l++) {
        assert_int_equal(in_child_with(slc_cpu_name((enum slc_cpu)l), check), SLC_UNSUPPORTED);
    }
}

static void a_forced_level_overrides_the_environment(void **state)
{
    (void)state;
    assert_int_equal(in_child_with(slc_cpu_name(slc_cpu_best()), force_portable_over_the_environment),
                     SLC_CPU_PORTABLE);
}

static void forcing_what_cannot_run_fails_and_changes_nothing(void **state)
{
    (void)state;
    struct slc_error error = {0};
    enum slc_cpu before = slc_cpu();
    assert_int_equal(slc_cpu_force(SLC_CPU_COUNT, &error), SLC_UNSUPPORTED);
    assert_non_null(strstr(error.text, "portable"));
    assert_int_equal(slc_cpu_force_name("mmx", &error), SLC_UNSUPPORTED);
    assert_non_null(strstr(error.text, "mmx"));
    assert_int_equal(slc_cpu(), before);
    assert_int_equal(slc_cpu_force_name("portable", &error), SLC_OK);
    assert_int_equal(slc_cpu(), SLC_CPU_PORTABLE);
}

static void sha_instructions_are_for_levels_above_portable_and_can_be_switched_off(void **state)
{
    (void)state;
    assert_int_equal(slc_cpu_force(SLC_CPU_PORTABLE, NULL), SLC_OK);
    assert_false(slc_cpu_has_sha());
    assert_int_equal(slc_cpu_force(slc_cpu_best(), NULL), SLC_OK);
    bool there = slc_cpu_has_sha();
    slc_cpu_use_sha(false);
    assert_false(slc_cpu_has_sha());
    slc_cpu_use_sha(true);
    assert_int_equal(slc_cpu_has_sha(), there);
    assert_int_equal(slc_cpu_force(SLC_CPU_PORTABLE, NULL), SLC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_level_is_taken_without_a_wish),
        cmocka_unit_test(the_environment_chooses_any_level_that_runs_here),
        cmocka_unit_test(a_wish_that_cannot_run_is_an_error_that_names_the_levels_there_are),
        cmocka_unit_test(a_forced_level_overrides_the_environment),
        cmocka_unit_test(forcing_what_cannot_run_fails_and_changes_nothing),
        cmocka_unit_test(sha_instructions_are_for_levels_above_portable_and_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
