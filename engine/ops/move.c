// SPDX-License-Identifier: Apache-2.0
#include "engine/ops/move.h"

#include <errno.h>
#include <string.h>

struct move_params *move_create(struct build *b, uint32_t count)
{
    struct move_params *p = build_params(b, sizeof(*p));
    if (!p)
        return NULL;
    p->moves = store_take_array(b->keep, count, sizeof(*p->moves));
    if (!p->moves) {
        build_fail(b, -ENOMEM, "no memory for %u copies", count);
        return NULL;
    }
    p->count = count;
    p->element = tensor_type_size(build_output(b, 0)->type);
    p->out_elements = (size_t)graph_elements(build_output(b, 0));
    return p;
}

void move_set_rows(struct move *m, int64_t outer, int64_t length, int64_t in_pitch,
                   int64_t out_pitch)
{
    m->rank = 2;
    m->dims[0] = (int32_t)outer;
    m->dims[1] = (int32_t)length;
    m->in_stride[0] = in_pitch;
    m->out_stride[0] = out_pitch;
    m->in_stride[1] = m->out_stride[1] = 1;
}

void move_strides(const struct graph_tensor *t, int64_t stride[TENSOR_RANK_MAX])
{
    int64_t step = 1;
    for (int32_t d = t->rank; d-- > 0; step *= t->dims[d])
        stride[d] = step;
}

int move_same_type(struct build *b, const struct graph_tensor *x, const struct graph_tensor *y)
{
    if (x->type == y->type && x->flip == y->flip && tensor_type_size(x->type))
        return 0;
    return build_fail(b, -EINVAL, "tensor '%s' is %s and '%s' is %s", x->name,
                      x->flip ? "uint8" : tensor_type_name(x->type), y->name,
                      y->flip ? "uint8" : tensor_type_name(y->type));
}

static void copy_line(const struct move *m, size_t element, const uint8_t *in, uint8_t *out)
{
    int32_t last = m->rank - 1, n = m->dims[last];
    int64_t in_step = m->in_stride[last] * (int64_t)element,
            out_step = m->out_stride[last] * (int64_t)element;
    if (m->table) {
        for (int32_t i = 0; i < n; i++, in += in_step, out += out_step)
            *out = m->table[*in];
    } else if (m->in_stride[last] == 1 && m->out_stride[last] == 1) {
        memcpy(out, in, (size_t)n * element);
    } else if (element == 1) {
        for (int32_t i = 0; i < n; i++)
            out[i * out_step] = in[i * in_step];
    } else {
        for (int32_t i = 0; i < n; i++)
            memcpy(out + i * out_step, in + i * in_step, element);
    }
}

static void copy_box(const struct move *m, size_t element, const uint8_t *in, uint8_t *out)
{
    int32_t at[TENSOR_RANK_MAX] = {0}, d;
    int64_t from = m->in_at, to = m->out_at;
    do {
        copy_line(m, element, in + from * (int64_t)element, out + to * (int64_t)element);
        for (d = m->rank - 2; d >= 0; d--) {
            from += m->in_stride[d];
            to += m->out_stride[d];
            if (++at[d] < m->dims[d])
                break;
            from -= m->in_stride[d] * m->dims[d];
            to -= m->out_stride[d] * m->dims[d];
            at[d] = 0;
        }
    } while (d >= 0);
}

void move_run(const void *params, const struct layer_io *io, void *scratch, int32_t first,
              int32_t last)
{
    const struct move_params *p = params;
    (void)scratch;
    (void)first;
    (void)last;
    if (p->fill && p->element == 1)
        memset(io->out[0], p->value[0], p->out_elements);
    else if (p->fill)
        for (size_t i = 0; i < p->out_elements; i++)
            memcpy((uint8_t *)io->out[0] + i * p->element, p->value, p->element);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct move *m = &p->moves[i];
        copy_box(m, p->element, io->in[m->in], io->out[m->out]);
    }
}
