/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BURN_INTERNAL_H
#define SLUICE_BURN_INTERNAL_H

#include <stdint.h>
#include <string.h>

/*
 * Overwrites the SLC_BURN_BYTES of stack below the caller's frame, where the kernels it called kept state and spilled
 * registers. Called once per batch. A room whose frames are deeper says so before it includes this.
 */
#ifndef SLC_BURN_BYTES
#define SLC_BURN_BYTES 4096
#endif
static __attribute__((noinline)) void slc_burn_stack(void)
{
    uint8_t frames[SLC_BURN_BYTES];
    memset(frames, 0, sizeof frames);
    __asm__ volatile("" : : "r"(frames) : "memory");
}

#endif
