// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/float_q.h"

#include "kernels/simple_f32.h"

POOL_FLOAT_ROW(kernel_pool_f32_neon, "pool_f32_neon", KERNEL_CPU_NEON);
BINARY_FLOAT_ROW(kernel_binary_f32_neon, "binary_f32_neon", KERNEL_CPU_NEON);
