// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "qmodel/import_nodes.h"

#define SIZE_MOST 65536

static int read_pair(struct importer *im, const char *name, int32_t fallback, int32_t pair[2])
{
    int64_t list[2];
    int32_t count;
    int rc = import_attribute_ints(im, name, list, 2, &count);
    if (rc < 0)
        return rc;
    if (count == 1)
        return import_fail(im, -ENOTSUP, "'%s' of one dimension", name);
    for (int i = 0; i < 2; i++) {
        pair[i] = fallback;
        if (count && (list[i] < 1 || list[i] > SIZE_MOST))
            return import_fail(im, -EINVAL, "'%s' is %lld", name, (long long)list[i]);
        if (count)
            pair[i] = (int32_t)list[i];
    }
    return 0;
}

int import_window_kernel(struct importer *im, int32_t kernel[2])
{
    if (!import_attribute(im, "kernel_shape"))
        return import_fail(im, -EINVAL, "no kernel_shape");
    return read_pair(im, "kernel_shape", 1, kernel);
}

static int32_t extent(const struct import_window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static int32_t same_total(const struct import_window *w, int i, int32_t size)
{
    int32_t total = ((size + w->stride[i] - 1) / w->stride[i] - 1) * w->stride[i] + extent(w, i) -
                    size;
    return total > 0 ? total : 0;
}

static int read_pads(struct importer *im, const struct import_value *x, struct import_window *w)
{
    int64_t pads[4];
    int32_t count;
    int rc = import_attribute_ints(im, "pads", pads, 4, &count);
    if (rc < 0)
        return rc;
    if (count != 0 && count != 4)
        return import_fail(im, -ENOTSUP, "%d values of 'pads'", count);
    for (int i = 0; i < 4 && count; i++)
        if (pads[i] < 0 || pads[i] > SIZE_MOST)
            return import_fail(im, -ENOTSUP, "padding by %lld", (long long)pads[i]);
    bool upper = import_attribute_is(im, "auto_pad", "SAME_UPPER");
    bool lower = import_attribute_is(im, "auto_pad", "SAME_LOWER");
    for (int i = 0; i < 2; i++) {
        int32_t total = upper || lower ? same_total(w, i, x->dims[2 + i]) : 0;
        bool given = !upper && !lower && count && !import_attribute_is(im, "auto_pad", "VALID");
        w->before[i] = given ? (int32_t)pads[i] : upper ? total / 2 : total - total / 2;
        w->after[i] = given ? (int32_t)pads[2 + i] : total - w->before[i];
    }
    return 0;
}

// The last window may reach past the padding (ceil_mode), or need less of it than is given.
static int solve(struct importer *im, const struct import_value *x, struct import_window *w,
                 bool ceiling)
{
    w->same = true;
    for (int i = 0; i < 2; i++) {
        int32_t size = x->dims[2 + i], room = size + w->before[i] + w->after[i] - extent(w, i);
        if (room < 0)
            return import_fail(im, -EINVAL, "a window of %d on %d", extent(w, i), size);
        w->out[i] = (room + (ceiling ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
        if (ceiling && (w->out[i] - 1) * w->stride[i] >= size + w->before[i])
            w->out[i]--;
        w->after[i] = (w->out[i] - 1) * w->stride[i] + extent(w, i) - size - w->before[i];
        if (w->after[i] < 0)
            w->after[i] = 0;
        int32_t total = same_total(w, i, size);
        w->same = w->same && w->before[i] == total / 2 && w->after[i] == total - total / 2 &&
                  w->out[i] == (size + w->stride[i] - 1) / w->stride[i];
        w->padded = w->padded || w->before[i] || w->after[i];
    }
    return 0;
}

int import_window_read(struct importer *im, const struct import_value *x, const int32_t kernel[2],
                       struct import_window *w)
{
    *w = (struct import_window){.kernel = {kernel[0], kernel[1]}};
    if (x->rank != 4)
        return import_fail(im, -ENOTSUP, "an input of %d dimensions, not 4", x->rank);
    for (int i = 0; i < 2; i++)
        if (x->dims[2 + i] > SIZE_MOST || (int64_t)kernel[i] * SIZE_MOST > INT32_MAX)
            return import_fail(im, -ENOTSUP, "a window of %d on %d", kernel[i], x->dims[2 + i]);
    int rc = read_pair(im, "strides", 1, w->stride);
    if (rc == 0)
        rc = read_pair(im, "dilations", 1, w->dilation);
    if (rc == 0 && ((int64_t)extent(w, 0) > SIZE_MOST * 2 || (int64_t)extent(w, 1) > SIZE_MOST * 2))
        rc = import_fail(im, -ENOTSUP, "a window of %d x %d", extent(w, 0), extent(w, 1));
    if (rc == 0)
        rc = read_pads(im, x, w);
    return rc < 0 ? rc : solve(im, x, w, import_attribute_int(im, "ceil_mode", 0) != 0);
}

int32_t import_pad_tensor(struct importer *im, int32_t tensor, const struct import_value *out,
                          const int32_t *before, const int32_t *after, float value)
{
    struct draft_tensor from = im->draft->tensors[tensor];
    int32_t dims[TENSOR_RANK_MAX], list[2 * TENSOR_RANK_MAX];
    for (int32_t i = 0; i < from.rank; i++) {
        dims[i] = before[i] + from.dims[i] + after[i];
        list[2 * i] = before[i];
        list[2 * i + 1] = after[i];
    }
    int32_t inputs[3] = {tensor, import_ints_tensor(im, list, 2 * from.rank), 0};
    if (inputs[1] < 0)
        return inputs[1];
    im->draft->tensors[inputs[1]].rank = 2; // [rank, 2]
    im->draft->tensors[inputs[1]].dims[0] = from.rank;
    im->draft->tensors[inputs[1]].dims[1] = 2;
    if (value != 0)
        inputs[2] = import_floats_tensor(im, &value, 1);
    int32_t made = inputs[2] < 0 ? inputs[2] : import_result(im, out, &from, from.rank, dims);
    int rc = made < 0 ? made
                      : import_emit(im, value != 0 ? OP_PADV2 : OP_PAD, NULL, value != 0 ? 3 : 2,
                                    inputs, 1, &made);
    return rc < 0 ? rc : made;
}

int32_t import_window_pad(struct importer *im, struct import_value *x,
                          const struct import_window *w, float value, struct graph_options *options)
{
    int32_t tensor = import_arrange(im, x, import_picture);
    options->stride_h = w->stride[0];
    options->stride_w = w->stride[1];
    options->padding = w->padded && w->same ? PADDING_SAME : PADDING_VALID;
    if (tensor < 0 || !w->padded || w->same)
        return tensor;
    int32_t before[4] = {0, w->before[0], w->before[1], 0},
            after[4] = {0, w->after[0], w->after[1], 0};
    return import_pad_tensor(im, tensor, x, before, after, value);
}

int import_window_out(struct importer *im, const struct import_value *x,
                      const struct import_window *w, int32_t channels, struct import_value *out)
{
    int64_t dims[4] = {x->dims[0], channels, w->out[0], w->out[1]};
    int rc = import_set_shape(im, out, 4, dims);
    memcpy(out->perm, import_picture, sizeof(out->perm));
    return rc;
}
