// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution, 64 channels at a time; what is left, up to 32, goes to the ymm file.

#include "kernels/x86/rows_x86.h"
#include "kernels/x86/vec_zmm.h"

#define DW_REGISTERS 32
#include "kernels/x86/depthwise_vnni.h"

extern const struct depthwise_isa depthwise_ymm_avx512vnni;

static const struct depthwise_isa isa = {16, 4, 4, true, &depthwise_ymm_avx512vnni, run};

DEPTHWISE_ROW(kernel_depthwise_avx512vnni, "depthwise_avx512vnni", KERNEL_CPU_AVX512VNNI, &isa);
