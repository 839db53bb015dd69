/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/refresh.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ATTEMPT_MS = 10000 };

struct slc_refresh {
    char *nym_api;
    slc_time every;
    void (*wake)(void *self);
    void *wake_self;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop, has_result;
    enum slc_status status; /* of the last attempt, with what it brought */
    struct slc_topology *topology;
    struct slc_rotation_info info;
    struct slc_error error;
};

/* With the lock held: until `every` has passed or the end; true: go on. */
static bool wait_for_turn(struct slc_refresh *r)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(r->every / SLC_SECOND);
    until.tv_nsec += (long)(r->every % SLC_SECOND);
    if (until.tv_nsec >= (long)SLC_SECOND) {
        until.tv_sec++;
        until.tv_nsec -= (long)SLC_SECOND;
    }
    int failed = 0;
    while (!r->stop && failed == 0) {
        failed = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    return !r->stop;
}

static void *run(void *self)
{
    struct slc_refresh *r = self;
    (void)pthread_mutex_lock(&r->lock);
    while (wait_for_turn(r)) {
        (void)pthread_mutex_unlock(&r->lock);
        struct slc_topology *topology;
        struct slc_rotation_info info;
        struct slc_error error = {0};
        enum slc_status status = slc_directory_fetch(r->nym_api, ATTEMPT_MS, &topology, &info, &error);
        (void)pthread_mutex_lock(&r->lock);
        slc_topology_release(r->topology);
        r->topology = status == SLC_OK ? topology : NULL;
        r->status = status;
        r->info = info;
        r->error = error;
        r->has_result = true;
        r->wake(r->wake_self);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

enum slc_status slc_refresh_start(struct slc_refresh **refresh, const char *nym_api, slc_time every,
                                  void (*wake)(void *self), void *self, struct slc_error *error)
{
    *refresh = NULL;
    struct slc_refresh *r = calloc(1, sizeof *r);
    if (r == NULL || (r->nym_api = strdup(nym_api)) == NULL) {
        free(r);
        return slc_fail(error, SLC_NO_MEMORY, "no memory");
    }
    r->every = every;
    r->wake = wake;
    r->wake_self = self;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&r->thread, NULL, run, r);
    if (failed != 0) {
        free(r->nym_api);
        free(r);
        return slc_fail(error, SLC_IO, "starting the refresh of the topology: %s", strerror(failed));
    }
    *refresh = r;
    return SLC_OK;
}

enum slc_status slc_refresh_take(struct slc_refresh *r, struct slc_topology **topology, struct slc_rotation_info *info,
                                 struct slc_error *error)
{
    *topology = NULL;
    (void)pthread_mutex_lock(&r->lock);
    enum slc_status status = r->has_result ? r->status : SLC_AGAIN;
    if (r->has_result) {
        *topology = r->topology;
        *info = r->info;
        *error = r->error;
        r->topology = NULL;
        r->has_result = false;
    }
    (void)pthread_mutex_unlock(&r->lock);
    return status;
}

void slc_refresh_stop(struct slc_refresh *r)
{
    if (r == NULL) return;
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_signal(&r->changed);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL);
    slc_topology_release(r->topology);
    (void)pthread_cond_destroy(&r->changed);
    (void)pthread_mutex_destroy(&r->lock);
    free(r->nym_api);
    free(r);
}
