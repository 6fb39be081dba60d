# SPDX-License-Identifier: Apache-2.0
kernels_SRCS := kernels/cpu.c kernels/conv.c kernels/pool.c kernels/binary.c kernels/table.c \
    kernels/c/conv_c.c kernels/c/depthwise_c.c kernels/c/pool_c.c kernels/c/binary_c.c kernels/c/table_c.c \
    kernels/conv_f32.c kernels/word_plan.c kernels/c/conv_f32_c.c \
    kernels/conv_qd8.c kernels/c/conv_qd8_c.c kernels/c/quantize_qd8_c.c kernels/c/pool_f32_c.c \
    kernels/c/binary_f32_c.c kernels/simple_f32.c kernels/fixedpoint.c kernels/difference.c kernels/c/difference_c.c kernels/conv_16x8.c kernels/c/conv_16x8_c.c

ifeq ($(ARCH),x86_64)
include kernels/x86/sources.mk
kernels_SRCS += $(kernels_x86_SRCS)
else ifneq ($(filter aarch64 arm%,$(ARCH)),)
include kernels/arm/sources.mk
kernels_SRCS += $(kernels_arm_SRCS)
endif
