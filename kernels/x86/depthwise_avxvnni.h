// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution with vpdpbusd on ymm registers: the whole of depthwise_avxvnni.c but the encoding of
// the instruction, see gemm_avxvnni.h. The including file defines DEPTHWISE_VPDPBUSD before.

#ifndef QEDGE_KERNELS_X86_DEPTHWISE_AVXVNNI_H
#define QEDGE_KERNELS_X86_DEPTHWISE_AVXVNNI_H

#include "kernels/x86/rows_x86.h"
#include "kernels/x86/vec_ymm.h"

static inline vec vec_dot(vec sums, vec x, vec weights)
{
    __asm__(DEPTHWISE_VPDPBUSD : "+x"(sums) : "x"(x), "x"(weights));
    return sums;
}

static inline vec vec_dot_memory(vec sums, vec x, const uint8_t *weights)
{
    __asm__(DEPTHWISE_VPDPBUSD : "+x"(sums) : "x"(x), "m"(*(const vec *)weights));
    return sums;
}

#define DW_REGISTERS 16
#include "kernels/x86/depthwise_vnni.h"

static const struct depthwise_isa isa = {8, 4, 4, true, NULL, run};

#endif
