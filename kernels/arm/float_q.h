// SPDX-License-Identifier: Apache-2.0
//
// Vectors of 4 floats for kernels/conv_f32.h and kernels/depthwise_f32.h.

#ifndef QEDGE_KERNELS_ARM_FLOAT_Q_H
#define QEDGE_KERNELS_ARM_FLOAT_Q_H

#include <arm_neon.h>
#include <stdint.h>

#define FLOAT_LANES 4
typedef float32x4_t float_vec;

static inline float_vec float_load(const void *from)
{
    return vld1q_f32(from);
}

static inline float_vec float_spread(const void *from)
{
    return vld1q_dup_f32(from);
}

// sums + x * w; rounded once on 64-bit ARM, where every CPU can.
static inline float_vec float_mac(float_vec sums, float_vec x, float_vec w)
{
#ifdef __aarch64__
    return vfmaq_f32(sums, x, w);
#else
    return vmlaq_f32(sums, x, w);
#endif
}

static inline float_vec float_set(float value)
{
    return vdupq_n_f32(value);
}

static inline float_vec float_add(float_vec a, float_vec b)
{
    return vaddq_f32(a, b);
}

static inline float_vec float_subtract(float_vec a, float_vec b)
{
    return vsubq_f32(a, b);
}

static inline float_vec float_multiply(float_vec a, float_vec b)
{
    return vmulq_f32(a, b);
}

static inline float_vec float_divide(float_vec a, float_vec b)
{
#ifdef __aarch64__
    return vdivq_f32(a, b);
#else
    return a / b; // lane by lane: 32-bit NEON has no division
#endif
}

static inline float_vec float_most(float_vec a, float_vec b)
{
    return vmaxq_f32(a, b);
}

// Clamps and stores the first `count` lanes.
static inline void float_store(float *to, float_vec x, float low, float high, int32_t count)
{
    float_vec y = vminq_f32(vmaxq_f32(x, vdupq_n_f32(low)), vdupq_n_f32(high));
    if (count >= FLOAT_LANES) {
        vst1q_f32(to, y);
        return;
    }
    float all[FLOAT_LANES];
    vst1q_f32(all, y);
    for (int32_t i = 0; i < count; i++)
        to[i] = all[i];
}

#endif
