// SPDX-License-Identifier: Apache-2.0
//
// PAD, PADV2 (a border of one value) and MIRROR_PAD (the picture repeated backwards).

#include <errno.h>
#include <string.h>

#include "engine/ops/move.h"
#include "engine/ops/ops.h"

struct pad_params {
    struct move_params move; // first: move_run takes it
    bool fusable;            // only height and width grow, by what a convolution pads with
    struct pad_amount amount;
};

static void run_pad(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                    int32_t last)
{
    move_run(params, io, scratch, first, last);
}

bool pad_fusable(const struct layer *layer, struct pad_amount *amount)
{
    if (layer->run != run_pad)
        return false;
    const struct pad_params *p = layer->params;
    *amount = p->amount;
    return p->fusable;
}

// Reads the [rank, 2] constant and gives the output its shape.
static int read_amounts(struct build *b, const struct graph_tensor *in,
                        int32_t before[TENSOR_RANK_MAX], int32_t after[TENSOR_RANK_MAX])
{
    struct graph_tensor *list = build_integers(b, 1, 2 * TENSOR_RANK_MAX);
    if (!list)
        return -EINVAL;
    if (graph_elements(list) != 2 * in->rank)
        return build_fail(b, -EINVAL, "%lld padding amounts for %d dimensions",
                          (long long)graph_elements(list), in->rank);
    int32_t dims[TENSOR_RANK_MAX];
    for (int32_t d = 0; d < in->rank; d++) {
        before[d] = graph_constant_int(list, 2 * d);
        after[d] = graph_constant_int(list, 2 * d + 1);
        if (before[d] < 0 || after[d] < 0 || before[d] > 1 << 20 || after[d] > 1 << 20)
            return build_fail(b, -EINVAL, "dimension %d is padded by %d and %d", d, before[d],
                              after[d]);
        if (in->dims[d] > INT32_MAX - (1 << 22))
            return build_fail(b, -EINVAL, "dimension %d is %d", d, in->dims[d]);
        dims[d] = before[d] + in->dims[d] + after[d];
    }
    return build_shape(b, 0, in->rank, dims);
}

// The value of the border: the zero point, 0, or what PADV2 says.
static int border_value(struct build *b, const struct graph_tensor *in, uint8_t value[8])
{
    memset(value, 0, 8);
    if (in->type == TENSOR_INT8)
        value[0] = (uint8_t)(int8_t)build_output(b, 0)->zero_point;
    if (b->op->code != OP_PADV2)
        return 0;
    const struct graph_tensor *given = build_input(b, 2);
    if (!given)
        return -EINVAL;
    if (!given->data || graph_elements(given) != 1)
        return build_fail(b, -ENOTSUP, "the padding value must be one constant");
    int rc = move_same_type(b, in, given);
    if (rc < 0)
        return rc;
    memcpy(value, given->data, tensor_type_size(given->type));
    if (given->flip)
        value[0] ^= 0x80;
    return 0;
}

static bool is_fusable(const struct build *b, const struct graph_tensor *in, const uint8_t value[8],
                       const int32_t *before, const int32_t *after)
{
    static const uint8_t zero[8];
    if (in->data || in->rank != 4 || before[0] || after[0] || before[3] || after[3])
        return false;
    if (in->type == TENSOR_INT8)
        return (int8_t)value[0] == b->graph->tensors[b->op->outputs[0]].zero_point;
    return (in->type == TENSOR_FLOAT32 || in->type == TENSOR_INT16) && memcmp(value, zero, 4) == 0;
}

int op_pad(struct build *b)
{
    int32_t before[TENSOR_RANK_MAX] = {0}, after[TENSOR_RANK_MAX] = {0};
    int rc = build_count(b, 2, 3, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    rc = move_same_type(b, in, out);
    if (rc == 0)
        rc = read_amounts(b, in, before, after);
    struct move_params *moves = rc < 0 ? NULL : move_create(b, 1);
    struct pad_params *p = moves ? build_params(b, sizeof(*p)) : NULL;
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    p->move = *moves;
    rc = border_value(b, in, p->move.value);
    if (rc < 0)
        return rc;
    p->move.fill = true;
    struct move *m = p->move.moves;
    m->rank = in->rank;
    memcpy(m->dims, in->dims, sizeof(m->dims));
    move_strides(in, m->in_stride);
    move_strides(out, m->out_stride);
    for (int32_t d = 0; d < in->rank; d++)
        m->out_at += before[d] * m->out_stride[d];
    p->fusable = is_fusable(b, in, p->move.value, before, after);
    p->amount = (struct pad_amount){before[1], after[1], before[2], after[2]};
    if (in->rank == 0)
        move_set_rows(m, 1, 1, 1, 1);
    return build_layer(b, run_pad, "pad_c", p, 1) ? 0 : -ENOMEM;
}

// ---- mirror ------------------------------------------------------------------------------------

struct mirror_params {
    size_t element;
    int32_t rank, dims[TENSOR_RANK_MAX], in_dims[TENSOR_RANK_MAX], before[TENSOR_RANK_MAX];
    int64_t in_stride[TENSOR_RANK_MAX];
    int32_t edge; // 1: the border repeats the edge itself (SYMMETRIC), 0: not (REFLECT)
    size_t elements;
};

static void run_mirror(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                       int32_t last)
{
    const struct mirror_params *p = params;
    (void)scratch;
    (void)first;
    (void)last;
    for (size_t i = 0; i < p->elements; i++) {
        size_t rest = i;
        int64_t from = 0;
        for (int32_t d = p->rank; d-- > 0;) {
            int32_t at = (int32_t)(rest % (size_t)p->dims[d]) - p->before[d];
            rest /= (size_t)p->dims[d];
            if (at < 0)
                at = -at - p->edge;
            else if (at >= p->in_dims[d])
                at = 2 * p->in_dims[d] - 2 - at + p->edge;
            from += at * p->in_stride[d];
        }
        memcpy((char *)io->out[0] + i * p->element,
               (const char *)io->in[0] + from * (int64_t)p->element, p->element);
    }
}

int op_mirror_pad(struct build *b)
{
    int rc = build_count(b, 2, 2, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0), *out;
    if (!in)
        return -EINVAL;
    out = build_output(b, 0);
    struct mirror_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    int32_t after[TENSOR_RANK_MAX];
    rc = move_same_type(b, in, out);
    if (rc == 0)
        rc = read_amounts(b, in, p->before, after);
    if (rc < 0)
        return rc;
    p->edge = b->op->options.mode == 1;
    for (int32_t d = 0; d < in->rank; d++)
        if (p->before[d] > in->dims[d] - 1 + p->edge || after[d] > in->dims[d] - 1 + p->edge)
            return build_fail(b, -EINVAL, "dimension %d of %d is mirrored by %d and %d", d,
                              in->dims[d], p->before[d], after[d]);
    p->element = tensor_type_size(in->type);
    p->rank = in->rank;
    memcpy(p->dims, out->dims, sizeof(p->dims));
    memcpy(p->in_dims, in->dims, sizeof(p->in_dims));
    move_strides(in, p->in_stride);
    p->elements = (size_t)graph_elements(out);
    return build_layer(b, run_mirror, "mirror_pad_c", p, 1) ? 0 : -ENOMEM;
}
