/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/refresh.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the policy ---- */

void slc_refresh_policy_init(struct slc_refresh_policy *policy, const struct slc_traffic *traffic, size_t urls,
                             bool have)
{
    *policy = (struct slc_refresh_policy){.every = traffic->topology_refresh,
                                          .fixed = traffic->topology_fixed,
                                          .have = have,
                                          .urls = urls,
                                          .successes = have};
}

bool slc_refresh_wants_info(const struct slc_refresh_policy *policy)
{
    return policy->successes % SLC_REFRESH_INFO == 0;
}

slc_time slc_refresh_wait(const struct slc_refresh_policy *policy, struct slc_random *random)
{
    if (policy->have && policy->fixed) return SLC_NEVER;
    slc_time wait = policy->every;
    if (policy->successes == 0) {
        if (policy->failures == 0) return 0;
        unsigned doublings = policy->failures - 1 < 20 ? policy->failures - 1 : 20;
        if (SLC_SECOND << doublings < wait) wait = SLC_SECOND << doublings;
    }
    return wait + (slc_time)(slc_random_unit(random) * (double)wait / 10);
}

bool slc_refresh_attempted(struct slc_refresh_policy *policy, bool succeeded)
{
    if (succeeded) {
        policy->have = true;
        policy->failures = 0;
        policy->successes++;
        return false;
    }
    policy->failures++;
    policy->url = (policy->url + 1) % policy->urls;
    bool clears = policy->have && policy->failures > SLC_REFRESH_TOLERATED;
    if (clears) policy->have = false;
    return clears;
}

/* ---- the thread ---- */

struct slc_refresh {
    struct slc_refresh_policy policy; /* the thread's, as the next three */
    struct slc_random random;
    struct slc_fetch_options options;
    char **urls;
    size_t url_count;
    void (*wake)(void *self);
    void *self;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    _Atomic bool stop; /* set with the lock held; a fetch reads it without */
    bool now, has_result;
    struct slc_refresh_result result;
};

static struct timespec point(slc_time wait)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(wait / SLC_SECOND);
    at.tv_nsec += (long)(wait % SLC_SECOND);
    if (at.tv_nsec >= (long)SLC_SECOND) {
        at.tv_sec++;
        at.tv_nsec -= (long)SLC_SECOND;
    }
    return at;
}

/* With the lock held: until `wait` has passed, slc_refresh_now() or the end; true: go on. */
static bool wait_for_turn(struct slc_refresh *r, slc_time wait)
{
    struct timespec until = point(wait == SLC_NEVER ? 0 : wait);
    int failed = 0;
    while (!r->stop && !r->now && failed == 0) {
        failed = wait == SLC_NEVER ? pthread_cond_wait(&r->changed, &r->lock)
                                   : pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    r->now = false;
    return !r->stop;
}

/* With the lock held. Of two results that nobody took the newer counts, but a clearing is not forgotten. */
static void put_result(struct slc_refresh *r, const struct slc_refresh_result *result)
{
    struct slc_refresh_result *old = &r->result;
    /* A snapshot that waits to be taken outlives the failure after it. */
    if (old->topology != NULL && result->status != SLC_OK && !result->cleared) return;
    bool cleared = old->cleared && result->status != SLC_OK;
    slc_topology_release(old->topology);
    *old = *result;
    old->cleared |= cleared;
    r->has_result = true;
}

static void *run(void *self)
{
    struct slc_refresh *r = self;
    (void)pthread_mutex_lock(&r->lock);
    while (wait_for_turn(r, slc_refresh_wait(&r->policy, &r->random))) {
        (void)pthread_mutex_unlock(&r->lock);
        struct slc_refresh_result result = {.has_info = slc_refresh_wants_info(&r->policy)};
        result.status = slc_directory_fetch_with(r->urls[r->policy.url], &r->options, &result.topology,
                                                 result.has_info ? &result.info : NULL, &result.error);
        result.cleared = slc_refresh_attempted(&r->policy, result.status == SLC_OK);
        result.failures = r->policy.failures;
        (void)pthread_mutex_lock(&r->lock);
        if (!r->stop) {
            put_result(r, &result);
            r->wake(r->self);
        } else {
            slc_topology_release(result.topology);
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void free_refresh(struct slc_refresh *r)
{
    for (size_t i = 0; r->urls != NULL && i < r->url_count; i++) {
        free(r->urls[i]);
    }
    free(r->urls);
    slc_random_wipe(&r->random);
    free(r);
}

static enum slc_status make(struct slc_refresh *r, const struct slc_refresh_config *config)
{
    const struct slc_traffic *t = config->traffic;
    slc_refresh_policy_init(&r->policy, t, config->url_count, config->have);
    r->options = (struct slc_fetch_options){.timeout_ms = config->attempt_ms > 0 ? config->attempt_ms : 30000,
                                            .mixnode_performance = t->mixnode_performance,
                                            .gateway_performance = t->gateway_performance,
                                            .extended = t->extended_topology,
                                            .cancel = &r->stop};
    r->wake = config->wake;
    r->self = config->self;
    r->url_count = config->url_count;
    r->urls = calloc(config->url_count, sizeof *r->urls);
    if (r->urls == NULL) return SLC_NO_MEMORY;
    for (size_t i = 0; i < config->url_count; i++) {
        r->urls[i] = strdup(config->urls[i]);
        if (r->urls[i] == NULL) return SLC_NO_MEMORY;
    }
    return slc_random_from_system(&r->random);
}

static int start_thread(struct slc_refresh *r)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&r->thread, NULL, run, r);
    if (failed != 0) {
        (void)pthread_cond_destroy(&r->changed);
        (void)pthread_mutex_destroy(&r->lock);
    }
    return failed;
}

enum slc_status slc_refresh_start(struct slc_refresh **refresh, const struct slc_refresh_config *config,
                                  struct slc_error *error)
{
    *refresh = NULL;
    if (config->url_count == 0) return slc_fail(error, SLC_BAD_ARGUMENT, "no directory to ask for the topology");
    struct slc_refresh *r = calloc(1, sizeof *r);
    if (r == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    enum slc_status status = make(r, config);
    if (status != SLC_OK) {
        free_refresh(r);
        return slc_fail(error, status, "refreshing the topology: %s", slc_status_text(status));
    }
    int failed = start_thread(r);
    if (failed != 0) {
        free_refresh(r);
        return slc_fail(error, SLC_IO, "starting the refresh of the topology: %s", strerror(failed));
    }
    *refresh = r;
    return SLC_OK;
}

bool slc_refresh_take(struct slc_refresh *r, struct slc_refresh_result *result)
{
    (void)pthread_mutex_lock(&r->lock);
    bool has = r->has_result;
    if (has) *result = r->result;
    r->result = (struct slc_refresh_result){0};
    r->has_result = false;
    (void)pthread_mutex_unlock(&r->lock);
    return has;
}

void slc_refresh_now(struct slc_refresh *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->now = true;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
}

void slc_refresh_stop(struct slc_refresh *r)
{
    if (r == NULL) return;
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL);
    slc_topology_release(r->result.topology);
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    free_refresh(r);
}
