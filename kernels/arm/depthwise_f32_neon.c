// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/float_q.h"
#include "kernels/float_rows.h"

#include "kernels/depthwise_f32.h"

DEPTHWISE_FLOAT_ROW(kernel_depthwise_f32_neon, "depthwise_f32_neon", KERNEL_CPU_NEON);
