/* SPDX-License-Identifier: Apache-2.0 */
#define VECTOR_BYTES 16
#define LANE_KERNELS slc_lane_kernels_portable
#include "crypto/lanes/kernels.h"
