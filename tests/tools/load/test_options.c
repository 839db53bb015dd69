/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/load_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What a command line says on standard error, and its exit code. */
static char said[4096];

static int parse(struct slc_load_options *options, const char *line)
{
    static char copy[512]; /* the options point into it */
    char *argv[32] = {"load"};
    int argc = 1;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL && argc < 31; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    FILE *capture = tmpfile();
    assert_non_null(capture);
    (void)fflush(stderr);
    int before = dup(STDERR_FILENO);
    (void)dup2(fileno(capture), STDERR_FILENO);
    int code = slc_load_options_parse(argc, argv, options);
    (void)fflush(stderr);
    (void)dup2(before, STDERR_FILENO);
    (void)close(before);
    rewind(capture);
    said[fread(said, 1, sizeof said - 1, capture)] = 0;
    (void)fclose(capture);
    return code;
}

static void refused(const char *line, const char *words)
{
    struct slc_load_options options;
    int code = parse(&options, line);
    if (code != SLC_EXIT_USAGE) fail_msg("%s: exit code %d", line, code);
    if (strstr(said, words) == NULL) fail_msg("%s: said %s", line, said);
}

static void nothing_named_is_the_local_mixnet(void **state)
{
    (void)state;
    struct slc_load_options o;
    assert_int_equal(parse(&o, ""), -1);
    assert_true(o.local);
    assert_int_equal(o.clients, 25);
    assert_int_equal(o.duration, 20 * SLC_SECOND);
    assert_true(o.total_rate == o.rate * 25);
    assert_int_equal(parse(&o, "--network net.json"), -1);
    assert_false(o.local);
}

static void rate_and_total_rate_complete_each_other(void **state)
{
    (void)state;
    struct slc_load_options o;
    assert_int_equal(parse(&o, "--clients 50 --total-rate 1000/s"), -1);
    assert_true(o.rate == 20);
    assert_int_equal(parse(&o, "--clients 50 --rate 30/m"), -1);
    assert_true(o.total_rate == 25);
}

static void each_bad_command_line_is_refused_with_its_reason(void **state)
{
    (void)state;
    refused("--size 39", "40 to");
    refused("--clients 0", "1 to");
    refused("--duration soon", "a duration such as");
    refused("--rate fast", "a rate such as");
    refused("--arrivals bursty", "poisson, constant");
    refused("--pacing quick", "default, fast, none");
    refused("--cpu-list 0-", "a list of CPUs");
    refused("--rate 1 --total-rate 5", "not both");
    refused("--local --network x", "give one of them");
    refused("--network x --nym-api http://127.0.0.1/api", "give one of them");
    refused("--no-cover --pacing default", "--pacing none");
    refused("--json a --html a", "same file");
    refused("--html -", "wants a file");
    refused("--ca-file x", "--tls");
    refused("--to x", "go with --ping");
    refused("--services 2", "go with --ping");
    refused("--ping --to x --services 2 --network x", "run in this process");
    refused("--ping --to x", "name theirs by --nym-api or --network");
    refused("--ping --surbs 0", "no answer comes without SURBs");
    refused("--ping --services 0", "--services 0: want");
    refused("--network x --cut-every 30s", "belong to a local mixnet");
    refused("--network x --loss 2%", "belong to a local mixnet");
    refused("--set traffic.average_packet_delay", "--set: ");
    refused("--set no.such=1", "--set: no.such: no such option");
    refused("--preset nobody", "--preset: nobody: no such preset");
    refused("--preset fast --pacing none", "--preset says how packets leave");
    refused("--epoch 1500ms", "whole seconds");
    refused("--frobnicate", "unknown option --frobnicate");
    refused("here", "here");
    refused("--clients 100000 --rate 1000000", "messages a second");
}

static void seeds_are_drawn_unless_given_and_fit_json(void **state)
{
    (void)state;
    struct slc_load_options o, p;
    assert_int_equal(parse(&o, "--seed 77"), -1);
    assert_int_equal(o.seed, 77);
    assert_int_equal(parse(&o, ""), -1);
    assert_int_equal(parse(&p, ""), -1);
    assert_int_not_equal(o.seed, p.seed);
    assert_true(o.seed < UINT64_C(1) << 53 && p.seed < UINT64_C(1) << 53);
    refused("--seed 9007199254740992", "--seed");
}

static void no_cover_is_the_references_own_no_cover(void **state)
{
    (void)state;
    struct slc_load_options o;
    struct slc_traffic traffic;
    assert_int_equal(parse(&o, "--no-cover"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(traffic.pacing, SLC_PACING_NONE);
    assert_int_equal(slc_traffic_loop_mean(&traffic), 0);
    assert_int_equal(parse(&o, "--pacing none"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(slc_traffic_loop_mean(&traffic), 200 * SLC_MILLISECOND);
}

static void messages_are_counted_in_packets_head_and_all(void **state)
{
    (void)state;
    /* A regular fragment carries 1604 bytes; a message has one byte of head and one of padding. */
    static const struct {
        const char *line;
        size_t packets;
    } cases[] = {{"--size 1602", 1}, {"--size 1603", 2}, {"--size 1000 --surbs 1", 1}, {"--size 1500 --surbs 1", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slc_load_options o;
        struct slc_traffic traffic;
        assert_int_equal(parse(&o, cases[i].line), -1);
        slc_load_traffic(&o, &traffic);
        assert_int_equal(slc_load_packets_per_message(&o, &traffic), cases[i].packets);
    }
}

static void a_rate_beyond_the_slots_is_noticed_with_its_arithmetic(void **state)
{
    (void)state;
    struct slc_load_options o;
    struct slc_traffic traffic;
    struct slc_error error = {0};
    assert_int_equal(parse(&o, "--rate 49/s"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(slc_load_fits(&o, &traffic, &error), SLC_OK);
    assert_int_equal(parse(&o, "--rate 25/s --size 2000"), -1);
    assert_int_equal(slc_load_fits(&o, &traffic, &error), SLC_OUT_OF_RANGE);
    assert_non_null(strstr(error.text, "25 messages/s of 2 packets are 50 packets/s"));
    assert_int_equal(parse(&o, "--rate 500/s --pacing none"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(slc_load_fits(&o, &traffic, &error), SLC_OK);
}

static void foreign_networks_need_the_flag_and_have_a_ceiling(void **state)
{
    (void)state;
    struct slc_load_options o;
    struct slc_traffic traffic;
    struct slc_error error = {0};
    assert_int_equal(parse(&o, "--network x --clients 5"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(slc_load_may(&o, &traffic, &error), SLC_DENIED);
    assert_non_null(strstr(error.text, "--i-have-permission-to-load-this-network"));
    assert_int_equal(parse(&o, "--network x --clients 5 --i-have-permission-to-load-this-network"), -1);
    assert_int_equal(slc_load_may(&o, &traffic, &error), SLC_OK);
    /* 50 slots and 5 loop packets a second each: 18 clients are 990, 19 are 1045. */
    assert_int_equal(parse(&o, "--network x --clients 18 --i-have-permission-to-load-this-network"), -1);
    assert_int_equal(slc_load_may(&o, &traffic, &error), SLC_OK);
    assert_int_equal(parse(&o, "--network x --clients 19 --i-have-permission-to-load-this-network"), -1);
    assert_int_equal(slc_load_may(&o, &traffic, &error), SLC_OUT_OF_RANGE);
    assert_non_null(strstr(error.text, "1045 packets/s"));
}

static void presets_and_debug_options_reach_the_traffic_in_order(void **state)
{
    (void)state;
    struct slc_load_options o;
    struct slc_traffic traffic;
    assert_int_equal(parse(&o, "--set traffic.message_sending_average_delay=400ms --set "
                               "cover_traffic.loop_cover_traffic_average_delay=4s"),
                     -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(traffic.main_mean, 400 * SLC_MILLISECOND);
    assert_int_equal(slc_traffic_loop_mean(&traffic), 4 * SLC_SECOND);
    assert_int_equal(parse(&o, "--preset fast --set traffic.average_packet_delay=7ms"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(traffic.main_mean, 4 * SLC_MILLISECOND);
    assert_int_equal(traffic.hop_delay, 7 * SLC_MILLISECOND);
    assert_int_equal(parse(&o, "--preset no-cover"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(traffic.pacing, SLC_PACING_NONE);
    assert_int_equal(slc_traffic_loop_mean(&traffic), 0);
}

static void a_request_carries_what_its_answer_takes_and_the_first_the_services_reserve(void **state)
{
    (void)state;
    struct slc_load_options o;
    struct slc_traffic traffic;
    assert_int_equal(parse(&o, "--ping --size 1000"), -1);
    slc_load_traffic(&o, &traffic);
    assert_int_equal(slc_load_surbs(&o, &traffic, false), 1);
    assert_int_equal(slc_load_surbs(&o, &traffic, true), 11);
    /* 4 fragments of 1604 bytes, 7 of each the fragment's head, carry 5000 and the answer's 2. */
    assert_int_equal(parse(&o, "--ping --size 5000"), -1);
    assert_int_equal(slc_load_surbs(&o, &traffic, false), 4);
    assert_int_equal(parse(&o, "--ping --size 5000 --surbs 7"), -1);
    assert_int_equal(slc_load_surbs(&o, &traffic, false), 7);
    assert_int_equal(slc_load_surbs(&o, &traffic, true), 7);
    assert_int_equal(parse(&o, "--size 5000"), -1);
    assert_int_equal(slc_load_surbs(&o, &traffic, true), 0);
    /* 22 bytes, a SURB of 460 and 1000 more are one packet; of 1200 two. */
    assert_int_equal(parse(&o, "--ping --size 1000"), -1);
    assert_int_equal(slc_load_packets_per_message(&o, &traffic), 1);
    assert_int_equal(parse(&o, "--ping --size 1200"), -1);
    assert_int_equal(slc_load_packets_per_message(&o, &traffic), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_named_is_the_local_mixnet),
        cmocka_unit_test(rate_and_total_rate_complete_each_other),
        cmocka_unit_test(each_bad_command_line_is_refused_with_its_reason),
        cmocka_unit_test(seeds_are_drawn_unless_given_and_fit_json),
        cmocka_unit_test(no_cover_is_the_references_own_no_cover),
        cmocka_unit_test(messages_are_counted_in_packets_head_and_all),
        cmocka_unit_test(presets_and_debug_options_reach_the_traffic_in_order),
        cmocka_unit_test(a_request_carries_what_its_answer_takes_and_the_first_the_services_reserve),
        cmocka_unit_test(a_rate_beyond_the_slots_is_noticed_with_its_arithmetic),
        cmocka_unit_test(foreign_networks_need_the_flag_and_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
