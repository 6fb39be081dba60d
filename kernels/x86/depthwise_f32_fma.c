// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/float_ymm.h"
#include "kernels/float_rows.h"

#include "kernels/depthwise_f32.h"

DEPTHWISE_FLOAT_ROW(kernel_depthwise_f32_avx2, "depthwise_f32_avx2", KERNEL_CPU_AVX2);
