/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/curve/fe_ifma.h"

#include "crypto/curve/kernel.h"

CURVE_BACKEND(ifma)
