/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/localnet.h"
#include "tools/common/options.h"
#include "tools/subcommands.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * The whole of `sluice load`, each run in a process of its own, as a user would start it. Timing is the machine's
 * affair: where a busy one may be late, exit code 4 is as good as 0, and what is asserted are the books.
 */

static char folder[64], json_path[96], said_path[96], net_path[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-load-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    (void)snprintf(json_path, sizeof json_path, "%s/report.json", folder);
    (void)snprintf(said_path, sizeof said_path, "%s/said", folder);
    (void)snprintf(net_path, sizeof net_path, "%s/net.json", folder);
    return sodium_init() < 0 ? -1 : 0;
}

static int drop_folder(void **state)
{
    (void)state;
    (void)unlink(json_path);
    (void)unlink(said_path);
    (void)unlink(net_path);
    return rmdir(folder);
}

static void run_in_child(const char *line)
{
    char copy[512], *argv[40] = {"load", "--json", json_path};
    int argc = 3;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL && argc < 39; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    int said = open(said_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)dup2(said, STDOUT_FILENO);
    (void)dup2(said, STDERR_FILENO);
    _exit(slc_load_main(argc, argv));
}

static pid_t start(const char *line)
{
    (void)unlink(json_path);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) run_in_child(line);
    return child;
}

static int finish(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static char *content(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    (void)fread(text, 1, (1 << 20) - 1, file);
    (void)fclose(file);
    return text;
}

static void said(const char *words)
{
    char *text = content(said_path);
    if (strstr(text, words) == NULL) fail_msg("not said: %s\nbut: %s", words, text);
    free(text);
}

static cJSON *report(void)
{
    char *text = content(json_path);
    cJSON *root = cJSON_Parse(text);
    assert_non_null(root);
    free(text);
    return root;
}

static double of(const cJSON *root, const char *name)
{
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "messages"), name);
    assert_true(cJSON_IsNumber(value));
    return value->valuedouble;
}

static void expect_balance(const cJSON *root)
{
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "messages"), "balanced")));
    assert_true(of(root, "offered") ==
                of(root, "sent") + of(root, "missed") + of(root, "refused") + of(root, "waiting"));
    assert_true(of(root, "sent") ==
                of(root, "delivered") + of(root, "corrupted") + of(root, "lost") + of(root, "in_flight"));
    assert_true(of(root, "corrupted") == 0);
    assert_true(of(root, "duplicated") == 0);
    assert_true(of(root, "unrecognised") == 0);
}

static void every_message_of_a_run_arrives(const char *line)
{
    int code = finish(start(line));
    if (code != SLC_EXIT_GOOD && code != SLC_EXIT_SATURATED) {
        char *text = content(said_path);
        fail_msg("exit code %d: %s", code, text);
    }
    cJSON *root = report();
    expect_balance(root);
    assert_true(of(root, "offered") > 20);
    assert_true(of(root, "delivered") == of(root, "offered"));
    assert_true(of(root, "acked") == of(root, "offered"));
    cJSON_Delete(root);
}

static void a_run_on_the_local_mixnet_delivers_and_acks_everything(void **state)
{
    (void)state;
    every_message_of_a_run_arrives("--quiet --clients 5 --rate 8/s --duration 2s --drain 20s");
}

static void so_does_one_without_pacing_and_cover_over_poll_with_surbs(void **state)
{
    (void)state;
    every_message_of_a_run_arrives("--quiet --clients 4 --rate 8/s --duration 1s --drain 20s --no-cover --surbs 2 "
                                   "--size 3000 --io poll --arrivals constant --warmup 0");
}

static void losses_on_the_way_are_made_good_by_retransmission(void **state)
{
    (void)state;
    every_message_of_a_run_arrives("--quiet --clients 4 --rate 10/s --duration 1s --loss 3% --drain 40s --seed 5");
    cJSON *root = report();
    assert_true(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "packets"), "retransmitted")->valuedouble > 0);
    cJSON_Delete(root);
}

static double number(const cJSON *root, const char *group, const char *name)
{
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetObjectItem(root, group), name);
    assert_true(cJSON_IsNumber(value));
    return value->valuedouble;
}

static void every_request_of_a_run_is_answered_once(const char *line)
{
    every_message_of_a_run_arrives(line);
    cJSON *root = report();
    assert_true(of(root, "answered") == of(root, "offered"));
    assert_true(of(root, "answered_again") == 0);
    assert_true(number(root, "services", "received") ==
                of(root, "answered") + number(root, "warm_up_messages", "answered"));
    assert_true(number(root, "services", "failed") == 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "services"), "balanced")));
    /* A way there and back is longer than a way there. */
    const cJSON *latency = cJSON_GetObjectItem(root, "latency_seconds");
    assert_true(number(latency, "intended_to_answered", "count") == of(root, "answered"));
    assert_true(number(latency, "intended_to_answered", "p50") > number(latency, "intended_to_delivered", "p50"));
    cJSON_Delete(root);
}

static void requests_are_answered_by_surb_once_each(void **state)
{
    (void)state;
    every_request_of_a_run_is_answered_once("--quiet --ping --clients 5 --rate 8/s --duration 2s --drain 20s");
    cJSON *root = report();
    /* One SURB for each answer, and ten of each client for the store. */
    assert_true(number(root, "surbs", "used") >= of(root, "answered"));
    /* Only a repeated answer takes a second SURB (a busy machine brings some acks late). */
    assert_true(number(root, "surbs", "requests_sent") == 0 || number(root, "packets", "retransmitted") > 0);
    cJSON_Delete(root);
}

static void large_answers_of_several_services_take_a_surb_a_packet(void **state)
{
    (void)state;
    every_request_of_a_run_is_answered_once("--quiet --ping --services 3 --clients 6 --rate 4/s --size 4000 --warmup 0 "
                                            "--duration 2s --drain 20s --pacing none");
    cJSON *root = report();
    assert_true(number(root, "surbs", "used") >= 3 * of(root, "answered"));
    assert_true(number(root, "surbs", "made") > 3 * of(root, "answered"));
    cJSON_Delete(root);
}

static void services_ask_for_more_surbs_when_a_request_brings_too_few(void **state)
{
    (void)state;
    every_request_of_a_run_is_answered_once("--quiet --ping --surbs 1 --clients 5 --rate 6/s --warmup 0 "
                                            "--duration 1s --drain 20s");
    cJSON *root = report();
    assert_true(number(root, "surbs", "requests_sent") > 0);
    assert_true(number(root, "surbs", "requests_served") > 0);
    cJSON_Delete(root);
}

static void cuts_and_losses_cost_no_answer(void **state)
{
    (void)state;
    every_request_of_a_run_is_answered_once("--quiet --ping --clients 6 --rate 3/s --warmup 500ms --duration 4s "
                                            "--loss 2% --cut-every 2s --drain 60s");
    cJSON *root = report();
    assert_true(number(root, "clients", "connections_lost") >= 6);
    assert_true(number(root, "packets", "retransmitted") > 0);
    cJSON_Delete(root);
}

static void neither_does_a_rotation_of_the_nodes_keys(void **state)
{
    (void)state;
    every_request_of_a_run_is_answered_once("--quiet --ping --clients 6 --rate 3/s --warmup 500ms --duration 5s "
                                            "--epoch 3s --rotation-epochs 1 --drain 60s");
}

static void without_messages_the_slots_are_measured(void **state)
{
    (void)state;
    int code = finish(start("--quiet --clients 5 --rate 0 --duration 1s --drain 1s"));
    assert_true(code == SLC_EXIT_GOOD || code == SLC_EXIT_SATURATED);
    cJSON *root = report();
    assert_true(of(root, "offered") == 0);
    double cover = number(cJSON_GetObjectItem(root, "generator"), "slot_lateness_seconds", "count");
    /* 275 packets on average. */
    assert_true(cover > 150 && cover < 400);
    cJSON_Delete(root);
}

static pid_t alarm_target;
static int alarm_signal;

static void on_alarm(int number)
{
    (void)number;
    int error = errno;
    (void)kill(alarm_target, alarm_signal);
    errno = error;
}

static void signal_after(pid_t target, int signal, suseconds_t ms)
{
    alarm_target = target;
    alarm_signal = signal;
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    const struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static double seconds_now(void)
{
    struct timeval now;
    (void)gettimeofday(&now, NULL);
    return (double)now.tv_sec + (double)now.tv_usec / 1e6;
}

static void an_interrupt_ends_it_soon_and_with_a_report(void **state)
{
    (void)state;
    double begin = seconds_now();
    pid_t child = start("--quiet --clients 5 --rate 20/s --duration 60s --warmup 100ms");
    signal_after(child, SIGINT, 2000);
    assert_int_equal(finish(child), SLC_EXIT_INTERRUPTED);
    assert_true(seconds_now() - begin < 4.5);
    cJSON *root = report();
    assert_string_equal(cJSON_GetObjectItem(root, "verdict")->valuestring, "interrupted");
    expect_balance(root);
    assert_true(of(root, "delivered") > 0);
    cJSON_Delete(root);
    said("INTERRUPTED");
}

/* A mixnet in a process of its own; its topology file is there when this returns. */
static pid_t start_mixnet(void)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct slc_localnet_config config;
        struct slc_localnet *net;
        slc_localnet_config_default(&config);
        if (slc_localnet_new(&net, &config, NULL) != SLC_OK || slc_localnet_start(net, NULL) != SLC_OK) _exit(1);
        char *json = slc_network_document(slc_localnet_network(net), SLC_DOCUMENT_TOPOLOGY_FILE);
        FILE *file = fopen(net_path, "w");
        if (json == NULL || file == NULL || fputs(json, file) < 0 || fclose(file) != 0) _exit(1);
        if (write(ready[1], "", 1) != 1) _exit(1);
        for (;;) {
            (void)pause();
        }
    }
    char byte;
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

static void a_mixnet_that_dies_under_the_load_is_reported_not_waited_for(void **state)
{
    (void)state;
    pid_t mixnet = start_mixnet();
    char line[256];
    (void)snprintf(line, sizeof line,
                   "--quiet --network %s --clients 5 --rate 20/s --duration 3s --warmup 0 --drain 1s", net_path);
    double begin = seconds_now();
    pid_t child = start(line);
    signal_after(mixnet, SIGKILL, 1500);
    int code = finish(child);
    assert_true(code == SLC_EXIT_CHECK_FAILED || code == SLC_EXIT_SATURATED);
    assert_true(seconds_now() - begin < 8);
    (void)waitpid(mixnet, NULL, 0);
    cJSON *root = report();
    expect_balance(root);
    assert_true(of(root, "delivered") > 0);
    assert_true(of(root, "lost") + of(root, "in_flight") + of(root, "waiting") > 0);
    cJSON_Delete(root);
    said("0 of 5 clients were connected at the end");
}

static void nobody_there_is_no_connection_and_says_where(void **state)
{
    (void)state;
    pid_t mixnet = start_mixnet();
    (void)kill(mixnet, SIGKILL);
    (void)waitpid(mixnet, NULL, 0);
    char line[256];
    (void)snprintf(line, sizeof line, "--quiet --network %s --clients 2 --connect 500ms", net_path);
    assert_int_equal(finish(start(line)), SLC_EXIT_NO_CONNECTION);
    said("0 of 2 clients ready after 500.0 ms; client ");
    said("at gateway 127.0.0.1:");
    assert_int_not_equal(access(json_path, F_OK), 0);
}

static void a_rate_beyond_the_slots_runs_and_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(finish(start("--quiet --clients 2 --rate 70/s --duration 500ms --drain 0")), SLC_EXIT_SATURATED);
    said("this run will be invalid: 70 messages/s of 1 packet are 70 packets/s a client, and its slots carry 50");
    cJSON *root = report();
    assert_string_equal(cJSON_GetObjectItem(root, "verdict")->valuestring, "invalid");
    expect_balance(root);
    cJSON_Delete(root);
}

static void a_full_disk_costs_the_file_and_not_the_totals(void **state)
{
    (void)state;
    int code = finish(start("--quiet --clients 2 --rate 5/s --duration 500ms --warmup 0 --html /dev/full"));
    assert_int_equal(code, SLC_EXIT_CHECK_FAILED);
    said("/dev/full: the report could not be written: No space left on device");
    said("ledger balanced");
    cJSON_Delete(report());
}

static void files_that_are_not_there_are_configuration_errors(void **state)
{
    (void)state;
    assert_int_equal(finish(start("--network /nonexistent/net.json")), SLC_EXIT_USAGE);
    said("/nonexistent/net.json");
    assert_int_equal(finish(start("--html /nonexistent/report.html")), SLC_EXIT_USAGE);
    said("/nonexistent/report.html: the report cannot be written there");
    assert_int_not_equal(access(json_path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_on_the_local_mixnet_delivers_and_acks_everything),
        cmocka_unit_test(so_does_one_without_pacing_and_cover_over_poll_with_surbs),
        cmocka_unit_test(losses_on_the_way_are_made_good_by_retransmission),
        cmocka_unit_test(requests_are_answered_by_surb_once_each),
        cmocka_unit_test(large_answers_of_several_services_take_a_surb_a_packet),
        cmocka_unit_test(services_ask_for_more_surbs_when_a_request_brings_too_few),
        cmocka_unit_test(cuts_and_losses_cost_no_answer),
        cmocka_unit_test(neither_does_a_rotation_of_the_nodes_keys),
        cmocka_unit_test(without_messages_the_slots_are_measured),
        cmocka_unit_test(an_interrupt_ends_it_soon_and_with_a_report),
        cmocka_unit_test(a_mixnet_that_dies_under_the_load_is_reported_not_waited_for),
        cmocka_unit_test(nobody_there_is_no_connection_and_says_where),
        cmocka_unit_test(a_rate_beyond_the_slots_runs_and_is_invalid),
        cmocka_unit_test(a_full_disk_costs_the_file_and_not_the_totals),
        cmocka_unit_test(files_that_are_not_there_are_configuration_errors),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
