// SPDX-License-Identifier: Apache-2.0
//
// The rows of the CPU family that this build is for. Each family's rows.h declares its rows and lists
// them, best first, in five macros; every listed row ends with a comma.

#ifndef QEDGE_KERNELS_ARCH_H
#define QEDGE_KERNELS_ARCH_H

#if defined(__x86_64__)
#include "kernels/x86/rows_x86.h"
#elif defined(__aarch64__) || defined(__arm__)
#include "kernels/arm/rows_arm.h"
#else
#define KERNEL_ARCH_CONV
#define KERNEL_ARCH_POOL
#define KERNEL_ARCH_BINARY
#define KERNEL_ARCH_TABLE
#define KERNEL_ARCH_DIFFERENCE
#endif

#endif
