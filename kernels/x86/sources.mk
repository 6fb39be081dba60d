# SPDX-License-Identifier: Apache-2.0
# The x86 kernels: one file, one instruction set (its suffix picks the flags, see ISA_* in the Makefile).
kernels_x86_SRCS := kernels/x86/gemm_pack.c kernels/x86/gemm_plan.c kernels/x86/gemm_run.c kernels/x86/depthwise_plan.c kernels/x86/tame.c \
    kernels/x86/gemm_avx512vnni.c kernels/x86/gemm_ymm_avx512vnni.c \
    kernels/x86/gemm_avxvnni.c kernels/x86/gemm_avx2.c \
    kernels/x86/depthwise_avx512vnni.c kernels/x86/depthwise_ymm_avx512vnni.c \
    kernels/x86/depthwise_avxvnni.c kernels/x86/depthwise_avx2.c \
    kernels/x86/pool_avx2.c kernels/x86/binary_avx2.c kernels/x86/binary_avx512vnni.c kernels/x86/table_avx2.c kernels/x86/difference_avx2.c \
    kernels/x86/conv_f32_avx512vnni.c kernels/x86/conv_f32_fma.c kernels/x86/depthwise_f32_avx512vnni.c \
    kernels/x86/depthwise_f32_fma.c kernels/x86/conv_qd8_avx512vnni.c kernels/x86/conv_qd8_avxvnni.c kernels/x86/conv_qd8_fma.c \
    kernels/x86/quantize_qd8_fma.c kernels/x86/simple_f32_fma.c \
    kernels/x86/conv_16x8_avx512vnni.c kernels/x86/conv_16x8_avxvnni.c kernels/x86/conv_16x8_avx2.c \
    kernels/x86/depthwise_16x8_avx512vnni.c kernels/x86/depthwise_16x8_avx2.c kernels/x86/depthwise_16x8_xmm_avx2.c
