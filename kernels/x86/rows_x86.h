// SPDX-License-Identifier: Apache-2.0
//
// x86-64 rows, best first.

#ifndef QEDGE_KERNELS_X86_ROWS_X86_H
#define QEDGE_KERNELS_X86_ROWS_X86_H

#include "kernels/kernels.h"

// The matrix product comes first: it takes a depthwise layer on a single channel too.
extern const struct kernel_conv kernel_conv_avx512vnni, kernel_conv_avxvnni, kernel_conv_avx2;
extern const struct kernel_conv kernel_depthwise_avx512vnni, kernel_depthwise_avxvnni, kernel_depthwise_avx2;

#define KERNEL_ARCH_CONV                                                                               \
    &kernel_conv_avx512vnni, &kernel_depthwise_avx512vnni, &kernel_conv_avxvnni,                       \
        &kernel_depthwise_avxvnni, &kernel_conv_avx2, &kernel_depthwise_avx2,
#define KERNEL_ARCH_POOL
#define KERNEL_ARCH_BINARY
#define KERNEL_ARCH_TABLE

#endif
