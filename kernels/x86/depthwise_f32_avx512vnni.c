// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/float_zmm.h"
#include "kernels/float_rows.h"

#include "kernels/depthwise_f32.h"

DEPTHWISE_FLOAT_ROW(kernel_depthwise_f32_avx512vnni, "depthwise_f32_avx512vnni",
                    KERNEL_CPU_AVX512VNNI);
