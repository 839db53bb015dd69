/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BURN_H
#define SLUICE_BURN_H

#include <stdint.h>
#include <string.h>

/*
 * Overwrites the SLC_BURN_BYTES of stack below the caller's frame, where what it called kept state and spilled
 * registers. For wrappers: a frame's own spills are out of reach, so what computes is not inlined (SLC_IN_FRAME) and
 * the burning is its caller's. Once per batch. A file whose frames are deeper says so before it includes this.
 */
#define SLC_IN_FRAME static __attribute__((noinline))

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
