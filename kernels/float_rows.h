// SPDX-License-Identifier: Apache-2.0
//
// The float rows, best first, of the CPU family that this build is for.

#ifndef QEDGE_KERNELS_FLOAT_ROWS_H
#define QEDGE_KERNELS_FLOAT_ROWS_H

#include "kernels/float.h"

extern const struct kernel_float_conv kernel_conv_f32_c;

#if defined(__x86_64__)
extern const struct kernel_float_conv kernel_conv_f32_avx512vnni, kernel_conv_f32_avx2;
extern const struct kernel_float_conv kernel_depthwise_f32_avx512vnni, kernel_depthwise_f32_avx2;
#define KERNEL_ARCH_FLOAT_CONV                                                                                       \
    &kernel_conv_f32_avx512vnni, &kernel_depthwise_f32_avx512vnni, &kernel_conv_f32_avx2, &kernel_depthwise_f32_avx2,
#elif defined(__aarch64__) || defined(__arm__)
extern const struct kernel_float_conv kernel_conv_f32_neon, kernel_depthwise_f32_neon;
#define KERNEL_ARCH_FLOAT_CONV &kernel_conv_f32_neon, &kernel_depthwise_f32_neon,
#else
#define KERNEL_ARCH_FLOAT_CONV
#endif

#endif
