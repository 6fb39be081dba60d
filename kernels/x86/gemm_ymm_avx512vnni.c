// SPDX-License-Identifier: Apache-2.0
//
// The matrix product on ymm registers for CPUs with AVX-512: layers of at most 8 columns, of which a zmm
// register would waste half.

#define GEMM_VPDPBUSD "vpdpbusd %2, %1, %0"
#include "kernels/x86/gemm_avxvnni.h"

extern const struct gemm_isa gemm_ymm_avx512vnni;

const struct gemm_isa gemm_ymm_avx512vnni = {8, 2, 1, gather, gather_lines, sum_bytes, multiply};
