// SPDX-License-Identifier: Apache-2.0
//
// Nodes that take integers, scales and zero points: each is what it stands for, DequantizeLinear of
// the inputs, the float operation, QuantizeLinear of the output. import_integer puts the three
// together again.

#include <errno.h>
#include <string.h>

#include "qmodel/import_nodes.h"

// in[at] with in[at + 1] its scale and in[at + 2] its zero point, as floats.
static int real(struct importer *im, struct import_value **in, uint32_t at, int32_t axis,
                struct import_value *out)
{
    struct import_origin steps;
    *out = (struct import_value){
        .name = in[at]->name, .tensor = IMPORT_NONE, .gate_of = IMPORT_NONE};
    int rc = import_steps(im, in[at + 1], in[at + 2], &steps);
    steps.axis = axis;
    return rc < 0 ? rc : import_dequantize(im, in[at], &steps, out);
}

// The float result becomes `out` with the scale and zero point of inputs `at` and `at` + 1.
static int stepped(struct importer *im, struct import_value **in, uint32_t at,
                   struct import_value *result, struct import_value *out)
{
    struct import_origin steps;
    int rc = import_steps(im, in[at], in[at + 1], &steps);
    return rc < 0 ? rc : import_quantize(im, result, &steps, out);
}

static struct import_value result_of(const struct import_value *out)
{
    return (struct import_value){.name = out->name, .tensor = IMPORT_NONE, .gate_of = IMPORT_NONE};
}

// A bias in steps of x's scale times the weights'.
static int real_bias(struct importer *im, struct import_value *bias,
                     const struct import_value *x_scale, const struct import_value *w_scale,
                     struct import_value *out)
{
    struct import_origin steps = {.type = TENSOR_INT32,
                                  .scale_count = (uint32_t)import_elements(w_scale)};
    float *scales = import_take(im, steps.scale_count, sizeof(*scales));
    if (!scales)
        return -ENOMEM;
    for (uint32_t i = 0; i < steps.scale_count; i++)
        scales[i] = *(const float *)x_scale->data * ((const float *)w_scale->data)[i];
    steps.scales = scales;
    *out = (struct import_value){.name = bias->name, .tensor = IMPORT_NONE, .gate_of = IMPORT_NONE};
    if (!bias->constant || bias->type != TENSOR_INT32)
        return import_fail(im, -ENOTSUP, "biases '%s' that are not constant int32", bias->name);
    return import_dequantize(im, bias, &steps, out);
}

int import_qlinear_conv(struct importer *im, struct import_value **in, uint32_t count,
                        struct import_value *out)
{
    struct import_value x, w, b, y = result_of(out), *parts[3] = {&x, &w, NULL};
    int rc = real(im, in, 0, 0, &x);
    if (rc == 0)
        rc = real(im, in, 3, 0, &w);
    if (rc == 0 && count > 8 && in[8]) {
        rc = real_bias(im, in[8], in[1], in[4], &b);
        parts[2] = &b;
    }
    if (rc == 0)
        rc = import_conv(im, parts, 3, &y);
    return rc < 0 ? rc : stepped(im, in, 6, &y, out);
}

int import_qgemm(struct importer *im, struct import_value **in, uint32_t count,
                 struct import_value *out)
{
    struct import_value a, w, c, y = result_of(out), *parts[3] = {&a, &w, NULL};
    int rc = real(im, in, 0, 0, &a);
    if (rc == 0)
        rc = real(im, in, 3, import_attribute_int(im, "transB", 0) ? 0 : 1, &w);
    if (rc == 0 && in[6]) {
        rc = real_bias(im, in[6], in[1], in[4], &c);
        parts[2] = &c;
    }
    if (rc == 0)
        rc = import_gemm(im, parts, 3, &y);
    if (rc == 0 && (count < 8 || !in[7]))
        rc = import_fail(im, -ENOTSUP, "a float output");
    if (rc == 0 && count < 9)
        rc = import_fail(im, -EINVAL, "no zero point of the output");
    return rc < 0 ? rc : stepped(im, in, 7, &y, out);
}

// Two inputs with their steps, then those of the output.
static int binary(struct importer *im, import_node *node, struct import_value **in,
                  struct import_value *out)
{
    struct import_value a, b, y = result_of(out), *parts[2] = {&a, &b};
    int rc = real(im, in, 0, 0, &a);
    if (rc == 0)
        rc = real(im, in, 3, in[3]->rank - 1, &b);
    if (rc == 0)
        rc = node(im, parts, 2, &y);
    return rc < 0 ? rc : stepped(im, in, 6, &y, out);
}

int import_qlinear_matmul(struct importer *im, struct import_value **in, uint32_t count,
                          struct import_value *out)
{
    (void)count;
    return binary(im, import_matmul, in, out);
}

int import_qlinear_add(struct importer *im, struct import_value **in, uint32_t count,
                       struct import_value *out)
{
    (void)count;
    return binary(im, import_add, in, out);
}

int import_qlinear_mul(struct importer *im, struct import_value **in, uint32_t count,
                       struct import_value *out)
{
    (void)count;
    return binary(im, import_mul, in, out);
}

// One input with its steps, then those of the output.
static int unary(struct importer *im, import_node *node, struct import_value **in,
                 struct import_value *out)
{
    struct import_value x, y = result_of(out), *parts[1] = {&x};
    if (import_attribute_int(im, "channels_last", 0))
        return import_fail(im, -ENOTSUP, "channels_last");
    int rc = real(im, in, 0, 0, &x);
    if (rc == 0)
        rc = node(im, parts, 1, &y);
    return rc < 0 ? rc : stepped(im, in, 3, &y, out);
}

int import_qlinear_global(struct importer *im, struct import_value **in, uint32_t count,
                          struct import_value *out)
{
    (void)count;
    return unary(im, import_global_average, in, out);
}

int import_qlinear_average(struct importer *im, struct import_value **in, uint32_t count,
                           struct import_value *out)
{
    (void)count;
    return unary(im, import_average_pool, in, out);
}

int import_qlinear_sigmoid(struct importer *im, struct import_value **in, uint32_t count,
                           struct import_value *out)
{
    (void)count;
    return unary(im, import_sigmoid, in, out);
}

int import_qlinear_leaky(struct importer *im, struct import_value **in, uint32_t count,
                         struct import_value *out)
{
    (void)count;
    return unary(im, import_leaky_relu, in, out);
}

// The output's steps come first, then each input with its own.
int import_qlinear_concat(struct importer *im, struct import_value **in, uint32_t count,
                          struct import_value *out)
{
    struct import_value y = result_of(out), *parts[GRAPH_ARGUMENTS_MAX / 3];
    uint32_t inputs = (count - 2) / 3;
    if (inputs == 0 || count != 2 + 3 * inputs || inputs > sizeof(parts) / sizeof(parts[0]))
        return import_fail(im, -EINVAL, "%u inputs", count);
    struct import_value *values = import_take(im, inputs, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (uint32_t i = 0; i < inputs; i++) {
        int rc = in[2 + 3 * i] ? real(im, in, 2 + 3 * i, 0, &values[i])
                               : import_fail(im, -EINVAL, "input %u is missing", i);
        if (rc < 0)
            return rc;
        parts[i] = &values[i];
    }
    int rc = import_concat(im, parts, inputs, &y);
    return rc < 0 ? rc : stepped(im, in, 0, &y, out);
}
