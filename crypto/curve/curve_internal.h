/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CURVE_INTERNAL_H
#define SLUICE_CURVE_INTERNAL_H

#include "crypto/base/cpu.h"
#include "crypto/curve/curve.h"

#include <stdalign.h>

/*
 * The room's inside: the table that every back end reads, and what a back end is.
 *
 * A multiplication is a signed comb. The odd scalar s < 2^255 is written as a sum of +-2^b over all b = 0 .. 254. Bit
 * position b = 51 * tooth + 3 * block + column, with 5 teeth, 17 blocks and 3 columns: the 5 signs of one (block,
 * column) pair choose one of 32 points, of which a table keeps the 16 where the top tooth is positive. So a
 * multiplication is 51 additions and 2 doublings with no zero digit and no special case.
 */

enum {
    COMB_TEETH = 5,
    COMB_SPACING = 51, /* COMB_BLOCKS * COMB_COLUMNS */
    COMB_BLOCKS = 17,
    COMB_COLUMNS = 3,
    COMB_POINTS = 16, /* 2^(COMB_TEETH - 1) */
    FIELD_LIMBS = 5,
};
_Static_assert(COMB_SPACING == COMB_BLOCKS * COMB_COLUMNS, "blocks and columns fill the space between teeth");
_Static_assert(COMB_TEETH *COMB_SPACING == 255, "the comb covers a scalar");

/*
 * A call inside a kernel would pass field elements through memory: compilers do not see what that costs. Kernels touch
 * local arrays at constant indices only, where sanitizers find nothing but take minutes to compile; what indexes jobs
 * and lanes around them is not exempt.
 */
#define CURVE_INLINE static inline __attribute__((always_inline, no_sanitize("address", "undefined", "thread")))
#define CURVE_KERNEL static __attribute__((noinline, no_sanitize("address", "undefined", "thread")))

/* Field arithmetic in integers needs no floating-point state; fe_f64.h has its own. */
typedef struct {
    unsigned csr;
} field_state;
#define CURVE_FIELD_IS_INTEGER                                                                                         \
    CURVE_INLINE field_state field_enter(void)                                                                         \
    {                                                                                                                  \
        return (field_state){0};                                                                                       \
    }                                                                                                                  \
    CURVE_INLINE void field_leave(field_state state)                                                                   \
    {                                                                                                                  \
        (void)state;                                                                                                   \
    }

/*
 * 16 affine points as halved Niels coordinates (halves save doubling Z in every addition). Canonical values in limbs of
 * 52 bits whatever the back end, so that a table outlives a change of level; the others convert what they look up. One
 * limb of all 16 points lies together: two 64-byte vectors, which AVX-512 looks up in one instruction.
 */
struct comb_block {
    uint64_t sum[FIELD_LIMBS][COMB_POINTS];        /* (y + x) / 2 */
    uint64_t difference[FIELD_LIMBS][COMB_POINTS]; /* (y - x) / 2 */
    uint64_t product[FIELD_LIMBS][COMB_POINTS];    /* d * x * y   */
};

struct slc_curve_table {
    alignas(64) struct comb_block block[COMB_BLOCKS];
};

/* Fills `table` for multiples of 8P; table.c. SLC_BAD_KEY as slc_curve_table_new(). */
SLC_MUST_CHECK enum slc_status slc_curve_table_fill(struct slc_curve_table *table,
                                                    const uint8_t public_key[SLC_KEY_BYTES]);

/* Jobs of one table that share a vector: jobs[order[first]] .. jobs[order[first + lanes - 1]]. */
struct comb_vector {
    const struct slc_curve_table *table;
    uint32_t first;
    uint32_t lanes; /* 1 .. the back end's; idle lanes repeat the first */
};

enum {
    CURVE_LANES_MAX = 8,
    /* Vectors that share one inversion: its cost is below 1 % of theirs, their memory well inside the second cache. */
    CURVE_CHUNK = 128,
    /* The same for ladders, whose memory is on the stack. */
    LADDER_CHUNK = 16,
    /* Memory of one vector between multiplication and inversion: 3 field elements of the widest back end. */
    CURVE_QUOTIENT_BYTES = 3 * FIELD_LIMBS * 64,
    /* Memory of one lane's own table: 17 points of 4 field elements, and a word; a multiple of 64. */
    CURVE_OWN_BYTES = 17 * 4 * FIELD_LIMBS * 8 + 32,
};

/* What a back end offers. `work`: 64-byte aligned, CURVE_QUOTIENT_BYTES per vector, wiped by the caller. */
struct curve_backend {
    unsigned lanes;
    /* At most CURVE_CHUNK vectors. */
    void (*multiply)(const struct comb_vector *vectors, size_t count, const struct slc_curve_job *jobs,
                     const uint32_t *order, void *work);
    /* At most LADDER_CHUNK * lanes jobs. */
    void (*ladder)(const struct slc_ladder_job *jobs, size_t n, void *work);
    /* `tables`: n rounded up to whole vectors times CURVE_OWN_BYTES. */
    void (*own_tables)(const uint8_t *const *point, size_t n, void *tables);
    /* The same with at most LADDER_CHUNK * lanes jobs. */
    void (*own_multiply)(const struct slc_own_job *jobs, size_t n, const void *tables, void *work);
};

extern const struct curve_backend slc_curve_portable;
#ifdef SLC_CPU_X86
extern const struct curve_backend slc_curve_avx2, slc_curve_avx512, slc_curve_ifma;
#endif

#endif
