// SPDX-License-Identifier: Apache-2.0
//
// The rounding rule in NEON, for Armv8 and Armv7, and the few instructions that Armv7 lacks.
//
// Names with `folded` take accumulators as arm_fold.h says.

#ifndef QEDGE_KERNELS_ARM_NEON_ROUND_H
#define QEDGE_KERNELS_ARM_NEON_ROUND_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/arm/arm_fold.h"

#define NEON_INLINE static inline __attribute__((always_inline))

// ---- What Armv7 spells otherwise ----------------------------------------------------------------

#ifdef __aarch64__

// Round half to even; saturates.
NEON_INLINE int32x4_t neon_round(float32x4_t v)
{
    return vcvtnq_s32_f32(v);
}

// {a0+a1, a2+a3, b0+b1, b2+b3}
NEON_INLINE int32x4_t neon_pair_sum(int32x4_t a, int32x4_t b)
{
    return vpaddq_s32(a, b);
}

NEON_INLINE int16x8_t neon_mull_high(int8x16_t a, int8x16_t b)
{
    return vmull_high_s8(a, b);
}

NEON_INLINE int16x8_t neon_mlal_high(int16x8_t acc, int8x16_t a, int8x16_t b)
{
    return vmlal_high_s8(acc, a, b);
}

NEON_INLINE int32x4_t neon_addw_high(int32x4_t acc, int16x8_t v)
{
    return vaddw_high_s16(acc, v);
}

NEON_INLINE int16x8_t neon_narrow_pair(int32x4_t a, int32x4_t b)
{
    return vqmovn_high_s32(vqmovn_s32(a), b);
}

NEON_INLINE int8x16_t neon_narrow_bytes(int16x8_t a, int16x8_t b)
{
    return vqmovn_high_s16(vqmovn_s16(a), b);
}

// The low halves of both: the values where they are known to fit.
NEON_INLINE int16x8_t neon_low_halves(int32x4_t a, int32x4_t b)
{
    return vuzp1q_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
}

#else

// Armv7 converts by truncation only: clamp to where the sum with 1.5 * 2^23 has a step of one, and
// let that addition round. What is clamped lies outside int16 and saturates later.
NEON_INLINE int32x4_t neon_round(float32x4_t v)
{
    v = vminq_f32(vmaxq_f32(v, vdupq_n_f32(-65536.0f)), vdupq_n_f32(65536.0f));
    return vsubq_s32(vreinterpretq_s32_f32(vaddq_f32(v, vdupq_n_f32(ARM_FOLD_VALUE))),
                     vdupq_n_s32(ARM_FOLD));
}

NEON_INLINE int32x4_t neon_pair_sum(int32x4_t a, int32x4_t b)
{
    return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                        vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
}

NEON_INLINE int16x8_t neon_mull_high(int8x16_t a, int8x16_t b)
{
    return vmull_s8(vget_high_s8(a), vget_high_s8(b));
}

NEON_INLINE int16x8_t neon_mlal_high(int16x8_t acc, int8x16_t a, int8x16_t b)
{
    return vmlal_s8(acc, vget_high_s8(a), vget_high_s8(b));
}

NEON_INLINE int32x4_t neon_addw_high(int32x4_t acc, int16x8_t v)
{
    return vaddw_s16(acc, vget_high_s16(v));
}

NEON_INLINE int16x8_t neon_narrow_pair(int32x4_t a, int32x4_t b)
{
    return vcombine_s16(vqmovn_s32(a), vqmovn_s32(b));
}

NEON_INLINE int8x16_t neon_narrow_bytes(int16x8_t a, int16x8_t b)
{
    return vcombine_s8(vqmovn_s16(a), vqmovn_s16(b));
}

NEON_INLINE int16x8_t neon_low_halves(int32x4_t a, int32x4_t b)
{
    return vuzpq_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b)).val[0];
}

#endif

// ---- The rounding rule --------------------------------------------------------------------------

struct neon_output {
    int16x8_t zero_point;
    int8x16_t min, max;
};

NEON_INLINE struct neon_output neon_output_make(int32_t zero_point, int32_t min, int32_t max)
{
    return (struct neon_output){vdupq_n_s16((int16_t)zero_point), vdupq_n_s8((int8_t)min),
                                vdupq_n_s8((int8_t)max)};
}

// Eight accumulators -> eight int16: round_half_even((float)acc * scale) + zero_point, saturating.
NEON_INLINE int16x8_t neon_scale(const struct neon_output *out, int32x4_t a, int32x4_t b,
                                 float32x4_t scale_a, float32x4_t scale_b)
{
    int32x4_t low = neon_round(vmulq_f32(vcvtq_f32_s32(a), scale_a));
    int32x4_t high = neon_round(vmulq_f32(vcvtq_f32_s32(b), scale_b));

    return vqaddq_s16(neon_narrow_pair(low, high), out->zero_point);
}

// The same from folded accumulators.
NEON_INLINE int16x8_t neon_scale_folded(const struct neon_output *out, int32x4_t a, int32x4_t b,
                                        float32x4_t scale_a, float32x4_t scale_b)
{
    float32x4_t fold = vdupq_n_f32(ARM_FOLD_VALUE);
    float32x4_t low = vmulq_f32(vsubq_f32(vreinterpretq_f32_s32(a), fold), scale_a);
    float32x4_t high = vmulq_f32(vsubq_f32(vreinterpretq_f32_s32(b), fold), scale_b);

    low = vaddq_f32(low, fold);
    high = vaddq_f32(high, fold);
    return vqaddq_s16(neon_low_halves(vreinterpretq_s32_f32(low), vreinterpretq_s32_f32(high)),
                      out->zero_point);
}

// Sixteen scaled values -> bytes within the activation's bounds.
NEON_INLINE int8x16_t neon_clamp(const struct neon_output *out, int16x8_t a, int16x8_t b)
{
    return vmaxq_s8(vminq_s8(neon_narrow_bytes(a, b), out->max), out->min);
}

// ---- Stores that need no alignment --------------------------------------------------------------

typedef int32_t __attribute__((aligned(1), may_alias)) neon_word;

#define neon_store_word(to, bytes, lane) \
    (*(neon_word *)(to) = vgetq_lane_s32(vreinterpretq_s32_s8(bytes), lane))

#endif
