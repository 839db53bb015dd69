/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/ping.h"

#include "tools/subcommands.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Small enough for ThreadSanitizer: nothing here is held to a time. */

static const char *const identity_of_addresses =
    "AVEujiNpNcnutyPLzhCtrXz9CGFRfMLqT81JFnjUXkZt.7RruMHAbmonNNiJct9aqh1xSBCuZd8nBSNivuXNSkH6f@"
    "55GYzheD2thZ3gY7YrWpKnEy615Lf2qCjSxmVhnqu8Vr";
static char path[64];

static void write_addresses(const char *text)
{
    (void)snprintf(path, sizeof path, "/tmp/sluice-ping-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void refused(const char *text, enum slc_status wanted, const char *words)
{
    struct slc_load_options o = {.ping = true, .address_file = path, .services = 1};
    struct slc_mixnet mixnet = {0};
    struct slc_load_key key = {0};
    struct slc_ping *ping;
    struct slc_error error = {0};
    write_addresses(text);
    assert_int_equal(slc_ping_open(&ping, &o, &mixnet, &key, &error), wanted);
    if (strstr(error.text, words) == NULL) fail_msg("said: %s", error.text);
    (void)unlink(path);
}

static void an_address_file_names_the_line_that_is_wrong(void **state)
{
    (void)state;
    char text[600];
    refused("", SLC_NOT_FOUND, "no address in it; sluice echo --address-file writes it");
    refused("\n\n", SLC_NOT_FOUND, "no address in it");
    (void)snprintf(text, sizeof text, "%s\n\nnonsense\n", identity_of_addresses);
    refused(text, SLC_MALFORMED, ":3: recipient");
}

static void clients_are_dealt_out_over_the_services_in_turn(void **state)
{
    (void)state;
    struct slc_load_options o = {.ping = true, .address_file = path, .services = 1};
    struct slc_mixnet mixnet = {0};
    struct slc_load_key key = {0};
    struct slc_ping *ping;
    struct slc_error error = {0};
    struct slc_recipient recipient;
    char text[600], back[SLC_RECIPIENT_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%s\n%s\n%s", identity_of_addresses, identity_of_addresses,
                   identity_of_addresses);
    write_addresses(text);
    assert_int_equal(slc_ping_open(&ping, &o, &mixnet, &key, &error), SLC_OK);
    assert_int_equal(slc_ping_services(ping), 3);
    assert_false(slc_ping_is_here(ping));
    assert_true(slc_ping_ready(ping));
    for (uint32_t place = 0; place < 7; place++) {
        assert_int_equal(slc_ping_service_of(ping, place, &recipient), place % 3);
    }
    slc_recipient_to_text(&recipient, back);
    assert_string_equal(back, identity_of_addresses);
    size_t n = 1;
    (void)slc_ping_arrivals(ping, &n);
    assert_int_equal(n, 0);
    slc_ping_close(ping);
    (void)unlink(path);
}

/* Engine, services, local mixnet and driver together, cut and rotated: for whoever looks for races. */
static void a_short_run_with_all_threads_answers_everything(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char line[] = "load --ping --quiet --clients 3 --rate 4/s --warmup 0 --duration 2s --drain 120s --cut-every 1s "
                      "--epoch 3s --rotation-epochs 1 --services 2";
        char *argv[32];
        int argc = 0, nowhere = open("/dev/null", O_WRONLY);
        for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
            argv[argc++] = word;
        }
        (void)dup2(nowhere, STDOUT_FILENO);
        _exit(slc_load_main(argc, argv));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    int code = WEXITSTATUS(status);
    /* Late is as good as in time here; lost is not. */
    if (code != SLC_EXIT_GOOD && code != SLC_EXIT_SATURATED) fail_msg("exit code %d", code);
}

static int begin(void **state)
{
    (void)state;
    return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_file_names_the_line_that_is_wrong),
        cmocka_unit_test(clients_are_dealt_out_over_the_services_in_turn),
        cmocka_unit_test(a_short_run_with_all_threads_answers_everything),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
