// SPDX-License-Identifier: Apache-2.0
//
// The float rows, best first, of the CPU family that this build is for.

#ifndef QEDGE_KERNELS_FLOAT_ROWS_H
#define QEDGE_KERNELS_FLOAT_ROWS_H

#include "kernels/float.h"

extern const struct kernel_float_conv kernel_conv_f32_c;
extern const struct kernel_hybrid_conv kernel_conv_qd8_c;
extern const struct kernel_hybrid_quantize kernel_quantize_qd8_c;
extern const struct kernel_hybrid_round kernel_round_qd8_c;
extern const struct kernel_float_pool kernel_pool_f32_c;
extern const struct kernel_float_binary kernel_binary_f32_c;

#if defined(__x86_64__)
extern const struct kernel_float_conv kernel_conv_f32_avx512vnni, kernel_conv_f32_avx2;
extern const struct kernel_float_conv kernel_depthwise_f32_avx512vnni, kernel_depthwise_f32_avx2;
#define KERNEL_ARCH_FLOAT_CONV                                                                     \
    &kernel_conv_f32_avx512vnni, &kernel_depthwise_f32_avx512vnni, &kernel_conv_f32_avx2,          \
        &kernel_depthwise_f32_avx2,
extern const struct kernel_hybrid_conv kernel_conv_qd8_avx512vnni, kernel_conv_qd8_avxvnni,
    kernel_conv_qd8_avx2;
#define KERNEL_ARCH_HYBRID_CONV                                                                    \
    &kernel_conv_qd8_avx512vnni, &kernel_conv_qd8_avxvnni, &kernel_conv_qd8_avx2,
extern const struct kernel_hybrid_quantize kernel_quantize_qd8_avx2;
#define KERNEL_ARCH_HYBRID_QUANTIZE &kernel_quantize_qd8_avx2,
extern const struct kernel_hybrid_round kernel_round_qd8_avx2;
#define KERNEL_ARCH_HYBRID_ROUND &kernel_round_qd8_avx2,
extern const struct kernel_float_pool kernel_pool_f32_avx2;
#define KERNEL_ARCH_FLOAT_POOL &kernel_pool_f32_avx2,
extern const struct kernel_float_binary kernel_binary_f32_avx2;
#define KERNEL_ARCH_FLOAT_BINARY &kernel_binary_f32_avx2,
#elif defined(__aarch64__) || defined(__arm__)
extern const struct kernel_float_conv kernel_conv_f32_neon, kernel_depthwise_f32_neon;
#define KERNEL_ARCH_FLOAT_CONV &kernel_conv_f32_neon, &kernel_depthwise_f32_neon,
extern const struct kernel_float_pool kernel_pool_f32_neon;
#define KERNEL_ARCH_FLOAT_POOL &kernel_pool_f32_neon,
extern const struct kernel_float_binary kernel_binary_f32_neon;
#define KERNEL_ARCH_FLOAT_BINARY &kernel_binary_f32_neon,
#ifdef __aarch64__
extern const struct kernel_hybrid_conv kernel_conv_qd8_neondot, kernel_conv_qd8_neon;
#define KERNEL_ARCH_HYBRID_CONV &kernel_conv_qd8_neondot, &kernel_conv_qd8_neon,
#else
#define KERNEL_ARCH_HYBRID_CONV
#endif
#else
#define KERNEL_ARCH_FLOAT_CONV
#define KERNEL_ARCH_HYBRID_CONV
#define KERNEL_ARCH_FLOAT_POOL
#define KERNEL_ARCH_FLOAT_BINARY
#endif

#ifndef KERNEL_ARCH_HYBRID_QUANTIZE
#define KERNEL_ARCH_HYBRID_QUANTIZE
#define KERNEL_ARCH_HYBRID_ROUND
#endif

#endif
