// SPDX-License-Identifier: Apache-2.0
//
// x86-64 rows, best first.

#ifndef QEDGE_KERNELS_X86_ROWS_X86_H
#define QEDGE_KERNELS_X86_ROWS_X86_H

#include "kernels/kernels.h"

// The matrix product comes first: it takes a depthwise layer on a single channel too.
extern const struct kernel_conv kernel_conv_avx512vnni, kernel_conv_avxvnni, kernel_conv_avx2;
extern const struct kernel_conv kernel_depthwise_avx512vnni, kernel_depthwise_avxvnni, kernel_depthwise_avx2;

// What these instruction sets share is written once, with AVX2, which each of them implies.
extern const struct kernel_pool kernel_pool_avx512vnni, kernel_pool_avxvnni, kernel_pool_avx2;
extern const struct kernel_binary kernel_add_avx512vnni, kernel_add_avxvnni, kernel_add_avx2;
extern const struct kernel_binary kernel_sub_avx512vnni, kernel_sub_avxvnni, kernel_sub_avx2;
extern const struct kernel_binary kernel_mul_avx512vnni, kernel_mul_avxvnni, kernel_mul_avx2;
extern const struct kernel_table kernel_table_avx512vnni, kernel_table_avxvnni, kernel_table_avx2;
extern const struct kernel_difference kernel_difference_avx512vnni, kernel_difference_avxvnni, kernel_difference_avx2;

#define KERNEL_ARCH_CONV                                                                               \
    &kernel_conv_avx512vnni, &kernel_depthwise_avx512vnni, &kernel_conv_avxvnni,                       \
        &kernel_depthwise_avxvnni, &kernel_conv_avx2, &kernel_depthwise_avx2,
#define KERNEL_ARCH_POOL &kernel_pool_avx512vnni, &kernel_pool_avxvnni, &kernel_pool_avx2,
#define KERNEL_ARCH_BINARY                                                                             \
    &kernel_add_avx512vnni, &kernel_sub_avx512vnni, &kernel_mul_avx512vnni, &kernel_add_avxvnni,       \
        &kernel_sub_avxvnni, &kernel_mul_avxvnni, &kernel_add_avx2, &kernel_sub_avx2, &kernel_mul_avx2,
#define KERNEL_ARCH_TABLE &kernel_table_avx512vnni, &kernel_table_avxvnni, &kernel_table_avx2,
#define KERNEL_ARCH_DIFFERENCE                                                                         \
    &kernel_difference_avx512vnni, &kernel_difference_avxvnni, &kernel_difference_avx2,

#endif
