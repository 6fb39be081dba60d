// SPDX-License-Identifier: Apache-2.0
//
// Matrix product with the VEX form of vpdpbusd: CPUs with AVX-VNNI but no AVX-512.

#define GEMM_VPDPBUSD "%{vex%} vpdpbusd %2, %1, %0"
#include "kernels/x86/gemm_avxvnni.h"

static const struct gemm_isa isa = {8, 2, 1, gather, gather_lines, sum_bytes, multiply};

GEMM_ROW(kernel_conv_avxvnni, "conv_avxvnni", KERNEL_CPU_AVXVNNI, &isa);
