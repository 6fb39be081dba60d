// SPDX-License-Identifier: Apache-2.0
//
// The 16x8 rows, best first, of the CPU family that this build is for.

#ifndef QEDGE_KERNELS_WIDE_ROWS_H
#define QEDGE_KERNELS_WIDE_ROWS_H

#include "kernels/wide.h"

extern const struct kernel_wide_conv kernel_conv_16x8_c;

#if defined(__x86_64__)
extern const struct kernel_wide_conv kernel_conv_16x8_avx512vnni, kernel_conv_16x8_avxvnni,
    kernel_conv_16x8_avx2;
extern const struct kernel_wide_conv kernel_depthwise_16x8_avx512vnni, kernel_depthwise_16x8_avx2,
    kernel_depthwise_16x8_xmm_avx2;
#define KERNEL_ARCH_WIDE_CONV                                                                      \
    &kernel_conv_16x8_avx512vnni, &kernel_depthwise_16x8_avx512vnni, &kernel_conv_16x8_avxvnni,    \
        &kernel_conv_16x8_avx2, &kernel_depthwise_16x8_avx2, &kernel_depthwise_16x8_xmm_avx2,
#elif defined(__aarch64__) || defined(__arm__)
extern const struct kernel_wide_conv kernel_conv_16x8_neon, kernel_depthwise_16x8_neon;
#define KERNEL_ARCH_WIDE_CONV &kernel_conv_16x8_neon, &kernel_depthwise_16x8_neon,
#else
#define KERNEL_ARCH_WIDE_CONV
#endif

#endif
