// SPDX-License-Identifier: Apache-2.0
//
// PRELU: negative values times a constant that may differ per channel.

#include <errno.h>

#include "kernels/fixedpoint.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/ops.h"

struct prelu_params {
    struct broadcast_layer layer;
    int32_t x_zero, alpha_zero, y_zero;
    struct fixed_multiplier positive, negative;
};

static int8_t prelu(const struct prelu_params *p, int32_t x, int32_t alpha)
{
    int32_t v = x - p->x_zero;
    int64_t y = v >= 0 ? fixed_scale(v, p->positive)
                       : fixed_scale(v * (alpha - p->alpha_zero), p->negative);
    y += p->y_zero;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

static void row_int8(const void *params, bool swapped, const void *a, const void *b, bool b_scalar,
                     void *out, size_t n)
{
    const int8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++) {
        int8_t v = y[b_scalar ? 0 : i];
        ((int8_t *)out)[i] = swapped ? prelu(params, v, x[i]) : prelu(params, x[i], v);
    }
}

static void row_float(const void *params, bool swapped, const void *a, const void *b, bool b_scalar,
                      void *out, size_t n)
{
    const float *x = a, *y = b;
    (void)params;
    for (size_t i = 0; i < n; i++) {
        float v = y[b_scalar ? 0 : i], value = swapped ? v : x[i], alpha = swapped ? x[i] : v;
        ((float *)out)[i] = value < 0 ? value * alpha : value;
    }
}

static int prepare_int8(struct build *b, struct prelu_params *p, const struct graph_tensor *x,
                        const struct graph_tensor *alpha)
{
    const struct graph_tensor *y = build_output(b, 0);
    int rc = build_need_int8(b, x);
    if (rc == 0)
        rc = build_need_int8(b, alpha);
    if (rc == 0)
        rc = build_need_int8(b, y);
    if (rc < 0)
        return rc;
    float x_scale = build_scale(x, 0), y_scale = build_scale(y, 0);
    p->x_zero = x->zero_point, p->alpha_zero = alpha->zero_point, p->y_zero = y->zero_point;
    p->positive = fixed_multiplier_from((double)(x_scale / y_scale));
    p->negative = fixed_multiplier_from((double)(x_scale * build_scale(alpha, 0) / y_scale));
    return 0;
}

int op_prelu(struct build *b)
{
    int rc = build_count(b, 2, 2, 1);
    const struct graph_tensor *x = rc < 0 ? NULL : build_input(b, 0),
                              *alpha = x ? build_input(b, 1) : NULL;
    if (!alpha)
        return -EINVAL;
    struct prelu_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    bool real = x->type == TENSOR_FLOAT32 && alpha->type == TENSOR_FLOAT32 &&
                build_output(b, 0)->type == TENSOR_FLOAT32;
    rc = real ? 0 : prepare_int8(b, p, x, alpha);
    if (rc < 0)
        return rc;
    p->layer.row = real ? row_float : row_int8;
    p->layer.element = real ? sizeof(float) : 1;
    return broadcast_add(b, &p->layer, real ? "prelu_float_c" : "prelu_c");
}
