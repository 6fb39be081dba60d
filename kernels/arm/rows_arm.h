// SPDX-License-Identifier: Apache-2.0
//
// ARM (64 and 32 bit) rows, best first.

#ifndef QEDGE_KERNELS_ARM_ROWS_ARM_H
#define QEDGE_KERNELS_ARM_ROWS_ARM_H

#include "kernels/kernels.h"

#define KERNEL_ARCH_CONV
#define KERNEL_ARCH_POOL
#define KERNEL_ARCH_BINARY
#define KERNEL_ARCH_TABLE

#endif
