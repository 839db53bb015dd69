/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/echo/say.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static double seconds(slc_time ns)
{
    return (double)ns / (double)SLC_SECOND;
}

static void print_json(cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text != NULL) (void)printf("%s\n", text);
    free(text);
}

void slc_echo_say_ready(const struct slc_echo_voice *v)
{
    char url[64] = "";
    if (v->metrics_port != 0) (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/metrics", v->metrics_port);
    cJSON *ready = v->json ? cJSON_CreateObject() : NULL;
    (void)cJSON_AddStringToObject(ready, "event", "ready");
    cJSON *addresses = cJSON_AddArrayToObject(ready, "addresses");
    for (uint32_t i = 0; i < v->identities; i++) {
        struct slc_recipient recipient;
        char address[SLC_RECIPIENT_TEXT_MAX];
        slc_echo_recipient(v->echo, i, &recipient);
        slc_recipient_to_text(&recipient, address);
        if (v->json) {
            (void)cJSON_AddItemToArray(addresses, cJSON_CreateString(address));
        } else {
            (void)printf("address %s\n", address);
        }
    }
    if (v->json) {
        if (url[0] != 0) (void)cJSON_AddStringToObject(ready, "metrics", url);
        print_json(ready);
    } else {
        (void)printf("ready %u%s%s\n", v->identities, url[0] != 0 ? " " : "", url);
    }
    (void)fflush(stdout);
}

void slc_echo_say_status(struct slc_echo_voice *v, slc_time running)
{
    struct slc_engine *engine = slc_echo_engine(v->echo);
    struct slc_client_counters clients;
    struct slc_echo_counts c;
    slc_echo_counts(v->echo, &c);
    slc_engine_counters(engine, &clients);
    double rate = running > v->at ? (double)(c.answered - v->answered) / seconds(running - v->at) : 0;
    (void)fprintf(stderr,
                  "echo %6.0f s  %zu/%u ready  %" PRIu64 " received  %" PRIu64 " answered (%.1f/s)  %" PRIu64
                  " under way  %" PRIu64 " failed  %" PRIu64 " unanswerable  SURBs %" PRIu64 " stored, %" PRIu64
                  " used, %" PRIu64 " requests for more  %" PRIu64 " connections lost\n",
                  seconds(running), slc_engine_ready(engine), v->identities, c.received, c.answered, rate, c.under_way,
                  c.failed, c.unanswerable + c.empty, clients.surbs_stored, clients.surbs_used,
                  clients.surb_requests_sent, clients.losts);
    v->answered = c.answered;
    v->at = running;
}

bool slc_echo_say_summary(const struct slc_echo_voice *v, slc_time running)
{
    struct slc_client_counters clients;
    struct slc_echo_counts c;
    slc_echo_counts(v->echo, &c);
    slc_engine_counters(slc_echo_engine(v->echo), &clients);
    bool balanced = slc_echo_balanced(&c);
    if (v->json) {
        cJSON *summary = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(summary, "event", "summary");
        (void)cJSON_AddNumberToObject(summary, "seconds", seconds(running));
        (void)cJSON_AddBoolToObject(summary, "balanced", balanced);
#define X(name, text) (void)cJSON_AddNumberToObject(summary, #name, (double)c.name);
        SLC_ECHO_COUNTERS(X)
#undef X
        print_json(summary);
    } else {
        (void)printf("summary");
#define X(name, text) (void)printf(" " #name "=%" PRIu64, c.name);
        SLC_ECHO_COUNTERS(X)
#undef X
        (void)printf(" balanced=%s\n", balanced ? "true" : "false");
    }
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "sluice echo: %.1f s: %" PRIu64 " received = %" PRIu64 " answered + %" PRIu64 " failed + %" PRIu64
                  " unanswerable + %" PRIu64 " empty + %" PRIu64 " under way; the books %s; %" PRIu64 " SURBs used\n",
                  seconds(running), c.received, c.answered, c.failed, c.unanswerable, c.empty, c.under_way,
                  balanced ? "balance" : "DO NOT BALANCE", clients.surbs_used);
    const char *trouble = slc_echo_trouble(v->echo);
    if (c.failed > 0 && trouble[0] != 0) (void)fprintf(stderr, "sluice echo: the last trouble: %s\n", trouble);
    return balanced && c.failed == 0 && c.under_way == 0;
}
