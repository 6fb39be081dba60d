// SPDX-License-Identifier: Apache-2.0
//
// Conv: ONNX filters are [out, in / groups, height, width]; TFLite's are [out, height, width, in /
// groups], and [1, height, width, out] for a depthwise convolution.

#include <errno.h>
#include <string.h>

#include "qmodel/import_nodes.h"

static const int32_t filter_order[TENSOR_RANK_MAX] = {0, 2, 3, 1, 4, 5};
static const int32_t depthwise_order[TENSOR_RANK_MAX] = {1, 2, 3, 0, 4, 5};

struct conv {
    const struct import_value *x, *weights, *bias; // bias may be NULL
    int32_t groups, out_channels;
    bool depthwise;
};

static int check(struct importer *im, struct conv *c)
{
    const struct import_value *x = c->x, *w = c->weights;
    int rc = import_need_activation(im, x, "input");
    if (rc == 0)
        rc = import_need_constant(im, w, "weights");
    if (rc == 0 && c->bias)
        rc = import_need_constant(im, c->bias, "biases");
    if (rc < 0)
        return rc;
    if (x->rank != 4 || w->rank != 4)
        return import_fail(im, -ENOTSUP, "a convolution over %d dimensions, only pictures are",
                           x->rank - 2);
    int64_t groups = import_attribute_int(im, "group", 1);
    if (groups < 1 || groups > x->dims[1] || x->dims[1] % groups || w->dims[0] % groups ||
        w->dims[1] != x->dims[1] / groups)
        return import_fail(im, -EINVAL, "%d input channels, %lld groups, weights [%d, %d, ...]",
                           x->dims[1], (long long)groups, w->dims[0], w->dims[1]);
    if (c->bias && import_elements(c->bias) != w->dims[0])
        return import_fail(im, -EINVAL, "%lld biases for %d channels",
                           (long long)import_elements(c->bias), w->dims[0]);
    c->groups = (int32_t)groups;
    c->out_channels = w->dims[0];
    c->depthwise = groups == x->dims[1] && groups > 1;
    return 0;
}

// LiteRT wants a bias always.
static int32_t bias_tensor(struct importer *im, const struct conv *c)
{
    struct import_value flat = {.name = c->weights->name, .type = TENSOR_FLOAT32, .constant = true};
    if (c->bias)
        flat = *c->bias;
    else if (!(flat.data = import_take(im, (size_t)c->out_channels, sizeof(float))))
        return -ENOMEM;
    if (flat.rank != 1 && flat.origin.scale_count > 1)
        flat.origin.data = NULL; // scales along an axis that is gone
    flat.rank = 1;
    flat.dims[0] = c->out_channels;
    flat.origin.axis = 0;
    return import_arrange(im, &flat, import_plain);
}

int import_conv(struct importer *im, struct import_value **in, uint32_t count,
                struct import_value *out)
{
    struct conv c = {.x = in[0], .weights = in[1], .bias = count > 2 ? in[2] : NULL};
    struct import_window w;
    struct graph_options options = {0};
    int rc = check(im, &c);
    if (rc == 0)
        rc = import_window_read(im, in[0], &in[1]->dims[2], &w);
    if (rc == 0)
        rc = import_window_out(im, in[0], &w, c.out_channels, out);
    if (rc < 0)
        return rc;
    options.dilation_h = w.dilation[0];
    options.dilation_w = w.dilation[1];
    options.depth_multiplier = c.depthwise ? c.out_channels / c.groups : 0;
    int32_t inputs[3] = {import_window_pad(im, in[0], &w, 0, &options)};
    if (inputs[0] >= 0)
        inputs[1] = import_arrange(im, in[1], c.depthwise ? depthwise_order : filter_order);
    if (inputs[0] >= 0 && inputs[1] >= 0)
        inputs[2] = bias_tensor(im, &c);
    for (int i = 0; i < 3; i++)
        if (inputs[i] < 0)
            return inputs[i];
    return import_emit_value(im, c.depthwise ? OP_DEPTHWISE_CONV_2D : OP_CONV_2D, &options, 3,
                             inputs, out);
}
