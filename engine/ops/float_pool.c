// SPDX-License-Identifier: Apache-2.0
//
// Average, maximum and mean over windows in float32. Padding does not count.

#include <errno.h>

#include "engine/ops/float_ops.h"
#include "kernels/float.h"

struct float_pool_params {
    struct kernel_pool_shape shape;
    struct kernel_float_range range;
    const struct kernel_float_pool *kernel;
};

// A unit is an output pixel.
static void run_pool(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                     int32_t last)
{
    const struct float_pool_params *p = params;
    (void)scratch;
    p->kernel->run(&p->shape, &p->range, io->in[0], io->out[0], first, last);
}

int float_pool(struct build *b, const struct kernel_pool_shape *shape)
{
    struct float_pool_params *p = build_params(b, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->shape = *shape;
    p->kernel = kernel_float_pool_select(shape, b->cpu);
    int32_t activation =
        shape->kind == KERNEL_POOL_MEAN ? ACTIVATION_NONE : b->op->options.activation;
    int rc = build_activation_float(b, activation, &p->range.low, &p->range.high);
    struct layer *layer = rc < 0 ? NULL : build_layer(b, run_pool, p->kernel->name, p, 1);
    if (!layer)
        return rc < 0 ? rc : -ENOMEM;
    layer->units = shape->batch * shape->out_h * shape->out_w;
    return 0;
}
