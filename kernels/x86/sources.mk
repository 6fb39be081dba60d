# SPDX-License-Identifier: Apache-2.0
# The x86 kernels: one file, one instruction set (its suffix picks the flags, see ISA_* in the Makefile).
kernels_x86_SRCS :=
