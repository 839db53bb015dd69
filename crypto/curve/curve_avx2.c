/* SPDX-License-Identifier: Apache-2.0 */

/* The level includes FMA (crypto/base/cpu.h); the suffix's flags do not say so. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("fma"))), apply_to = function)
#else
#pragma GCC target("fma")
#endif

#define F64_LANES 4
#include "crypto/curve/fe_f64.h"

#include "crypto/curve/kernel.h"

CURVE_BACKEND(avx2)

#ifdef __clang__
#pragma clang attribute pop
#endif
