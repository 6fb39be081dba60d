// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution with the VEX form of vpdpbusd, 32 channels at a time.

#define DEPTHWISE_VPDPBUSD "%{vex%} vpdpbusd %2, %1, %0"
#include "kernels/x86/depthwise_avxvnni.h"

DEPTHWISE_ROW(kernel_depthwise_avxvnni, "depthwise_avxvnni", KERNEL_CPU_AVXVNNI, &isa);
