/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_VERSION_H
#define SLUICE_VERSION_H

#include "sluice/status.h"

/*
 * Of these headers; the build takes its version from here. While MAJOR is 0, a new MINOR may break programs; from 1 on
 * only a new MAJOR does, and with it the number in the library's file name.
 */
#define SLC_VERSION_MAJOR 0
#define SLC_VERSION_MINOR 1
#define SLC_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* Of the library that runs, as "0.1.0"; never NULL. Any thread. */
SLC_API const char *slc_version(void);

#ifdef __cplusplus
}
#endif

#endif
