// SPDX-License-Identifier: Apache-2.0

#include "kernels/c/quantize_qd8.h"

#include "kernels/float_rows.h"

static struct kernel_hybrid_steps run(const float *x, size_t n, uint8_t *out)
{
    float inverse;
    struct kernel_hybrid_steps steps = quantize_steps(quantize_extremes(x, n), &inverse);
    quantize_bytes(x, n, inverse, steps.zero_point, out);
    return steps;
}

const struct kernel_hybrid_quantize kernel_quantize_qd8_c = {"quantize_qd8_c", 0, run};

// Source of the formulas: TFLite's AsymmetricQuantizeFloats.
void kernel_hybrid_round(const float *x, size_t n, float *out)
{
    struct quantize_extremes e = quantize_extremes(x, n);
    double low = (double)e.low, high = (double)e.high, scale = (high - low) / 255.0;
    if (!(scale > 1e-35) || !isfinite((float)scale)) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    double from_low = -128.0 - low / scale, from_high = 127.0 - high / scale;
    double zero = 128.0 + fabs(low / scale) < 127.0 + fabs(high / scale) ? from_low : from_high;
    float zero_point = (float)(zero <= -128.0 ? -128.0 : zero >= 127.0 ? 127.0 : round(zero));
    float step = (float)scale, inverse = 1.0f / step;
    for (size_t i = 0; i < n; i++) {
        float v = zero_point + x[i] * inverse;
        v = v > -128.0f ? v : -128.0f;
        v = v < 127.0f ? v : 127.0f;
        // The largest float below a half, away from zero, then cut: rounds halves away from zero.
        float whole = (float)(int32_t)(v + copysignf(0x1.fffffep-2f, v));
        out[i] = (whole - zero_point) * step;
    }
}
