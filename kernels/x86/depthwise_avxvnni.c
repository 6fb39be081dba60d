// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution with the VEX form of vpdpbusd, 32 channels at a time.

#include "kernels/x86/rows_x86.h"
#include "kernels/x86/vec_ymm.h"

static inline vec vec_dot(vec sums, vec x, vec weights)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(x), "x"(weights));
    return sums;
}

#include "kernels/x86/depthwise_vnni.h"

static const struct depthwise_isa isa = {8, 4, 4, true, NULL, run};

DEPTHWISE_ROW(kernel_depthwise_avxvnni, "depthwise_avxvnni", KERNEL_CPU_AVXVNNI, &isa);
