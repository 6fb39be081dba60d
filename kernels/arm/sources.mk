# SPDX-License-Identifier: Apache-2.0
# The arm kernels: one file, one instruction set (its suffix picks the flags, see ISA_* in the
# Makefile). 32-bit ARM has NEON only.
kernels_arm_SRCS := kernels/arm/arm_conv.c kernels/arm/arm_depthwise.c kernels/arm/conv_neon.c \
    kernels/arm/depthwise_neon.c kernels/arm/pool_neon.c kernels/arm/binary_neon.c \
    kernels/arm/conv_f32_neon.c kernels/arm/depthwise_f32_neon.c \
    kernels/arm/simple_f32_neon.c kernels/arm/difference_neon.c kernels/arm/conv_16x8_neon.c kernels/arm/depthwise_16x8_neon.c
ifeq ($(ARCH),aarch64)
kernels_arm_SRCS += kernels/arm/conv_qd8_neon.c kernels/arm/conv_qd8_neondot.c
kernels_arm_SRCS += kernels/arm/table_neon.c kernels/arm/gemm_neon.S \
    kernels/arm/conv_neoni8mm.c kernels/arm/gemm_neoni8mm.S \
    kernels/arm/conv_neondot.c kernels/arm/gemm_neondot.S \
    kernels/arm/depthwise_neondot.c kernels/arm/columns_neondot.S
endif
