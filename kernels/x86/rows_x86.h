// SPDX-License-Identifier: Apache-2.0
//
// x86-64 rows, best first.

#ifndef QEDGE_KERNELS_X86_ROWS_X86_H
#define QEDGE_KERNELS_X86_ROWS_X86_H

#include "kernels/kernels.h"

#define KERNEL_ARCH_CONV
#define KERNEL_ARCH_POOL
#define KERNEL_ARCH_BINARY
#define KERNEL_ARCH_TABLE

#endif
