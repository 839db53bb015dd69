/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t stop, interrupted;
static void (*wake_program)(void *self);
static void *wake_self;

static void handle(int signal)
{
    /* A second one means it: the orderly end takes too long for whoever asks. */
    if (stop) _exit(130);
    stop = 1;
    interrupted = signal == SIGINT;
    /* The wake is a system call, and whoever was interrupted may be about to read its own error. */
    int error = errno;
    if (wake_program != NULL) wake_program(wake_self);
    errno = error;
}

void slc_signals_catch(void (*wake)(void *self), void *self)
{
    wake_program = wake;
    wake_self = self;
    struct sigaction action = {.sa_handler = handle};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

bool slc_signals_stop(void)
{
    return stop != 0;
}

bool slc_signals_interrupted(void)
{
    return interrupted != 0;
}
