// SPDX-License-Identifier: Apache-2.0
#include "engine/ops/lookup.h"

#include <errno.h>
#include <math.h>

#include "kernels/fixedpoint.h"
#include "kernels/kernels.h"

#define LOOKUP_CHUNK 16384

struct lookup_params {
    uint8_t table[256];
    const struct kernel_table *kernel;
    size_t elements;
};

static void run_lookup(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                       int32_t last)
{
    const struct lookup_params *p = params;
    size_t from = (size_t)first * LOOKUP_CHUNK, to = (size_t)last * LOOKUP_CHUNK;
    (void)scratch;
    if (to > p->elements)
        to = p->elements;
    p->kernel->run(p->table, (const uint8_t *)io->in[0] + from, (uint8_t *)io->out[0] + from,
                   to - from);
}

const uint8_t *lookup_table(const struct layer *layer)
{
    return layer && layer->run == run_lookup ? ((struct lookup_params *)layer->params)->table
                                             : NULL;
}

int lookup_add(struct build *b, const uint8_t table[256])
{
    struct lookup_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    struct layer *before = build_producer(b, 0);
    const uint8_t *inner = lookup_table(before);
    for (uint32_t i = 0; i < 256; i++)
        p->table[i] = table[inner ? inner[i] : i];
    if (inner) {
        b->op->inputs[0] = before->in[0];
        before->dead = true;
    }
    p->kernel = kernel_table_select(b->cpu);
    p->elements = (size_t)graph_elements(build_output(b, 0));
    struct layer *layer = build_layer(b, run_lookup, p->kernel->name, p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = (int32_t)((p->elements + LOOKUP_CHUNK - 1) / LOOKUP_CHUNK);
    return 0;
}

// XNNPACK's vcvt: the ratio in 8.8 fixed point, halves up.
static int32_t convert_coarse(int32_t q, const struct graph_tensor *in,
                              const struct graph_tensor *out, float ratio)
{
    int32_t multiplier = (int32_t)lrintf(256.0f * ratio);
    return (out->zero_point * 256 + 0x80 + (q - in->zero_point) * multiplier) >> 8;
}

// Between int8 and uint8: TFLite's fixed point, but its second rounding is half up, as LiteRT's
// vector code has it (the scalar tail of a tensor, its last size % 16 values, rounds half away from
// zero there).
static int64_t convert_fine(int32_t q, const struct graph_tensor *in,
                            const struct graph_tensor *out, struct fixed_multiplier m)
{
    struct fixed_multiplier whole = {m.multiplier, m.shift > 0 ? m.shift : 0};
    int64_t high = fixed_scale(q - in->zero_point, whole);
    if (m.shift < 0)
        high = (high + (INT64_C(1) << (-m.shift - 1))) >> -m.shift;
    return high + out->zero_point;
}

void lookup_requantize(const struct graph_tensor *in, const struct graph_tensor *out,
                       uint8_t table[256])
{
    float from = build_scale(in, 0), to = build_scale(out, 0), ratio = from / to;
    bool coarse = in->flip == out->flip && ratio >= 0x1p-8f && ratio <= 0x1p7f;
    struct fixed_multiplier m = fixed_multiplier_from((double)from / (double)to);
    for (int32_t q = -128; q < 128; q++) {
        int64_t value;
        if (coarse)
            value = convert_coarse(q, in, out, ratio);
        else
            value = convert_fine(q, in, out, m);
        table[(uint8_t)q] = (uint8_t)(int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
}
