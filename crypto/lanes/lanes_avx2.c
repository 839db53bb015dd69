/* SPDX-License-Identifier: Apache-2.0 */
#define VECTOR_BYTES 32
#define LANE_KERNELS slc_lane_kernels_avx2
#include "crypto/lanes/kernels.h"
