// SPDX-License-Identifier: Apache-2.0
//
// ADD, SUB and MUL of two tensors, with broadcasting and fused activation. int8 with the kernels;
// where the scales' ratio is outside what they take, TFLite's own fixed-point arithmetic, as LiteRT
// does.

#include <errno.h>
#include <math.h>

#include "kernels/fixedpoint.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/lookup.h"
#include "engine/ops/ops.h"
#include "engine/ops/wide_ops.h"
#include "kernels/float.h"

struct binary_params {
    struct broadcast_layer layer;
    const struct kernel_binary *kernel;
    struct kernel_binary_params forward, swapped;
    struct fixed_multiplier a, b, out;  // fixed point: int16, and int8 where the kernels do not
                                        // reach
    int32_t headroom;                   // bits that ADD and SUB shift their operands up by
    int32_t a_terms[256], b_terms[256]; // ADD, SUB of int8: the operands' shares of the sum
    const struct kernel_float_binary *real;
    struct kernel_float_range range; // of `real`
};

static void row_kernel(const void *params, bool swapped, const void *a, const void *b,
                       bool b_scalar, void *out, size_t n)
{
    const struct binary_params *p = params;
    p->kernel->run(swapped ? &p->swapped : &p->forward, a, b, b_scalar, out, n);
}

// ---- fixed point -------------------------------------------------------------------------------

static int32_t term_fixed(const struct binary_params *p, int32_t value, int32_t zero,
                          struct fixed_multiplier m)
{
    return fixed_scale((value - zero) * (1 << p->headroom), m);
}

static int32_t sum_fixed(const struct binary_params *p, int32_t a, int32_t b)
{
    int64_t sum = p->forward.kind == KERNEL_SUB ? (int64_t)a - b : (int64_t)a + b;
    int32_t bounded = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : (int32_t)sum;
    return fixed_scale(bounded, p->out);
}

static int32_t mul_fixed(const struct binary_params *p, int32_t a, int32_t b)
{
    return fixed_scale((a - p->forward.a_zero_point) * (b - p->forward.b_zero_point), p->out);
}

static int32_t finish_fixed(const struct binary_params *p, int32_t value)
{
    int64_t moved = (int64_t)value + p->forward.out_zero_point;
    int32_t low = p->forward.act_min, high = p->forward.act_max;
    return (int32_t)(moved < low ? low : moved > high ? high : moved);
}

static void row_fixed(const void *params, bool swapped, const void *a, const void *b, bool b_scalar,
                      void *out, size_t n)
{
    const struct binary_params *p = params;
    const int8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++) {
        int8_t u = x[i], v = y[b_scalar ? 0 : i], left = swapped ? v : u, right = swapped ? u : v;
        int32_t value = p->forward.kind == KERNEL_MUL
                            ? mul_fixed(p, left, right)
                            : sum_fixed(p, p->a_terms[(uint8_t)left], p->b_terms[(uint8_t)right]);
        ((int8_t *)out)[i] = (int8_t)finish_fixed(p, value);
    }
}

static void row_wide(const void *params, bool swapped, const void *a, const void *b, bool b_scalar,
                     void *out, size_t n)
{
    const struct binary_params *p = params;
    const int16_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++) {
        int32_t u = x[i], v = y[b_scalar ? 0 : i], left = swapped ? v : u, right = swapped ? u : v;
        int32_t value = p->forward.kind == KERNEL_MUL ? mul_fixed(p, left, right)
                                                      : sum_fixed(p, term_fixed(p, left, 0, p->a),
                                                                  term_fixed(p, right, 0, p->b));
        ((int16_t *)out)[i] = (int16_t)finish_fixed(p, value);
    }
}

static void prepare_fixed(struct binary_params *p, int32_t headroom)
{
    double a = p->forward.a_scale, b = p->forward.b_scale, out = p->forward.out_scale;
    p->headroom = headroom;
    if (p->forward.kind == KERNEL_MUL) {
        // In float, as TFLite has it.
        p->out = fixed_multiplier_from(
            (double)(p->forward.a_scale * p->forward.b_scale / p->forward.out_scale));
        return;
    }
    double twice = 2 * (a > b ? a : b);
    p->a = fixed_multiplier_from(a / twice);
    p->b = fixed_multiplier_from(b / twice);
    p->out = fixed_multiplier_from(twice / ((1 << headroom) * out));
    for (int32_t q = -128; q < 128; q++) {
        p->a_terms[(uint8_t)q] = term_fixed(p, q, p->forward.a_zero_point, p->a);
        p->b_terms[(uint8_t)q] = term_fixed(p, q, p->forward.b_zero_point, p->b);
    }
}

// ---- float -------------------------------------------------------------------------------------

static void row_float(const void *params, bool swapped, const void *a, const void *b, bool b_scalar,
                      void *out, size_t n)
{
    const struct binary_params *p = params;
    p->real->run(p->forward.kind, swapped, &p->range, a, b, b_scalar, out, n);
}

// ---- build -------------------------------------------------------------------------------------

static enum kernel_binary_kind kind_of(int32_t code)
{
    return code == OP_ADD ? KERNEL_ADD : code == OP_SUB ? KERNEL_SUB : KERNEL_MUL;
}

static int prepare_int8(struct build *b, struct binary_params *p, const struct graph_tensor *x,
                        const struct graph_tensor *y)
{
    const struct graph_tensor *out = build_output(b, 0), *all[] = {x, y, out};
    for (int i = 0; i < 3; i++) {
        int rc = build_need_int8(b, all[i]);
        if (rc < 0)
            return rc;
    }
    p->layer.element = 1;
    p->forward = (struct kernel_binary_params){
        .kind = kind_of(b->op->code),
        .a_scale = build_scale(x, 0),
        .b_scale = build_scale(y, 0),
        .out_scale = build_scale(out, 0),
        .a_zero_point = x->zero_point,
        .b_zero_point = y->zero_point,
        .out_zero_point = out->zero_point,
    };
    int rc = build_activation(b, out, b->op->options.activation, &p->forward.act_min,
                              &p->forward.act_max);
    if (rc < 0)
        return rc;
    if (kernel_binary_prepare(&p->forward) < 0) {
        p->layer.row = row_fixed;
        prepare_fixed(p, 20);
        return 0;
    }
    p->swapped = p->forward;
    kernel_binary_swap(&p->swapped);
    p->kernel = kernel_binary_select(p->forward.kind, b->cpu);
    p->layer.row = row_kernel;
    return 0;
}

static int prepare_wide(struct build *b, struct binary_params *p, const struct graph_tensor *x,
                        const struct graph_tensor *y)
{
    const struct graph_tensor *out = build_output(b, 0), *all[] = {x, y, out};
    for (int i = 0; i < 3; i++) {
        int rc = wide_need_int16(b, all[i]);
        if (rc < 0)
            return rc;
    }
    p->layer.element = sizeof(int16_t);
    p->layer.row = row_wide;
    p->forward = (struct kernel_binary_params){
        .kind = kind_of(b->op->code),
        .a_scale = build_scale(x, 0),
        .b_scale = build_scale(y, 0),
        .out_scale = build_scale(out, 0),
    };
    prepare_fixed(p, 15);
    return wide_activation(b, out, b->op->options.activation, &p->forward.act_min,
                           &p->forward.act_max);
}

static int prepare_float(struct build *b, struct binary_params *p)
{
    p->layer.element = sizeof(float);
    p->layer.row = row_float;
    p->real = kernel_float_binary_select(b->cpu);
    p->forward.kind = kind_of(b->op->code);
    return build_activation_float(b, b->op->options.activation, &p->range.low, &p->range.high);
}

// ---- tables ------------------------------------------------------------------------------------

// Where both operands come from when the result is a function of one tensor's values alone.
struct single {
    uint32_t input;        // the operator's input that has the values
    const uint8_t *table;  // the other operand is this table of it, or
    int8_t constant;       // this number
    struct layer *dropped; // what made the table; nobody else reads that
};

// x * 3, x + 1; x * logistic(x).
static bool find_single(struct build *b, struct single *single)
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct graph_tensor *values = build_input(b, i), *other = build_input(b, 1 - i);
        *single = (struct single){.input = i};
        if (values->data || graph_elements(values) != graph_elements(build_output(b, 0)))
            continue;
        if (other->data && graph_elements(other) == 1) {
            single->constant = (int8_t)(other->data[0] ^ (other->flip ? 0x80 : 0));
            return true;
        }
        single->dropped = build_producer(b, 1 - i);
        single->table = lookup_table(single->dropped);
        if (single->table && single->dropped->in[0] == b->op->inputs[i])
            return true;
    }
    return false;
}

// One table instead of a layer with two operands: the same arithmetic on all 256 values.
static int add_table(struct build *b, const struct binary_params *p, const struct single *single)
{
    uint8_t table[256];
    for (int32_t q = -128; q < 128; q++) {
        int8_t value = (int8_t)q, other = single->constant, result;
        if (single->table)
            other = (int8_t)single->table[(uint8_t)value];
        p->layer.row(p, single->input == 1, &value, &other, true, &result, 1);
        table[(uint8_t)value] = (uint8_t)result;
    }
    if (single->table)
        single->dropped->dead = true;
    b->op->inputs[0] = b->op->inputs[single->input];
    return lookup_add(b, table);
}

int op_binary(struct build *b)
{
    int rc = build_count(b, 2, 2, 1);
    const struct graph_tensor *x = rc < 0 ? NULL : build_input(b, 0),
                              *y = x ? build_input(b, 1) : NULL;
    if (!y)
        return -EINVAL;
    struct binary_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    bool real = x->type == TENSOR_FLOAT32 && y->type == TENSOR_FLOAT32 &&
                build_output(b, 0)->type == TENSOR_FLOAT32;
    bool wide = x->type == TENSOR_INT16;
    rc = real ? prepare_float(b, p) : wide ? prepare_wide(b, p, x, y) : prepare_int8(b, p, x, y);
    if (rc < 0)
        return rc;
    rc = broadcast_solve(b, &p->layer.broadcast);
    struct single single;
    if (rc == 0 && !real && !wide && find_single(b, &single))
        return add_table(b, p, &single);
    if (rc < 0)
        return rc;
    const char *name = real ? p->real->name : wide ? "binary_int16_c" : "binary_fixed_c";
    return broadcast_add(b, &p->layer, p->kernel ? p->kernel->name : name);
}

// ---- maximum, minimum --------------------------------------------------------------------------

struct minmax_params {
    struct broadcast_layer layer;
    bool maximum;
};

static void row_minmax_int8(const void *params, bool swapped, const void *a, const void *b,
                            bool b_scalar, void *out, size_t n)
{
    const struct minmax_params *p = params;
    const int8_t *x = a, *y = b;
    (void)swapped;
    for (size_t i = 0; i < n; i++) {
        int8_t v = y[b_scalar ? 0 : i];
        ((int8_t *)out)[i] = (x[i] > v) == p->maximum ? x[i] : v;
    }
}

static void row_minmax_float(const void *params, bool swapped, const void *a, const void *b,
                             bool b_scalar, void *out, size_t n)
{
    const struct minmax_params *p = params;
    const float *x = a, *y = b;
    (void)swapped;
    for (size_t i = 0; i < n; i++) {
        float v = y[b_scalar ? 0 : i];
        ((float *)out)[i] = (x[i] > v) == p->maximum ? x[i] : v;
    }
}

int op_minmax(struct build *b)
{
    int rc = build_count(b, 2, 2, 1);
    const struct graph_tensor *x = rc < 0 ? NULL : build_input(b, 0),
                              *y = x ? build_input(b, 1) : NULL, *out;
    if (!y)
        return -EINVAL;
    out = build_output(b, 0);
    struct minmax_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->maximum = b->op->code == OP_MAXIMUM;
    bool real = x->type == TENSOR_FLOAT32;
    rc = build_need_type(b, y, x->type);
    if (rc == 0)
        rc = build_need_type(b, out, x->type);
    if (rc == 0 && !real)
        rc = build_need_int8(b, x);
    if (rc == 0 && !real && (!build_same_quantization(x, y) || !build_same_quantization(x, out)))
        rc = build_fail(b, -ENOTSUP, "inputs and output differ in scale or zero point");
    if (rc < 0)
        return rc;
    p->layer.row = real ? row_minmax_float : row_minmax_int8;
    p->layer.element = real ? sizeof(float) : 1;
    return broadcast_add(b, &p->layer, real ? "minmax_float_c" : "minmax_c");
}
