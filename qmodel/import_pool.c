// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <float.h>
#include <string.h>

#include "qmodel/import_nodes.h"

static int emit_pool(struct importer *im, int32_t code, struct import_value *x,
                     const struct import_window *w, float border, struct import_value *out)
{
    struct graph_options options = {.filter_h = w->kernel[0], .filter_w = w->kernel[1]};
    int rc = import_window_out(im, x, w, x->dims[1], out);
    int32_t input = rc < 0 ? rc : import_window_pad(im, x, w, border, &options);
    return input < 0 ? input : import_emit_value(im, code, &options, 1, &input, out);
}

static int read_window(struct importer *im, const struct import_value *x, struct import_window *w)
{
    int32_t kernel[2];
    int rc = import_need_activation(im, x, "input");
    if (rc == 0)
        rc = import_window_kernel(im, kernel);
    if (rc == 0)
        rc = import_window_read(im, x, kernel, w);
    if (rc == 0 && (w->dilation[0] != 1 || w->dilation[1] != 1))
        rc = import_fail(im, -ENOTSUP, "dilated windows");
    return rc;
}

int import_max_pool(struct importer *im, struct import_value **in, uint32_t count,
                    struct import_value *out)
{
    struct import_window w;
    (void)count;
    int rc = read_window(im, in[0], &w);
    if (rc == 0 && im->node->n_output > 1)
        rc = import_fail(im, -ENOTSUP, "a second output (indices)");
    return rc < 0 ? rc : emit_pool(im, OP_MAX_POOL_2D, in[0], &w, -FLT_MAX, out);
}

// TFLite's SAME divides by the cells inside the picture; a border made by PAD counts as cells.
int import_average_pool(struct importer *im, struct import_value **in, uint32_t count,
                        struct import_value *out)
{
    struct import_window w;
    (void)count;
    int rc = read_window(im, in[0], &w);
    if (rc < 0)
        return rc;
    bool counted = import_attribute_int(im, "count_include_pad", 0) != 0;
    if (w.padded && counted && import_attribute_int(im, "ceil_mode", 0))
        return import_fail(im, -ENOTSUP, "ceil_mode with padding that counts");
    if (w.padded && !counted && !w.same)
        return import_fail(im, -ENOTSUP, "padding that does not count and is not as SAME");
    if (counted)
        w.same = false;
    return emit_pool(im, OP_AVERAGE_POOL_2D, in[0], &w, 0, out);
}

static int emit_mean(struct importer *im, struct import_value *x, const int32_t *axes,
                     int32_t axis_count, bool keep, struct import_value *out)
{
    int32_t list[TENSOR_RANK_MAX], rank = 0, renumbered[TENSOR_RANK_MAX];
    int64_t dims[TENSOR_RANK_MAX];
    struct graph_options options = {.keep_dims = keep};
    uint32_t gone = 0;
    if (x->shuffled[0]) {
        int32_t tensor = import_arrange(im, x, import_plain);
        if (tensor < 0)
            return tensor;
    }
    for (int32_t i = 0; i < axis_count; i++)
        gone |= 1u << axes[i];
    for (int32_t i = 0; i < x->rank; i++) {
        renumbered[i] = rank;
        if (!(gone >> i & 1) || keep)
            dims[rank++] = gone >> i & 1 ? 1 : x->dims[i];
    }
    int rc = import_set_shape(im, out, rank, dims);
    if (rc < 0)
        return rc;
    int32_t count = 0, kept = 0;
    for (int32_t i = 0; i < x->rank; i++) { // axes of the tensor
        bool reduced = gone >> x->perm[i] & 1;
        if (reduced)
            list[count++] = i;
        if (!reduced || keep)
            out->perm[kept++] = renumbered[x->perm[i]];
    }
    int32_t inputs[2] = {x->tensor, import_ints_tensor(im, list, count)};
    return inputs[1] < 0 ? inputs[1] : import_emit_value(im, OP_MEAN, &options, 2, inputs, out);
}

int import_global_average(struct importer *im, struct import_value **in, uint32_t count,
                          struct import_value *out)
{
    static const int32_t axes[] = {2, 3};
    (void)count;
    int rc = import_need_activation(im, in[0], "input");
    if (rc == 0 && in[0]->rank != 4)
        rc = import_fail(im, -ENOTSUP, "an input of %d dimensions, not 4", in[0]->rank);
    return rc < 0 ? rc : emit_mean(im, in[0], axes, 2, true, out);
}

int import_global_max(struct importer *im, struct import_value **in, uint32_t count,
                      struct import_value *out)
{
    struct import_window w = {.stride = {1, 1}, .dilation = {1, 1}, .out = {1, 1}};
    (void)count;
    int rc = import_need_activation(im, in[0], "input");
    if (rc == 0 && in[0]->rank != 4)
        rc = import_fail(im, -ENOTSUP, "an input of %d dimensions, not 4", in[0]->rank);
    if (rc < 0)
        return rc;
    memcpy(w.kernel, &in[0]->dims[2], sizeof(w.kernel));
    return emit_pool(im, OP_MAX_POOL_2D, in[0], &w, 0, out);
}

int import_mean(struct importer *im, struct import_value **in, uint32_t count,
                struct import_value *out)
{
    int32_t axes[TENSOR_RANK_MAX], axis_count;
    int rc = import_need_activation(im, in[0], "input");
    if (rc == 0)
        rc = import_axes(im, count > 1 ? in[1] : NULL, in[0]->rank, axes, &axis_count);
    if (rc < 0)
        return rc;
    if (axis_count == 0) {
        if (import_attribute_int(im, "noop_with_empty_axes", 0))
            return import_fail(im, -ENOTSUP, "a mean over nothing");
        for (; axis_count < in[0]->rank; axis_count++)
            axes[axis_count] = axis_count;
    }
    return emit_mean(im, in[0], axes, axis_count, import_attribute_int(im, "keepdims", 1) != 0,
                     out);
}
