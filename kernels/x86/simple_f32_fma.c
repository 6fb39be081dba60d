// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/float_ymm.h"

#include "kernels/simple_f32.h"

POOL_FLOAT_ROW(kernel_pool_f32_avx2, "pool_f32_avx2", KERNEL_CPU_AVX2);
BINARY_FLOAT_ROW(kernel_binary_f32_avx2, "binary_f32_avx2", KERNEL_CPU_AVX2);
