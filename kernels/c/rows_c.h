// SPDX-License-Identifier: Apache-2.0
//
// The readable kernels: the definition of every operator, on any CPU. Last in every table.

#ifndef QEDGE_KERNELS_C_ROWS_C_H
#define QEDGE_KERNELS_C_ROWS_C_H

#include "kernels/kernels.h"

extern const struct kernel_conv kernel_conv_c, kernel_depthwise_c;
extern const struct kernel_pool kernel_pool_c;
extern const struct kernel_binary kernel_add_c, kernel_sub_c, kernel_mul_c;
extern const struct kernel_table kernel_table_c;
extern const struct kernel_difference kernel_difference_c;

#endif
