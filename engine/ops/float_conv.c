// SPDX-License-Identifier: Apache-2.0
//
// Convolution, depthwise convolution and fully connected in float32.

#include <errno.h>

#include "engine/ops/float_ops.h"
#include "kernels/float.h"

struct float_conv_params {
    struct kernel_conv_shape shape;
    struct kernel_float_range range;
    const struct kernel_float_conv *kernel;
    void *packed;
};

static void run_conv(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct float_conv_params *p = params;
    p->kernel->run(&p->shape, &p->range, p->packed, io->in[0], io->out[0], scratch, first, last);
}

static int pack(struct build *b, struct float_conv_params *p, const float *given)
{
    struct kernel_float_weights weights = {
        given ? given : build_constant(b, build_input(b, 1), b->temp), NULL};
    if (weights.weights && build_has_input(b, 2))
        weights.bias = build_constant(b, build_input(b, 2), b->temp);
    if (!weights.weights || (build_has_input(b, 2) && !weights.bias))
        return -ENOMEM;
    p->packed = build_params(b, p->kernel->packed_size(&p->shape));
    if (!p->packed)
        return -ENOMEM;
    p->kernel->pack(&p->shape, &weights, p->packed);
    return 0;
}

int float_conv(struct build *b, const struct kernel_conv_shape *shape, const float *weights,
               uint64_t macs)
{
    struct float_conv_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->shape = *shape;
    p->kernel = kernel_float_conv_select(shape, b->cpu);
    int rc = build_activation_float(b, b->op->options.activation, &p->range.low, &p->range.high);
    if (rc == 0)
        rc = pack(b, p, weights);
    if (rc < 0)
        return rc;
    struct layer *layer = build_layer(b, run_conv, p->kernel->name, p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = p->kernel->units(shape);
    layer->scratch = p->kernel->scratch_size(shape);
    layer->macs = macs;
    layer->packed_bytes = p->kernel->packed_size(shape);
    return 0;
}
