// SPDX-License-Identifier: Apache-2.0
#include "qmodel/equalize.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "qmodel/fold.h"
#include "qmodel/weights.h"

#define WEIGHT_STEPS 127.0
#define LEAST_FACTOR 0x1p-6 // of a channel that hardly moves on the data

// ---- which tensors belong together ------------------------------------------

struct equalizing {
    struct draft *draft;
    const struct range *ranges;
    double steps, strength;
    uint32_t count; // tensors there were at first; copies of weights come behind
    int32_t *group; // of each tensor: another of the same group, itself for the first; -1 = not a
                    // float activation
    bool *fixed;    // of each first: cannot be rescaled
};

static int32_t first_of(const struct equalizing *e, int32_t tensor)
{
    while (e->group[tensor] != tensor)
        tensor = e->group[tensor];
    return tensor;
}

static void join(struct equalizing *e, int32_t a, int32_t b)
{
    a = first_of(e, a);
    b = first_of(e, b);
    if (a == b)
        return;
    e->group[b] = a;
    e->fixed[a] = e->fixed[a] || e->fixed[b];
}

static bool is_activation(const struct equalizing *e, int32_t tensor)
{
    return tensor != GRAPH_ABSENT && e->group[tensor] >= 0;
}

static uint32_t channels_of(const struct equalizing *e, int32_t tensor)
{
    return e->ranges[tensor].sums ? e->ranges[tensor].channels : 0;
}

// Is the operator the same for f x as f times itself, channel by channel?
static bool commutes(const struct equalizing *e, const struct draft_operator *op)
{
    int32_t activation = op->options.activation;
    bool linear = activation == ACTIVATION_NONE || activation == ACTIVATION_RELU;
    const struct draft_tensor *in = &e->draft->tensors[op->inputs[0]],
                              *out = &e->draft->tensors[op->outputs[0]];
    switch (op->code) {
    case OP_ADD:
    case OP_SUB:
        return linear && is_activation(e, op->inputs[0]) && is_activation(e, op->inputs[1]) &&
               draft_elements(in) == draft_elements(&e->draft->tensors[op->inputs[1]]);
    case OP_AVERAGE_POOL_2D:
    case OP_MAX_POOL_2D: return linear;
    case OP_MEAN: // over height and width
        return in->rank == 4 && draft_elements(out) == in->dims[3] && in->dims[0] == 1;
    case OP_RELU:
    case OP_LEAKY_RELU:
    case OP_PAD: return in->rank == 4 && in->dims[3] == out->dims[3];
    case OP_RESHAPE:
    case OP_SQUEEZE:
    case OP_EXPAND_DIMS: // to a vector: its elements meet the channels in turn
        return in->rank && out->rank && out->dims[out->rank - 1] % in->dims[in->rank - 1] == 0;
    default: return false;
    }
}

static bool is_layer(const struct equalizing *e, const struct draft_operator *op)
{
    return weights_are(op, 1) && e->draft->tensors[op->inputs[1]].data &&
           is_activation(e, op->inputs[0]) &&
           (op->input_count < 3 || op->inputs[2] == GRAPH_ABSENT ||
            e->draft->tensors[op->inputs[2]].data);
}

static void fix(struct equalizing *e, int32_t tensor)
{
    if (is_activation(e, tensor))
        e->fixed[first_of(e, tensor)] = true;
}

static void group_operator(struct equalizing *e, const struct draft_operator *op)
{
    if (is_layer(e, op)) {
        int32_t activation = op->options.activation;
        if (activation != ACTIVATION_NONE && activation != ACTIVATION_RELU)
            fix(e, op->outputs[0]);
        return;
    }
    bool same = commutes(e, op);
    for (uint32_t j = 0; j < op->input_count; j++)
        if (is_activation(e, op->inputs[j])) {
            if (same)
                join(e, op->outputs[0], op->inputs[j]);
            else
                fix(e, op->inputs[j]);
        }
    for (uint32_t j = 0; !same && j < op->output_count; j++)
        fix(e, op->outputs[j]);
}

static void make_groups(struct equalizing *e)
{
    const struct draft *d = e->draft;
    for (uint32_t i = 0; i < d->tensor_count; i++)
        e->group[i] = d->tensors[i].type == TENSOR_FLOAT32 && !d->tensors[i].data ? (int32_t)i : -1;
    for (uint32_t i = 0; i < d->input_count; i++)
        fix(e, d->inputs[i]);
    for (uint32_t i = 0; i < d->output_count; i++)
        fix(e, d->outputs[i]);
    for (uint32_t i = 0; i < d->operator_count; i++)
        group_operator(e, &d->operators[i]);
}

// ---- factors ----------------------------------------------------------------

struct factors {
    uint32_t count;
    double *most, *squares, *noise,
        *cost;    // of each channel: greatest |x|, E x^2, b, sum of w^2 (a without its step)
    double range; // of the whole activation
};

// The channel of the group that input `i` of a row of weights meets, `taps` x depth or one
// channel's taps.
static void add_reader(struct factors *f, const struct draft *d, const struct draft_operator *op)
{
    const struct draft_tensor *t = &d->tensors[op->inputs[1]];
    const float *w = t->data;
    int64_t n = draft_elements(t), out = t->dims[weights_axis(op)], depth = t->dims[t->rank - 1],
            row = n / out;
    for (int64_t o = 0; o < out; o++) {
        double most = 0;
        bool depthwise = op->code == OP_DEPTHWISE_CONV_2D;
        for (int64_t i = 0; i < row; i++)
            most = fmax(most, fabs((double)w[depthwise ? i * out + o : o * row + i]));
        double step = most / WEIGHT_STEPS;
        for (int64_t i = 0; i < row; i++) {
            double value = (double)w[depthwise ? i * out + o : o * row + i];
            int64_t c = depthwise ? o / (out / f->count) : i % depth % f->count;
            f->cost[c] += value * value;
            f->noise[c] += depthwise ? 0 : step * step;
        }
    }
}

// What is known of one tensor of the group. False when it is not known by channel.
static bool add_tensor(struct factors *f, const struct equalizing *e, int32_t tensor)
{
    const struct range *r = &e->ranges[tensor];
    const struct draft_tensor *t = &e->draft->tensors[tensor];
    if (r->samples == 0) // lies in the memory of another: a reshape
        return t->rank && t->dims[t->rank - 1] % (int32_t)f->count == 0;
    if (channels_of(e, tensor) % f->count != 0 || channels_of(e, tensor) == 0)
        return false;
    for (uint32_t i = 0; i < r->channels; i++) {
        f->most[i % f->count] = fmax(f->most[i % f->count], (double)r->most[i]);
        f->squares[i % f->count] = fmax(f->squares[i % f->count], r->squares[i] / (double)r->rows);
    }
    return true;
}

static bool add_operator(struct factors *f, const struct equalizing *e,
                         const struct draft_operator *op, int32_t group)
{
    if (!is_layer(e, op))
        return true;
    const struct draft_tensor *t = &e->draft->tensors[op->inputs[1]];
    if (first_of(e, op->inputs[0]) == group) {
        int64_t meets = op->code == OP_DEPTHWISE_CONV_2D ? t->dims[3] : t->dims[t->rank - 1];
        int32_t in =
            e->draft->tensors[op->inputs[0]].dims[e->draft->tensors[op->inputs[0]].rank - 1];
        if (meets % f->count != 0 ||
            (op->code == OP_CONV_2D && (meets != f->count || in != meets)) ||
            (op->code == OP_DEPTHWISE_CONV_2D && in != (int32_t)f->count))
            return false;
        add_reader(f, e->draft, op);
    }
    if (is_activation(e, op->outputs[0]) && first_of(e, op->outputs[0]) == group) {
        const struct range *r = &e->ranges[op->outputs[0]];
        if (t->dims[weights_axis(op)] != (int32_t)f->count || r->samples == 0)
            return false;
    }
    return true;
}

// Everything about a group; false when it cannot be rescaled.
static bool collect(struct factors *f, const struct equalizing *e, int32_t group)
{
    bool good = true;
    for (uint32_t i = 0; good && i < e->count; i++)
        if (is_activation(e, (int32_t)i) && first_of(e, (int32_t)i) == group)
            good = add_tensor(f, e, (int32_t)i);
    for (uint32_t i = 0; good && i < e->draft->operator_count; i++)
        good = add_operator(f, e, &e->draft->operators[i], group);
    for (uint32_t c = 0; c < f->count; c++)
        f->range = fmax(f->range, f->most[c]);
    return good && f->range > 0;
}

static double solve(const struct factors *f, uint32_t c, double steps)
{
    double step = f->range / steps, a = step * step * f->cost[c], b = f->noise[c] * f->squares[c];
    if (f->most[c] == 0 || a == 0)
        return 1;
    double want = fmax(sqrt(sqrt(b / a)), f->most[c] / f->range);
    want = fmax(want, LEAST_FACTOR);
    return want < 1 ? want : 1;
}

// ---- rescaling --------------------------------------------------------------

static float *values(struct draft *d, int32_t tensor)
{
    return (float *)(uintptr_t)d->tensors[tensor].data; // fold_own_weights made them ours
}

// x / f comes out.
static void rescale_maker(struct draft *d, const struct draft_operator *op, const double *factors)
{
    const struct draft_tensor *t = &d->tensors[op->inputs[1]];
    float *w = values(d, op->inputs[1]), *bias = values(d, op->inputs[2]);
    int64_t n = draft_elements(t), out = t->dims[weights_axis(op)];
    for (int64_t i = 0; i < n; i++)
        w[i] = (float)((double)w[i] /
                       factors[op->code == OP_DEPTHWISE_CONV_2D ? i % out : i / (n / out)]);
    for (int64_t o = 0; o < out; o++)
        bias[o] = (float)((double)bias[o] / factors[o]);
}

static void rescale_reader(struct draft *d, const struct draft_operator *op, const double *factors,
                           uint32_t count)
{
    const struct draft_tensor *t = &d->tensors[op->inputs[1]];
    float *w = values(d, op->inputs[1]);
    int64_t n = draft_elements(t), depth = t->dims[t->rank - 1];
    bool depthwise = op->code == OP_DEPTHWISE_CONV_2D;
    for (int64_t i = 0; i < n; i++)
        w[i] = (float)((double)w[i] *
                       factors[depthwise ? i % depth / (depth / count) : i % depth % count]);
}

static int rescale(struct equalizing *e, int32_t group, const double *factors, uint32_t count)
{
    for (uint32_t i = 0; i < e->draft->operator_count; i++) {
        if (!is_layer(e, &e->draft->operators[i]))
            continue;
        bool reads = first_of(e, e->draft->operators[i].inputs[0]) == group;
        bool makes = first_of(e, e->draft->operators[i].outputs[0]) == group;
        if ((reads || makes) && fold_own_weights(e->draft, i) < 0)
            return -ENOMEM;
        if (reads)
            rescale_reader(e->draft, &e->draft->operators[i], factors, count);
        if (makes)
            rescale_maker(e->draft, &e->draft->operators[i], factors);
    }
    return 0;
}

// A vector made of [height, wide, channels] has more; 0 when nobody knows.
static uint32_t group_channels(const struct equalizing *e, int32_t group)
{
    uint32_t least = 0;
    for (uint32_t i = 0; i < e->count; i++)
        if (is_activation(e, (int32_t)i) && first_of(e, (int32_t)i) == group) {
            uint32_t n = channels_of(e, (int32_t)i);
            least = n && (least == 0 || n < least) ? n : least;
        }
    return least;
}

static int equalize_group(struct equalizing *e, int32_t group)
{
    struct factors f = {.count = group_channels(e, group)};
    cleanup_free double *memory = calloc(f.count + 1, 5 * sizeof(double));
    int changed = 0;
    if (f.count == 0)
        return 0;
    if (!memory)
        return -ENOMEM;
    f.most = memory, f.squares = memory + f.count, f.noise = memory + 2 * f.count,
    f.cost = memory + 3 * f.count;
    double *factors = memory + 4 * f.count;
    if (!collect(&f, e, group))
        return 0;
    for (uint32_t c = 0; c < f.count; c++) {
        double factor = solve(&f, c, e->steps);
        factors[c] = pow(factor, e->strength);
        changed += factors[c] < 1;
    }
    return changed && rescale(e, group, factors, f.count) < 0 ? -ENOMEM : changed;
}

int equalize(struct draft *draft, const struct range *ranges, double steps, double strength)
{
    struct equalizing e = {.draft = draft, .ranges = ranges, .steps = steps, .strength = strength};
    uint32_t count = e.count = draft->tensor_count;
    int changed = 0, rc = 0;
    cleanup_free int32_t *group = malloc((count + 1) * sizeof(*group));
    cleanup_free bool *fixed = calloc(count + 1, sizeof(*fixed));
    e.group = group;
    e.fixed = fixed;
    if (!group || !fixed)
        return -ENOMEM;
    make_groups(&e);
    for (uint32_t i = 0; rc >= 0 && i < count; i++)
        if (e.group[i] == (int32_t)i && !e.fixed[i]) {
            rc = equalize_group(&e, (int32_t)i);
            changed += rc > 0 ? rc : 0;
        }
    return rc < 0 ? rc : changed;
}
