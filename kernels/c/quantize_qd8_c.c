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

static void round_values(const float *x, size_t n, float *out)
{
    struct quantize_centred q = quantize_centre(quantize_extremes(x, n));
    if (q.none)
        memset(out, 0, n * sizeof *out);
    else
        quantize_back(x, n, q, out);
}

const struct kernel_hybrid_round kernel_round_qd8_c = {"round_qd8_c", 0, round_values};
