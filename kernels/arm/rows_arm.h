// SPDX-License-Identifier: Apache-2.0
//
// ARM (64 and 32 bit) rows, best first. 32-bit builds have NEON without dot products and table
// look-ups.

#ifndef QEDGE_KERNELS_ARM_ROWS_ARM_H
#define QEDGE_KERNELS_ARM_ROWS_ARM_H

#include "kernels/kernels.h"

extern const struct kernel_conv kernel_conv_neon, kernel_depthwise_neon;
extern const struct kernel_pool kernel_pool_neon;
extern const struct kernel_binary kernel_add_neon, kernel_sub_neon, kernel_mul_neon;
extern const struct kernel_difference kernel_difference_neon;

#ifdef __aarch64__
extern const struct kernel_conv kernel_conv_neoni8mm, kernel_conv_neondot, kernel_depthwise_neondot;
extern const struct kernel_table kernel_table_neon;
#define KERNEL_ARCH_CONV                                                                       \
    &kernel_conv_neoni8mm, &kernel_conv_neondot, &kernel_depthwise_neondot, &kernel_conv_neon, \
        &kernel_depthwise_neon,
#define KERNEL_ARCH_TABLE &kernel_table_neon,
#else
#define KERNEL_ARCH_CONV &kernel_conv_neon, &kernel_depthwise_neon,
#define KERNEL_ARCH_TABLE
#endif
#define KERNEL_ARCH_POOL &kernel_pool_neon,
#define KERNEL_ARCH_BINARY &kernel_add_neon, &kernel_sub_neon, &kernel_mul_neon,
#define KERNEL_ARCH_DIFFERENCE &kernel_difference_neon,

#endif
