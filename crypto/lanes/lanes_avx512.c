/* SPDX-License-Identifier: Apache-2.0 */
#define VECTOR_BYTES 64
#define LANE_KERNELS slc_lane_kernels_avx512
#include "crypto/lanes/kernels.h"
