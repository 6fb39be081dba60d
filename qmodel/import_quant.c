// SPDX-License-Identifier: Apache-2.0
//
// QuantizeLinear and DequantizeLinear. uint8 is moved to int8 here (zero point and constants less
// 128); if the model needs uint8 after all, import_integer moves everything back.
//
//     constant    worked out; what DequantizeLinear makes of integers remembers them as its origin
//     activation  QUANTIZE and DEQUANTIZE operators; import_integer puts them into their neighbours

#include <errno.h>
#include <math.h>
#include <string.h>

#include "qmodel/import_nodes.h"

static int read_scales(struct importer *im, const struct import_value *scale,
                       struct import_origin *steps)
{
    int rc = import_need_constant(im, scale, "scales");
    if (rc < 0)
        return rc;
    int64_t count = import_elements(scale);
    steps->scales = scale->data;
    steps->scale_count = (uint32_t)count;
    for (int64_t i = 0; i < count; i++)
        if (!(steps->scales[i] > 0 && steps->scales[i] < 1e30f))
            return import_fail(im, -EINVAL, "scale %lld is %g", (long long)i,
                               (double)steps->scales[i]);
    return scale->rank <= 1 ? 0 : import_fail(im, -ENOTSUP, "scales of blocks ('%s')", scale->name);
}

static int read_zero(struct importer *im, const struct import_value *zero,
                     struct import_origin *steps)
{
    if (!zero)
        return 0;
    int64_t count = import_elements(zero);
    if (!zero->constant || count == 0 ||
        (zero->type != TENSOR_INT8 && zero->type != TENSOR_UINT8 && zero->type != TENSOR_INT32))
        return import_fail(im, -ENOTSUP, "zero point '%s' that is not constant int8 or uint8",
                           zero->name);
    for (int64_t i = 1; i < count; i++)
        if (import_int_at(zero, i) != import_int_at(zero, 0))
            return import_fail(im, -ENOTSUP, "another zero point for each channel ('%s')",
                               zero->name);
    steps->type = zero->type == TENSOR_INT32 ? TENSOR_INT32 : TENSOR_INT8;
    steps->zero_point = (int32_t)import_int_at(zero, 0) - (zero->type == TENSOR_UINT8 ? 128 : 0);
    return 0;
}

int import_steps(struct importer *im, const struct import_value *scale,
                 const struct import_value *zero, struct import_origin *steps)
{
    *steps = (struct import_origin){.type = TENSOR_INT8, .zero_point = -128};
    int rc = read_scales(im, scale, steps);
    return rc < 0 ? rc : read_zero(im, zero, steps);
}

static int need_one_scale(struct importer *im, const struct import_origin *steps)
{
    if (steps->scale_count != 1)
        return import_fail(im, -ENOTSUP, "%u scales for an activation", steps->scale_count);
    return steps->type == TENSOR_INT8 ? 0 : import_fail(im, -ENOTSUP, "an activation in int32");
}

static bool same_steps(const struct draft_tensor *t, const struct import_origin *steps)
{
    return t->scale_count == 1 && t->scales[0] == steps->scales[0] &&
           t->zero_point == steps->zero_point;
}

int import_quantize(struct importer *im, struct import_value *x, const struct import_origin *steps,
                    struct import_value *out)
{
    int rc = need_one_scale(im, steps);
    if (rc == 0)
        rc = import_need_activation(im, x, "input");
    if (rc == 0 && x->type != TENSOR_FLOAT32)
        rc = import_fail(im, -ENOTSUP, "an input that is %s", tensor_type_name(x->type));
    if (rc < 0)
        return rc;
    struct draft_tensor like = {.type = TENSOR_INT8,
                                .scales = steps->scales,
                                .scale_count = 1,
                                .zero_point = steps->zero_point};
    int32_t dims[TENSOR_RANK_MAX];
    import_order_copy(out, x);
    import_order_dims(out, dims);
    out->type = TENSOR_INT8;
    out->tensor = import_result(im, out, &like, out->rank, dims);
    return out->tensor < 0 ? out->tensor
                           : import_emit(im, OP_QUANTIZE, NULL, 1, &x->tensor, 1, &out->tensor);
}

// ---- constants --------------------------------------------------------------

// Which scale element `index` has.
static uint32_t scale_at(const struct import_value *x, const struct import_origin *steps,
                         int64_t index)
{
    int64_t inner = 1;
    for (int32_t i = steps->axis + 1; i < x->rank; i++)
        inner *= x->dims[i];
    return steps->scale_count == 1 ? 0 : (uint32_t)(index / inner % x->dims[steps->axis]);
}

static int check_axis(struct importer *im, const struct import_value *x,
                      struct import_origin *steps)
{
    if (steps->scale_count == 1)
        return 0;
    int axis = import_axis(im, x->rank == 1 ? 0 : steps->axis, x->rank);
    steps->axis = axis;
    if (axis >= 0 && (int64_t)steps->scale_count != x->dims[steps->axis])
        return import_fail(im, -EINVAL, "%u scales for %d channels", steps->scale_count,
                           x->dims[steps->axis]);
    return axis < 0 ? axis : 0;
}

// Integers as int8 (uint8 moved by 128) or int32.
static const void *origin_data(struct importer *im, const struct import_value *x)
{
    int64_t n = import_elements(x);
    if (x->type != TENSOR_UINT8)
        return x->data;
    uint8_t *moved = import_take(im, (size_t)n, 1);
    for (int64_t i = 0; moved && i < n; i++)
        moved[i] = ((const uint8_t *)x->data)[i] ^ 0x80;
    return moved;
}

static int dequantize_constant(struct importer *im, const struct import_value *x,
                               const struct import_origin *given, struct import_value *out)
{
    struct import_origin steps = *given;
    int64_t n = import_elements(x);
    if (x->type != TENSOR_INT8 && x->type != TENSOR_UINT8 && x->type != TENSOR_INT32)
        return import_fail(im, -ENOTSUP, "a constant that is %s", tensor_type_name(x->type));
    steps.type = x->type == TENSOR_INT32 ? TENSOR_INT32 : TENSOR_INT8;
    if (steps.type == TENSOR_INT8 && (steps.zero_point < -128 || steps.zero_point > 127))
        return import_fail(im, -EINVAL, "zero point %d of the 8-bit numbers '%s'", steps.zero_point,
                           x->name);
    int rc = check_axis(im, x, &steps);
    if (rc < 0)
        return rc;
    steps.data = origin_data(im, x);
    float *values = steps.data ? import_take(im, (size_t)n, sizeof(*values)) : NULL;
    if (!values)
        return -ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        int64_t q = steps.type == TENSOR_INT8 ? ((const int8_t *)steps.data)[i]
                                              : ((const int32_t *)steps.data)[i];
        values[i] = (float)(q - steps.zero_point) * steps.scales[scale_at(x, &steps, i)];
    }
    out->type = TENSOR_FLOAT32;
    out->rank = x->rank;
    memcpy(out->dims, x->dims, sizeof(out->dims));
    out->data = values;
    out->constant = true;
    out->origin = steps;
    return 0;
}

static int quantize_constant(struct importer *im, const struct import_value *x,
                             struct import_origin *steps, bool is_unsigned,
                             struct import_value *out)
{
    int64_t n = import_elements(x);
    int rc = import_need_constant(im, x, "input");
    if (rc == 0)
        rc = check_axis(im, x, steps);
    int8_t *values = rc < 0 ? NULL : import_take(im, (size_t)n, 1);
    if (!values)
        return rc < 0 ? rc : -ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        float q = nearbyintf(((const float *)x->data)[i] / steps->scales[scale_at(x, steps, i)]) +
                  (float)steps->zero_point;
        int8_t clamped = (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q == q ? q : 0);
        values[i] = is_unsigned ? (int8_t)(clamped ^ -128) : clamped;
    }
    out->type = is_unsigned ? TENSOR_UINT8 : TENSOR_INT8;
    out->rank = x->rank;
    memcpy(out->dims, x->dims, sizeof(out->dims));
    out->data = values;
    out->constant = true;
    return 0;
}

// ---- nodes ------------------------------------------------------------------

static int32_t node_axis(const struct importer *im)
{
    int64_t axis = import_attribute_int(im, "axis", 1);
    return axis < -TENSOR_RANK_MAX || axis > TENSOR_RANK_MAX ? TENSOR_RANK_MAX : (int32_t)axis;
}

int import_quantize_linear(struct importer *im, struct import_value **in, uint32_t count,
                           struct import_value *out)
{
    struct import_origin steps;
    const struct import_value *zero = count > 2 ? in[2] : NULL;
    int64_t type = import_attribute_int(im, "output_dtype", 0);
    if (type != 0 && type != 2 && type != 3)
        return import_fail(im, -ENOTSUP, "output_dtype %lld", (long long)type);
    int rc = import_steps(im, in[1], zero, &steps);
    if (rc < 0)
        return rc;
    steps.axis = node_axis(im);
    if (!zero && type == 3)
        steps.zero_point = 0;
    if (in[0]->constant)
        return quantize_constant(im, in[0], &steps, zero ? zero->type == TENSOR_UINT8 : type != 3,
                                 out);
    out->steps_type = zero ? zero->type : type == 3 ? TENSOR_INT8 : TENSOR_UINT8;
    return import_quantize(im, in[0], &steps, out);
}

int import_dequantize(struct importer *im, struct import_value *x,
                      const struct import_origin *steps, struct import_value *out)
{
    int32_t dims[TENSOR_RANK_MAX];
    if (x->constant)
        return dequantize_constant(im, x, steps, out);
    int rc = need_one_scale(im, steps);
    struct draft_tensor *t = &im->draft->tensors[x->tensor];
    if (rc == 0 && t->type != TENSOR_INT8)
        rc = import_fail(im, -ENOTSUP, "an input that is %s", tensor_type_name(t->type));
    if (rc < 0)
        return rc;
    if (t->scale_count == 0) { // an input of the model
        t->scales = steps->scales;
        t->scale_count = 1;
        t->zero_point = steps->zero_point;
    }
    if (!same_steps(t, steps))
        return import_fail(im, -ENOTSUP, "scale %g and zero point for what was quantized with %g",
                           (double)steps->scales[0], (double)t->scales[0]);
    import_order_copy(out, x);
    import_order_dims(out, dims);
    out->type = TENSOR_FLOAT32;
    out->tensor = import_result(im, out, NULL, out->rank, dims);
    return out->tensor < 0 ? out->tensor
                           : import_emit(im, OP_DEQUANTIZE, NULL, 1, &x->tensor, 1, &out->tensor);
}

int import_dequantize_linear(struct importer *im, struct import_value **in, uint32_t count,
                             struct import_value *out)
{
    struct import_origin steps;
    const struct import_value *zero = count > 2 ? in[2] : NULL;
    if (import_attribute_int(im, "block_size", 0))
        return import_fail(im, -ENOTSUP, "scales of blocks");
    int rc = import_steps(im, in[1], zero, &steps);
    steps.axis = node_axis(im);
    if (rc == 0 && !zero && (!in[0]->constant || in[0]->type != TENSOR_UINT8))
        steps.zero_point = in[0]->constant ? 0 : im->draft->tensors[in[0]->tensor].zero_point;
    return rc < 0 ? rc : import_dequantize(im, in[0], &steps, out);
}
