/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIGNALS_H
#define SLUICE_SIGNALS_H

#include <stdbool.h>

/* SIGINT and SIGTERM end a program in order; SIGPIPE is an error of a write. Main thread, before threads exist. */
void slc_signals_catch(void (*wake)(void *self), void *self);
/* Whether the end was asked for; `wake` was called then, from the signal handler. */
bool slc_signals_stop(void);
/* SIGINT rather than SIGTERM. */
bool slc_signals_interrupted(void);

#endif
