// SPDX-License-Identifier: Apache-2.0
//
// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR. int8 bilinear as XNNPACK computes it: weights with
// 11 bits, halves up. Positions and weights are worked out at load.

#include <errno.h>
#include <math.h>

#include "engine/ops/move.h"
#include "engine/ops/ops.h"

#define RESIZE_SIDE_MAX 16384

struct tap {
    int32_t low, high; // positions in the input
    int32_t weight;    // of `high`, in 2048ths
    float part;        // of `high`, for float tensors
};

struct resize_params {
    int32_t batch, in_h, in_w, out_h, out_w, channels;
    struct tap *rows, *columns;
    size_t element;
};

// ---- positions ---------------------------------------------------------------------------------

static float step_of(const struct graph_options *o, int32_t in, int32_t out)
{
    bool corners = o->align_corners && out > 1;
    return (float)(in - corners) / (float)(out - corners);
}

static struct tap bilinear_tap(const struct graph_options *o, int32_t in, float step, int32_t at)
{
    float last = (float)(in - 1), position = (float)at * step;
    if (o->half_pixel)
        position += 0.5f * step - 0.5f;
    position = position < 0 ? 0 : position > last ? last : position;
    int32_t low = (int32_t)position;
    low = low < in ? low : in - 1; // beyond 2^24 `last` may be rounded up
    float part = position - (float)low;
    return (struct tap){low, low + 1 < in ? low + 1 : in - 1, (int32_t)lrintf(part * 2048.0f),
                        part};
}

static struct tap nearest_tap(const struct graph_options *o, int32_t in, float step, int32_t at)
{
    float position = o->half_pixel ? ((float)at + 0.5f) * step : (float)at * step;
    int32_t low = (int32_t)(o->align_corners ? roundf(position) : floorf(position));
    low = low < 0 ? 0 : low >= in ? in - 1 : low;
    return (struct tap){.low = low, .high = low};
}

static struct tap *make_taps(struct build *b, int32_t in, int32_t out)
{
    const struct graph_options *o = &b->op->options;
    struct tap *taps = store_take_array(b->keep, (size_t)out, sizeof(*taps));
    float step = step_of(o, in, out);
    for (int32_t i = 0; taps && i < out; i++)
        taps[i] = b->op->code == OP_RESIZE_BILINEAR ? bilinear_tap(o, in, step, i)
                                                    : nearest_tap(o, in, step, i);
    return taps;
}

// ---- running: a unit is an output row ----------------------------------------------------------

struct corners {
    size_t at[4]; // first channel of top left, top right, bottom left, bottom right
    size_t out;
    const struct tap *y, *x;
};

static struct corners corners_of(const struct resize_params *p, int32_t row, int32_t column)
{
    struct corners c = {.y = &p->rows[row % p->out_h], .x = &p->columns[column]};
    size_t image = (size_t)(row / p->out_h) * (size_t)p->in_h, width = (size_t)p->in_w,
           depth = (size_t)p->channels;
    size_t top = (image + (size_t)c.y->low) * width, bottom = (image + (size_t)c.y->high) * width;
    c.at[0] = (top + (size_t)c.x->low) * depth;
    c.at[1] = (top + (size_t)c.x->high) * depth;
    c.at[2] = (bottom + (size_t)c.x->low) * depth;
    c.at[3] = (bottom + (size_t)c.x->high) * depth;
    c.out = ((size_t)row * (size_t)p->out_w + (size_t)column) * depth;
    return c;
}

static void pixel_int8(const struct corners *c, int32_t channels, const int8_t *in, int8_t *out)
{
    for (int32_t i = 0; i < channels; i++) {
        int32_t tl = in[c->at[0] + (size_t)i], tr = in[c->at[1] + (size_t)i];
        int32_t bl = in[c->at[2] + (size_t)i], br = in[c->at[3] + (size_t)i];
        int32_t top = tl * 2048 + (tr - tl) * c->x->weight,
                bottom = bl * 2048 + (br - bl) * c->x->weight;
        out[c->out + (size_t)i] =
            (int8_t)((top * 2048 + (bottom - top) * c->y->weight + (1 << 21)) >> 22);
    }
}

static void pixel_float(const struct corners *c, int32_t channels, const float *in, float *out)
{
    for (int32_t i = 0; i < channels; i++) {
        float tl = in[c->at[0] + (size_t)i], tr = in[c->at[1] + (size_t)i];
        float bl = in[c->at[2] + (size_t)i], br = in[c->at[3] + (size_t)i];
        float top = tl + (tr - tl) * c->x->part, bottom = bl + (br - bl) * c->x->part;
        out[c->out + (size_t)i] = top + (bottom - top) * c->y->part;
    }
}

static void run_resize(const void *params, const struct layer_io *io, void *scratch, int32_t first,
                       int32_t last)
{
    const struct resize_params *p = params;
    (void)scratch;
    for (int32_t row = first; row < last; row++)
        for (int32_t column = 0; column < p->out_w; column++) {
            struct corners c = corners_of(p, row, column);
            if (p->element == 1)
                pixel_int8(&c, p->channels, io->in[0], io->out[0]);
            else
                pixel_float(&c, p->channels, io->in[0], io->out[0]);
        }
}

// ---- build -------------------------------------------------------------------------------------

static int check_types(struct build *b, const struct graph_tensor *in,
                       const struct graph_tensor *out)
{
    int rc = move_same_type(b, in, out);
    if (rc < 0 || in->type == TENSOR_FLOAT32)
        return rc;
    rc = build_need_int8(b, in);
    if (rc == 0)
        rc = build_need_int8(b, out);
    if (rc == 0 && !build_same_quantization(in, out))
        rc = build_fail(b, -ENOTSUP, "input and output differ in scale or zero point");
    return rc;
}

int op_resize(struct build *b)
{
    int rc = build_count(b, 2, 2, 1);
    const struct graph_tensor *in = rc < 0 ? NULL : build_input(b, 0),
                              *size = in ? build_integers(b, 1, 2) : NULL;
    if (!size)
        return -EINVAL;
    const struct graph_tensor *out = build_output(b, 0);
    if (in->rank != 4 || graph_elements(size) != 2)
        return build_fail(b, -EINVAL, "input has %d dimensions, size has %lld values", in->rank,
                          (long long)graph_elements(size));
    int32_t height = graph_constant_int(size, 0), width = graph_constant_int(size, 1);
    if (height < 1 || width < 1 || height > RESIZE_SIDE_MAX || width > RESIZE_SIDE_MAX)
        return build_fail(b, -EINVAL, "size %d x %d", height, width);
    if (b->op->options.align_corners && b->op->options.half_pixel)
        return build_fail(b, -EINVAL, "align_corners and half_pixel_centers exclude each other");
    rc = check_types(b, in, out);
    if (rc == 0)
        rc = build_shape(b, 0, 4, (int32_t[]){in->dims[0], height, width, in->dims[3]});
    struct resize_params *p = rc < 0 ? NULL : build_params(b, sizeof(*p));
    if (!p)
        return rc < 0 ? rc : -ENOMEM;
    *p = (struct resize_params){in->dims[0],
                                in->dims[1],
                                in->dims[2],
                                height,
                                width,
                                in->dims[3],
                                make_taps(b, in->dims[1], height),
                                make_taps(b, in->dims[2], width),
                                tensor_type_size(in->type)};
    if (!p->rows || !p->columns)
        return build_fail(b, -ENOMEM, "no memory for positions");
    struct layer *layer = build_layer(b, run_resize, "resize_c", p, 1);
    if (!layer)
        return -ENOMEM;
    layer->units = in->dims[0] * height;
    return 0;
}
