// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution, 32 channels at a time, for the last channels of a layer on CPUs with AVX-512.

#include "kernels/x86/vec_ymm.h"
#include "kernels/x86/rows_x86.h"

static inline vec vec_dot(vec sums, vec x, vec weights)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "v"(weights));
    return sums;
}

static inline vec vec_dot_memory(vec sums, vec x, const uint8_t *weights)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(x), "m"(*(const vec *)weights));
    return sums;
}

#define DW_REGISTERS 32
#include "kernels/x86/depthwise_vnni.h"

const struct depthwise_isa depthwise_ymm_avx512vnni = {8, 4, 4, true, NULL, run};
