// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/arm_depthwise.h"

#include <string.h>

#include "kernels/arm/arm_fold.h"
#include "kernels/packing.h"

bool arm_depthwise_accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_DEPTHWISE && shape->depth_multiplier == 1 &&
           shape->in_c >= ARM_CHANNELS;
}

int32_t arm_depthwise_units(const struct kernel_conv_shape *shape)
{
    return shape->batch * shape->out_h;
}

static bool shape_has_strips(const struct kernel_conv_shape *s)
{
    return s->k_h == s->k_w && (s->k_w == 3 || s->k_w == 5) &&
           (s->stride_w == 1 || s->stride_w == 2) && s->dilation_h == 1 && s->dilation_w == 1;
}

// ---- Packing ------------------------------------------------------------------------------------

size_t arm_depthwise_block_size(const struct kernel_conv_shape *shape, enum arm_depthwise_form form)
{
    size_t taps = (size_t)shape->k_h * (size_t)shape->k_w;

    return ARM_CHANNELS *
           (sizeof(int32_t) + sizeof(float) +
            taps * (form == ARM_DEPTHWISE_STRIPS ? sizeof(int8_t) : sizeof(int16_t)));
}

// The form is known from the weights only: room for the larger one.
size_t arm_depthwise_packed_size(const struct kernel_conv_shape *shape)
{
    size_t blocks = (size_t)packing_divide_up(shape->out_c, ARM_CHANNELS);

    return sizeof(struct arm_depthwise_packed) +
           blocks * arm_depthwise_block_size(shape, ARM_DEPTHWISE_TAPS);
}

static struct arm_depthwise_packed survey(const struct kernel_conv_shape *s,
                                          const struct kernel_conv_weights *weights)
{
    bool wide = s->weight_zero_point != 0;
    struct arm_depthwise_packed header = {.folded = 1};

    for (int32_t c = 0; c < s->out_c; c++) {
        struct arm_range range = arm_range_start(weights->bias ? weights->bias[c] : 0);

        for (int32_t t = 0; t < s->k_h * s->k_w; t++) {
            int32_t w = weights->weights[t * s->out_c + c];

            wide = wide || w == -128;
            arm_range_add(&range, w - s->weight_zero_point, s->input_zero_point);
        }
        if (!arm_fold_fits(&range, weights->scale[c]))
            header.folded = 0;
    }
    header.form = !shape_has_strips(s) ? ARM_DEPTHWISE_TAPS
                  : wide               ? ARM_DEPTHWISE_WIDE_STRIPS
                                       : ARM_DEPTHWISE_STRIPS;
    return header;
}

static void pack_channel(const struct kernel_conv_shape *s,
                         const struct kernel_conv_weights *weights,
                         const struct arm_depthwise_packed *header, int32_t channel, int32_t lane,
                         char *block)
{
    int32_t *bias = (int32_t *)block;
    float *scale = (float *)(bias + ARM_CHANNELS);
    int8_t *bytes = (int8_t *)(scale + ARM_CHANNELS);
    int16_t *words = (int16_t *)(scale + ARM_CHANNELS);
    uint32_t sum = 0;

    for (int32_t t = 0; t < s->k_h * s->k_w; t++) {
        int32_t w = weights->weights[t * s->out_c + channel] - s->weight_zero_point;

        sum += (uint32_t)w;
        if (header->form == ARM_DEPTHWISE_STRIPS)
            bytes[t * ARM_CHANNELS + lane] = (int8_t)w;
        else
            words[t * ARM_CHANNELS + lane] = (int16_t)w;
    }
    sum = header->form != ARM_DEPTHWISE_TAPS ? (uint32_t)s->input_zero_point * sum : 0;
    bias[lane] = (int32_t)((uint32_t)(weights->bias ? weights->bias[channel] : 0) - sum +
                           (header->folded ? (uint32_t)ARM_FOLD : 0));
    scale[lane] = weights->scale[channel];
}

void arm_depthwise_pack(const struct kernel_conv_shape *shape,
                        const struct kernel_conv_weights *weights, void *packed)
{
    struct arm_depthwise_packed *header = packed;
    char *block = (char *)(header + 1);

    *header = survey(shape, weights);
    for (int32_t c = 0; c < shape->out_c; c += ARM_CHANNELS) {
        int32_t first = packing_min(c, shape->out_c - ARM_CHANNELS);

        for (int32_t lane = 0; lane < ARM_CHANNELS; lane++)
            pack_channel(shape, weights, header, first + lane, lane, block);
        block += arm_depthwise_block_size(shape, header->form);
    }
}

// ---- Strips -------------------------------------------------------------------------------------

static int32_t strip_columns(const struct kernel_conv_shape *s, int32_t pixels)
{
    return (pixels - 1) * s->stride_w + s->k_w;
}

// Scratch: k rows of a widest strip, copied, and one such row of zero points.
static size_t scratch_row(const struct kernel_conv_shape *s)
{
    return (size_t)strip_columns(s, ARM_STRIP) * (size_t)s->in_c;
}

size_t arm_depthwise_scratch_size(const struct kernel_conv_shape *shape)
{
    return shape_has_strips(shape) ? (size_t)(shape->k_h + 1) * scratch_row(shape) : 0;
}

// Copies the columns [x, x + columns) of a row, zero points where there are none.
static void copy_columns(const struct kernel_conv_shape *s, const int8_t *row, int32_t x,
                         int32_t columns, int8_t *to)
{
    const size_t pixel = (size_t)s->in_c;
    int32_t before = packing_min(packing_max(-x, 0), columns);
    int32_t after = packing_min(packing_max(x + columns - s->in_w, 0), columns);
    int32_t inside = columns - before - after;

    memset(to, s->input_zero_point, (size_t)before * pixel);
    if (inside > 0)
        memcpy(to + (size_t)before * pixel, row + (size_t)(x + before) * pixel,
               (size_t)inside * pixel);
    memset(to + (size_t)(columns - after) * pixel, s->input_zero_point, (size_t)after * pixel);
}

// Sets strip->rows for the columns from x on. `picture` is the batch's picture, y the first input
// row.
static void strip_rows(const struct kernel_conv_shape *s, struct arm_strip *strip,
                       const int8_t *picture, int32_t y, int32_t x, int8_t *scratch)
{
    const size_t in_row = (size_t)s->in_w * (size_t)s->in_c;
    int32_t columns = strip_columns(s, strip->pixels);
    int8_t *zeros = scratch + (size_t)s->k_h * scratch_row(s);

    for (int32_t ky = 0; ky < s->k_h; ky++, y++) {
        const int8_t *row = picture + (ptrdiff_t)y * (ptrdiff_t)in_row;

        if (y < 0 || y >= s->in_h) {
            strip->rows[ky] = zeros;
        } else if (x >= 0 && x + columns <= s->in_w) {
            strip->rows[ky] = row + (size_t)x * (size_t)s->in_c;
        } else {
            int8_t *copy = scratch + (size_t)ky * scratch_row(s);

            copy_columns(s, row, x, columns, copy);
            strip->rows[ky] = copy;
        }
    }
}

static void run_row(arm_strip_function *run, const struct kernel_conv_shape *s,
                    struct arm_strip *strip, const int8_t *input, int8_t *output, int8_t *scratch,
                    int32_t row)
{
    const size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    const int8_t *in = input + (size_t)(row / s->out_h) * picture;
    int32_t y = row % s->out_h * s->stride_h - s->pad_top;

    strip->output = output + (size_t)row * (size_t)s->out_w * (size_t)s->out_c;
    for (int32_t x = 0; x < s->out_w; x += ARM_STRIP) {
        strip->pixels = packing_min(s->out_w - x, ARM_STRIP);
        strip_rows(s, strip, in, y, x * s->stride_w - s->pad_left, scratch);
        run(strip);
        strip->output += (size_t)strip->pixels * (size_t)s->out_c;
    }
}

void arm_depthwise_run(const struct arm_depthwise_isa *isa, const struct kernel_conv_shape *shape,
                       const void *packed, const int8_t *input, int8_t *output, void *scratch,
                       int32_t first, int32_t last)
{
    const struct arm_depthwise_packed *header = packed;
    struct arm_strip strip = {
        .channels = shape->in_c,
        .packed = header + 1,
        .zero_point = shape->output_zero_point,
        .act_min = shape->act_min,
        .act_max = shape->act_max,
        .folded = header->folded,
    };

    if (header->form != ARM_DEPTHWISE_TAPS)
        memset((int8_t *)scratch + (size_t)shape->k_h * scratch_row(shape), shape->input_zero_point,
               scratch_row(shape));
    for (int32_t row = first; row < last; row++) {
        if (header->form != ARM_DEPTHWISE_TAPS)
            run_row(isa->strip[header->form == ARM_DEPTHWISE_WIDE_STRIPS][shape->k_w == 5]
                              [shape->stride_w - 1],
                    shape, &strip, input, output, scratch, row);
        else
            isa->taps(shape, header + 1, header->folded, input, output, row);
    }
}
