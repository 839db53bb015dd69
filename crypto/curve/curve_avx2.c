/* SPDX-License-Identifier: Apache-2.0 */
#define F64_LANES 4
#include "crypto/curve/fe_f64.h"

#include "crypto/curve/kernel.h"

CURVE_BACKEND(avx2)
