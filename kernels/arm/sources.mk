# SPDX-License-Identifier: Apache-2.0
# The arm kernels: one file, one instruction set (its suffix picks the flags, see ISA_* in the Makefile).
kernels_arm_SRCS :=
