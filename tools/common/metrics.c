/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 128 };

struct slc_metrics {
    struct MHD_Daemon *daemon;
    slc_metrics_fn *write;
    void *self;
};

/* ---- the server ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, const void *body, size_t len,
                              enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, mode);
    if (response == NULL) return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_numbers(const struct slc_metrics *m, struct MHD_Connection *connection)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) return MHD_NO;
    m->write(m->self, out);
    if (fclose(out) == 0) return answer(connection, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE);
    free(text);
    return MHD_NO;
}

static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *body, size_t *body_len, void **state)
{
    static const char no_method[] = "GET only\n", no_path[] = "the numbers are at /metrics\n";
    (void)version;
    (void)body;
    (void)body_len;
    (void)state;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, no_method, sizeof no_method - 1, MHD_RESPMEM_PERSISTENT);
    }
    if (strcmp(path, "/metrics") == 0) return answer_numbers(self, connection);
    return answer(connection, MHD_HTTP_NOT_FOUND, no_path, sizeof no_path - 1, MHD_RESPMEM_PERSISTENT);
}

enum slc_status slc_metrics_start(struct slc_metrics **metrics, uint16_t port, slc_metrics_fn *write, void *self,
                                  uint16_t *bound, struct slc_error *error)
{
    *metrics = NULL;
    struct slc_metrics *m = calloc(1, sizeof *m);
    if (m == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    m->write = write;
    m->self = self;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    errno = 0;
    m->daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, handle, m, MHD_OPTION_SOCK_ADDR, &address,
                                 MHD_OPTION_CONNECTION_LIMIT, 16u, MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_END);
    if (m->daemon == NULL) {
        int why = errno;
        free(m);
        return slc_fail(error, why == EACCES ? SLC_DENIED : SLC_IO,
                        "--metrics %u: 127.0.0.1:%u: %s; 0 takes a free port", port, port,
                        why != 0 ? strerror(why) : "nobody can listen there");
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_BIND_PORT);
    *bound = info != NULL && info->port != 0 ? info->port : port;
    *metrics = m;
    return SLC_OK;
}

void slc_metrics_stop(struct slc_metrics *m)
{
    if (m == NULL) return;
    MHD_stop_daemon(m->daemon);
    free(m);
}

/* ---- what it tells ---- */

static void head(FILE *out, const char *name, const char *help, const char *type)
{
    (void)fprintf(out, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help, name, type);
}

void slc_metrics_counter(FILE *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, help, "counter");
    (void)fprintf(out, "sluice_%s %" PRIu64 "\n", name, value);
}

void slc_metrics_gauge(FILE *out, const char *name, const char *help, double value)
{
    head(out, name, help, "gauge");
    (void)fprintf(out, "sluice_%s %.9g\n", name, value);
}

static void thread_seconds(FILE *out, const struct slc_thread_report *t, const char *state, slc_time ns)
{
    (void)fprintf(out, "sluice_thread_seconds_total{thread=\"%s\",state=\"%s\"} %.3f\n", t->name, state,
                  (double)ns / (double)SLC_SECOND);
}

static void lateness(FILE *out, const struct slc_engine *engine)
{
    static const double shares[] = {0.5, 0.99, 0.999};
    struct slc_histogram *late = calloc(1, sizeof *late);
    if (late == NULL) return;
    slc_engine_lateness(engine, late);
    head(out, "send_lateness_seconds", "how long after its time a packet left", "summary");
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        (void)fprintf(out, "sluice_send_lateness_seconds{quantile=\"%g\"} %.9g\n", shares[i],
                      (double)slc_histogram_at(late, shares[i]) / (double)SLC_SECOND);
    }
    (void)fprintf(out, "sluice_send_lateness_seconds_sum %.9g\nsluice_send_lateness_seconds_count %" PRIu64 "\n",
                  (double)late->sum / (double)SLC_SECOND, late->count);
    free(late);
}

void slc_metrics_engine(FILE *out, const struct slc_engine *engine)
{
    struct slc_client_counters c;
    slc_engine_counters(engine, &c);
    slc_metrics_gauge(out, "clients_ready", "clients connected now", (double)slc_engine_ready(engine));
    slc_metrics_gauge(out, "client_memory_bytes", "what the clients hold", (double)slc_engine_client_memory(engine));
    /* The one that is no count but a highest mark. */
#define X(name, help)                                                                                                  \
    if (&c.name == &c.slot_lateness_worst_ns) {                                                                        \
        slc_metrics_gauge(out, "client_" #name, help, (double)c.name);                                                 \
    } else {                                                                                                           \
        slc_metrics_counter(out, "client_" #name "_total", help, c.name);                                              \
    }
    SLC_CLIENT_COUNTERS(X)
#undef X
    struct slc_thread_report rows[THREADS];
    size_t n = slc_engine_threads(engine, rows, THREADS);
    head(out, "thread_seconds_total", "what each thread did with its time", "counter");
    for (size_t i = 0; i < n; i++) {
        thread_seconds(out, &rows[i], "busy", rows[i].busy);
        thread_seconds(out, &rows[i], "starved", rows[i].starved);
        thread_seconds(out, &rows[i], "backpressured", rows[i].backpressured);
        thread_seconds(out, &rows[i], "housekeeping", rows[i].housekeeping);
    }
    lateness(out, engine);
}
