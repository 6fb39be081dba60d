// SPDX-License-Identifier: Apache-2.0
//
// Resize and Upsample of pictures. Of ONNX's many ways to place the samples TFLite has three:
// asymmetric, half pixel and aligned corners.

#include <errno.h>
#include <math.h>
#include <string.h>

#include "qmodel/import_nodes.h"

// Sizes of the four dimensions, from the input of sizes or of factors (an empty constant = not
// given).
static int read_sizes(struct importer *im, const struct import_value *x,
                      const struct import_value *scales, const struct import_value *sizes,
                      int64_t *dims)
{
    int32_t count;
    if (sizes && import_elements(sizes)) {
        int rc = import_ints(im, sizes, dims, TENSOR_RANK_MAX, &count);
        return rc < 0       ? rc
               : count == 4 ? 0
                            : import_fail(im, -EINVAL, "%d sizes for 4 dimensions", count);
    }
    const Onnx__Attribute *list = import_attribute(im, "scales");
    const float *factors = list ? list->floats : NULL;
    size_t given = list ? list->n_floats : 0;
    if (scales && scales->constant && scales->type == TENSOR_FLOAT32) {
        factors = scales->data;
        given = (size_t)import_elements(scales);
    }
    if (given != 4)
        return import_fail(im, -ENOTSUP, "%zu constant factors for 4 dimensions", given);
    for (int i = 0; i < 4; i++) {
        double size = floor((double)factors[i] * x->dims[i]);
        if (!(size >= 1 && size <= 65536))
            return import_fail(im, -EINVAL, "a factor of %g", (double)factors[i]);
        dims[i] = (int64_t)size;
    }
    return 0;
}

static bool is_whole_factor(const struct import_value *x, const int64_t *dims)
{
    return dims[2] % x->dims[2] == 0 && dims[3] % x->dims[3] == 0;
}

static int read_mode(struct importer *im, const struct import_value *x, const int64_t *dims,
                     bool nearest, struct graph_options *options)
{
    const char *name = "coordinate_transformation_mode";
    bool old = strcmp(im->node->op_type, "Upsample") == 0 || im->opset < 11;
    bool asymmetric = old || import_attribute_is(im, name, "asymmetric");
    options->align_corners = !old && import_attribute_is(im, name, "align_corners");
    options->half_pixel = !asymmetric && !options->align_corners;
    if (options->half_pixel && import_attribute(im, name) &&
        !import_attribute_is(im, name, "half_pixel") &&
        !import_attribute_is(im, name, "pytorch_half_pixel"))
        return import_fail(im, -ENOTSUP, "this coordinate_transformation_mode");
    if (!nearest)
        return import_attribute_int(im, "antialias", 0) ? import_fail(im, -ENOTSUP, "antialias")
                                                        : 0;
    // Which neighbour is nearest only matters where a sample lies half way between two: with half
    // pixels and a whole factor none does; from the corner TFLite takes the lower one.
    bool floors = old || import_attribute_is(im, "nearest_mode", "floor");
    if (options->align_corners || (asymmetric && !floors) ||
        (options->half_pixel && !is_whole_factor(x, dims)) ||
        (options->half_pixel && (floors || import_attribute_is(im, "nearest_mode", "ceil"))))
        return import_fail(im, -ENOTSUP, "this nearest_mode with these coordinates");
    return 0;
}

int import_resize(struct importer *im, struct import_value **in, uint32_t count,
                  struct import_value *out)
{
    struct import_value *x = in[0];
    struct graph_options options = {0};
    int64_t dims[TENSOR_RANK_MAX];
    bool nearest = !import_attribute(im, "mode") || import_attribute_is(im, "mode", "nearest");
    uint32_t scales_at = count == 2 ? 1 : 2; // Upsample, and Resize of operator set 10, have no roi
    int rc = import_need_activation(im, x, "input");
    if (rc == 0 && (x->rank != 4 || import_attribute(im, "axes")))
        rc = import_fail(im, -ENOTSUP, "other than all 4 dimensions of a picture");
    if (rc == 0 && !nearest && !import_attribute_is(im, "mode", "linear"))
        rc = import_fail(im, -ENOTSUP, "a mode that is neither nearest nor linear");
    if (rc == 0)
        rc = read_sizes(im, x, count > scales_at ? in[scales_at] : NULL, count > 3 ? in[3] : NULL,
                        dims);
    if (rc == 0 && (dims[0] != x->dims[0] || dims[1] != x->dims[1]))
        rc = import_fail(im, -ENOTSUP, "a change of other dimensions than height and width");
    if (rc == 0)
        rc = import_set_shape(im, out, 4, dims);
    if (rc == 0)
        rc = read_mode(im, x, dims, nearest, &options);
    if (rc < 0)
        return rc;
    memcpy(out->perm, import_picture, sizeof(out->perm));
    int32_t size[2] = {out->dims[2], out->dims[3]};
    int32_t inputs[2] = {import_arrange(im, x, import_picture), 0};
    if (inputs[0] < 0)
        return inputs[0];
    inputs[1] = import_ints_tensor(im, size, 2);
    return inputs[1] < 0
               ? inputs[1]
               : import_emit_value(im, nearest ? OP_RESIZE_NEAREST_NEIGHBOR : OP_RESIZE_BILINEAR,
                                   &options, 2, inputs, out);
}
