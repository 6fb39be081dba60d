// SPDX-License-Identifier: Apache-2.0
//
// The steps of a dynamic-range layer's input, and its values in them: the definition, and what
// vector rows use for their last values. Source of the formulas: XNNPACK's quantization.h (qd8).
// Loops go over QUANTIZE_LANES values at once without a dependence between them, which is what
// compilers make vectors of.

#ifndef QEDGE_KERNELS_C_QUANTIZE_QD8_H
#define QEDGE_KERNELS_C_QUANTIZE_QD8_H

#include <math.h>
#include <string.h>

#include "kernels/float.h"

enum { QUANTIZE_LANES = 16 };

struct quantize_extremes {
    float low, high; // 0 is always between
};

static inline struct quantize_extremes quantize_extremes(const float *x, size_t n)
{
    float low[QUANTIZE_LANES] = {0}, high[QUANTIZE_LANES] = {0};
    size_t i = 0;
    for (; i + QUANTIZE_LANES <= n; i += QUANTIZE_LANES)
        for (size_t j = 0; j < QUANTIZE_LANES; j++) {
            low[j] = x[i + j] < low[j] ? x[i + j] : low[j];
            high[j] = x[i + j] > high[j] ? x[i + j] : high[j];
        }
    for (; i < n; i++) {
        low[0] = x[i] < low[0] ? x[i] : low[0];
        high[0] = x[i] > high[0] ? x[i] : high[0];
    }
    struct quantize_extremes e = {0, 0};
    for (size_t j = 0; j < QUANTIZE_LANES; j++) {
        e.low = low[j] < e.low ? low[j] : e.low;
        e.high = high[j] > e.high ? high[j] : e.high;
    }
    return e;
}

// v in [-255, 255] to the nearest integer, halves to even: adding 1.5 * 2^23 leaves it in the low
// bits.
static inline int32_t quantize_round(float v)
{
    int32_t bits;
    v += 12582912.0f;
    memcpy(&bits, &v, sizeof bits);
    return bits - 0x4B400000;
}

// *inverse: steps per 1.0.
static inline struct kernel_hybrid_steps quantize_steps(struct quantize_extremes e, float *inverse)
{
    float factor = e.low == e.high ? 1.0f : 255.0f / (e.high - e.low);
    if (!isfinite(factor) || factor < 1e-35f)
        factor = 1.0f; // values that no model means; the result only has to be defined
    float low = e.low * factor, high = e.high * factor;
    float zero = (-128.0f + low) + (127.0f + high) > 0 ? -128.0f - low : 127.0f - high;
    zero = zero > -128.0f ? (zero < 127.0f ? zero : 127.0f) : -128.0f;
    *inverse = factor;
    return (struct kernel_hybrid_steps){1.0f / factor, 128 + quantize_round(zero)};
}

static inline void quantize_bytes(const float *x, size_t n, float inverse, int32_t zero_point,
                                  uint8_t *out)
{
    float low = (float)-zero_point, high = (float)(255 - zero_point);
    for (size_t i = 0; i < n; i++) {
        float v = x[i] * inverse;
        v = v > low ? v : low; // not a number: low
        v = v < high ? v : high;
        out[i] = (uint8_t)(quantize_round(v) + zero_point);
    }
}

// TFLite's steps (AsymmetricQuantizeFloats), centred: q = round(x * inverse + zero) in [-128, 127], back
// as (q - zero) * step.
struct quantize_centred {
    float zero, step, inverse;
    bool none; // all values are 0, or none can be told from another
};

static inline struct quantize_centred quantize_centre(struct quantize_extremes e)
{
    double low = (double)e.low, high = (double)e.high, scale = (high - low) / 255.0;
    if (!(scale > 1e-35) || !isfinite((float)scale))
        return (struct quantize_centred){.none = true};
    double from_low = -128.0 - low / scale, from_high = 127.0 - high / scale;
    double zero = 128.0 + fabs(low / scale) < 127.0 + fabs(high / scale) ? from_low : from_high;
    float step = (float)scale;
    return (struct quantize_centred){
        .zero = (float)(zero <= -128.0 ? -128.0 : zero >= 127.0 ? 127.0 : round(zero)),
        .step = step,
        .inverse = 1.0f / step,
    };
}

static inline void quantize_back(const float *x, size_t n, struct quantize_centred q, float *out)
{
    for (size_t i = 0; i < n; i++) {
        float v = q.zero + x[i] * q.inverse;
        v = v > -128.0f ? v : -128.0f;
        v = v < 127.0f ? v : 127.0f;
        // The largest float below a half, away from zero, then cut: rounds halves away from zero.
        float whole = (float)(int32_t)(v + copysignf(0x1.fffffep-2f, v));
        out[i] = (whole - q.zero) * q.step;
    }
}

#endif
