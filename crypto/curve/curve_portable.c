/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/curve/fe_u64.h"

#include "crypto/curve/kernel.h"

CURVE_BACKEND(portable)
