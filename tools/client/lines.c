/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/commands.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WAITING_MAX = 16, LINE_MAX_BYTES = 1 << 20 };

struct slc_lines {
    int fd, stop_fd;
    void (*wake)(void *self);
    void *wake_self;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t taken;
    char *waiting[WAITING_MAX];
    size_t first, count;
    bool ended, stop;
};

/* Owns `line` from now on. False: stop. */
static bool hand_over(struct slc_lines *l, char *line)
{
    (void)pthread_mutex_lock(&l->lock);
    while (l->count == WAITING_MAX && !l->stop) {
        (void)pthread_cond_wait(&l->taken, &l->lock);
    }
    bool going = !l->stop;
    if (going) {
        l->waiting[(l->first + l->count++) % WAITING_MAX] = line;
    } else {
        free(line);
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (going) l->wake(l->wake_self);
    return going;
}

/* Hands over every whole line of text[0..len), and at the end what is left; returns how many bytes stay. */
static size_t cut_lines(struct slc_lines *l, char *text, size_t len, bool end, bool *going)
{
    size_t start = 0;
    while (*going && start < len) {
        const char *newline = memchr(text + start, '\n', len - start);
        if (newline == NULL && !end && len - start < LINE_MAX_BYTES) break;
        size_t line_len = newline != NULL ? (size_t)(newline - (text + start)) : len - start;
        char *line = strndup(text + start, line_len);
        if (line == NULL) break;
        size_t kept = strlen(line);
        if (kept > 0 && line[kept - 1] == '\r') line[kept - 1] = 0;
        *going = hand_over(l, line);
        start += line_len + (newline != NULL);
    }
    memmove(text, text + start, len - start);
    return len - start;
}

static void read_lines(struct slc_lines *l, char *text)
{
    size_t len = 0;
    for (bool going = true; going;) {
        struct pollfd fds[2] = {{.fd = l->fd, .events = POLLIN}, {.fd = l->stop_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
        if (fds[1].revents != 0) return;
        if (fds[0].revents == 0) continue;
        ssize_t n = read(l->fd, text + len, LINE_MAX_BYTES - len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) {
            (void)cut_lines(l, text, len, true, &going);
            return;
        }
        len = cut_lines(l, text, len + (size_t)n, false, &going);
    }
}

static void *run(void *self)
{
    struct slc_lines *l = self;
    char *text = malloc(LINE_MAX_BYTES);
    if (text != NULL) read_lines(l, text);
    free(text);
    (void)pthread_mutex_lock(&l->lock);
    l->ended = true;
    (void)pthread_mutex_unlock(&l->lock);
    l->wake(l->wake_self);
    return NULL;
}

enum slc_status slc_lines_start(struct slc_lines **lines, int fd, void (*wake)(void *self), void *self,
                                struct slc_error *error)
{
    *lines = NULL;
    struct slc_lines *l = calloc(1, sizeof *l);
    if (l == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    l->fd = fd;
    l->wake = wake;
    l->wake_self = self;
    l->stop_fd = eventfd(0, EFD_CLOEXEC);
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->taken, NULL);
    if (l->stop_fd < 0 || pthread_create(&l->thread, NULL, run, l) != 0) {
        int why = errno;
        if (l->stop_fd >= 0) (void)close(l->stop_fd);
        free(l);
        return slc_fail(error, SLC_IO, "starting to read commands: %s", strerror(why));
    }
    *lines = l;
    return SLC_OK;
}

enum slc_lines_result slc_lines_take(struct slc_lines *l, char **line)
{
    enum slc_lines_result result = SLC_LINES_NONE;
    (void)pthread_mutex_lock(&l->lock);
    if (l->count > 0) {
        *line = l->waiting[l->first];
        l->first = (l->first + 1) % WAITING_MAX;
        l->count--;
        result = SLC_LINES_LINE;
        (void)pthread_cond_signal(&l->taken);
    } else if (l->ended) {
        result = SLC_LINES_END;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return result;
}

void slc_lines_stop(struct slc_lines *l)
{
    if (l == NULL) return;
    (void)pthread_mutex_lock(&l->lock);
    l->stop = true;
    (void)pthread_cond_signal(&l->taken);
    (void)pthread_mutex_unlock(&l->lock);
    const uint64_t one = 1;
    ssize_t written = write(l->stop_fd, &one, sizeof one);
    (void)written;
    (void)pthread_join(l->thread, NULL);
    while (l->count > 0) {
        free(l->waiting[l->first]);
        l->first = (l->first + 1) % WAITING_MAX;
        l->count--;
    }
    (void)close(l->stop_fd);
    (void)pthread_cond_destroy(&l->taken);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}
