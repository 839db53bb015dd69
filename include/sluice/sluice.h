/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

/*
 * libsluice: Nym clients, thousands in one process, for programs that send and receive at volume.
 *
 *     slc_open()      an engine: threads, the network's topology, a folder for what has to be kept
 *     slc_add()       clients on it; each connects by itself and has an address of its own
 *     slc_send(), slc_reply()
 *     slc_poll()      what happened: messages that came, what became of those sent
 *     slc_finish(), slc_close()
 *
 * Rules for all of it:
 *
 * - Threads. One thread drives an engine, its *control thread*: the one that opened it, until slc_hand_over(). All
 * calls for that engine and its clients are made there, and another thread gets SLC_WRONG_THREAD and nothing happens;
 * where a comment says "any thread" it means it. Several engines may have several control threads. The library's own
 * threads never call a function of the program. A child of fork() has none of these threads: it may use no engine of
 * its parent.
 * - Nothing blocks but slc_open() (asks the directory), slc_add() with a stored name (reads the folder), slc_wait()
 *   and slc_close().
 * - Handles are values. One that was closed, removed, copied too long, zero or made up is SLC_BAD_HANDLE, never a
 * crash.
 * - A struct that begins with `size` is given with its own sizeof there: zero is the default of every other member, and
 * a member that a later version adds. A size that this library does not know is SLC_UNSUPPORTED.
 * - Texts are UTF-8, copied during the call.
 * - A function returns SLC_OK or says in its comment what else; every function that takes handles may answer
 *   SLC_BAD_HANDLE, SLC_WRONG_THREAD, and SLC_BAD_ARGUMENT for a NULL that its comment does not allow.
 */

#include "sluice/client.h"
#include "sluice/engine.h"
#include "sluice/event.h"
#include "sluice/message.h"
#include "sluice/recipient.h"
#include "sluice/statistics.h"
#include "sluice/status.h"
#include "sluice/version.h"

#endif
