// SPDX-License-Identifier: Apache-2.0
//
// Depthwise 3x3 with dot products: this file finds the rows and the padding, columns_neondot.S
// computes.
//
// A unit is two output rows of one picture. The rows above and below the picture are a row of zero
// points in scratch; so is what the second of two output rows writes to where the picture has an
// odd number. Layers whose accumulators cannot be folded (arm_fold.h) are packed and run as
// depthwise_neon does.

#include <string.h>

#include "kernels/arm/arm_fold.h"
#include "kernels/arm/depthwise_columns.h"
#include "kernels/arm/rows_arm.h"
#include "kernels/packing.h"

enum { CHANNELS = 8 };

struct header {
    uint32_t folded; // the accumulators start at bias + ARM_FOLD (arm_fold.h)
    uint32_t reserved[15];
};

static bool accepts(const struct kernel_conv_shape *s)
{
    // Columns needed right of the picture.
    int32_t right = (s->out_w - 1) * s->stride_w + 3 - s->pad_left - s->in_w;

    return s->kind == KERNEL_DEPTHWISE && s->depth_multiplier == 1 && s->in_c >= CHANNELS &&
           s->k_h == 3 && s->k_w == 3 && s->dilation_h == 1 && s->dilation_w == 1 &&
           s->stride_h == s->stride_w && s->stride_w <= 2 && s->pad_left <= 1 && right <= 1 &&
           s->weight_zero_point == 0 && s->act_min == INT8_MIN && s->act_max == INT8_MAX;
}

static int32_t pairs_of(const struct kernel_conv_shape *s)
{
    return packing_divide_up(s->out_h, 2);
}

static int32_t units(const struct kernel_conv_shape *shape)
{
    return shape->batch * pairs_of(shape);
}

// ---- Packing ------------------------------------------------------------------------------------

static size_t packed_size(const struct kernel_conv_shape *shape)
{
    size_t blocks = (size_t)packing_divide_up(shape->out_c, CHANNELS);

    return sizeof(struct header) + blocks * sizeof(struct depthwise_columns_block);
}

static bool all_fold(const struct kernel_conv_shape *s, const struct kernel_conv_weights *weights)
{
    for (int32_t c = 0; c < s->out_c; c++) {
        struct arm_range range = arm_range_start(weights->bias ? weights->bias[c] : 0);

        for (int32_t t = 0; t < 9; t++)
            arm_range_add(&range, weights->weights[t * s->out_c + c], s->input_zero_point);
        if (!arm_fold_fits(&range, weights->scale[c]))
            return false;
    }
    return true;
}

static void pack_lane(const struct kernel_conv_shape *s, const struct kernel_conv_weights *weights,
                      int32_t channel, int32_t lane, bool folded,
                      struct depthwise_columns_block *block)
{
    uint32_t bias = (uint32_t)(weights->bias ? weights->bias[channel] : 0);

    for (int32_t x = 0; x < 3; x++) {
        for (int32_t y = 0; y < 3; y++) {
            int8_t w = weights->weights[(3 * y + x) * s->out_c + channel];

            block->weights[x][lane][y] = w;
            bias -= (uint32_t)(s->input_zero_point * w);
        }
        block->weights[x][lane][3] = 0;
    }
    block->bias[lane] = (int32_t)(bias + (folded ? (uint32_t)ARM_FOLD : 0));
    block->scale[lane] = weights->scale[channel];
}

static void pack(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights,
                 void *packed)
{
    struct header *header = packed;
    struct depthwise_columns_block *block = (struct depthwise_columns_block *)(header + 1);

    *header = (struct header){.folded = all_fold(shape, weights)};
    for (int32_t c = 0; c < shape->out_c; c += CHANNELS, block++)
        for (int32_t lane = 0; lane < CHANNELS; lane++)
            pack_lane(shape, weights, packing_min(c, shape->out_c - CHANNELS) + lane, lane,
                      header->folded, block);
}

// ---- Running ------------------------------------------------------------------------------------

static size_t row_bytes(const struct kernel_conv_shape *s)
{
    return (size_t)s->in_w * (size_t)s->in_c;
}

static size_t scratch_size(const struct kernel_conv_shape *shape)
{
    return row_bytes(shape) + (size_t)shape->out_w * (size_t)shape->out_c;
}

// Input row `y` (which may lie outside) as row `i` of the job; `zeros` is a row of zero points.
static void set_row(const struct kernel_conv_shape *s, const int8_t *picture, int32_t y,
                    const int8_t *zeros, struct depthwise_columns *job, int i)
{
    const size_t pixel = (size_t)s->in_c;
    const int8_t *row = y < 0 || y >= s->in_h ? zeros : picture + (size_t)y * row_bytes(s);
    int32_t last = (s->out_w - 1) * s->stride_w + 2 - s->pad_left;

    job->first[i] = s->pad_left ? zeros : row;
    job->main[i] = s->pad_left ? row : row + pixel;
    job->last[i] = last >= s->in_w ? zeros : row + (size_t)last * pixel;
}

// Output rows 2 * pair and, where there is one, the next.
static void run_pair(const struct kernel_conv_shape *s, const int8_t *picture, int8_t *output,
                     int32_t pair, bool folded, int8_t *scratch, struct depthwise_columns *job)
{
    const size_t out_row = (size_t)s->out_w * (size_t)s->out_c;
    int32_t row = 2 * pair, rows = packing_min(2, s->out_h - row);
    int32_t y = row * s->stride_h - s->pad_top;

    output += (size_t)row * out_row;
    if (s->stride_h == 1) {
        for (int i = 0; i < 4; i++)
            set_row(s, picture, y + i, scratch, job, i);
        job->output[0] = output;
        job->output[1] = rows == 2 ? output + out_row : scratch + row_bytes(s);
        (folded ? columns_stride1_neondot : columns_stride1_neondot_unfolded)(job);
        return;
    }
    for (; rows > 0; rows--, y += 2, output += out_row) {
        for (int i = 0; i < 3; i++)
            set_row(s, picture, y + i, scratch, job, i);
        job->output[0] = output;
        (folded ? columns_stride2_neondot : columns_stride2_neondot_unfolded)(job);
    }
}

static void run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                int8_t *output, void *scratch, int32_t first, int32_t last)
{
    const struct header *header = packed;
    struct depthwise_columns job = {
        .pixel = (size_t)shape->in_c,
        .pixels = (size_t)shape->out_w,
        .last_channels = (size_t)shape->in_c - CHANNELS,
        .packed = header + 1,
    };

    for (int i = 0; i < 8; i++)
        job.zero_point[i] = (int16_t)shape->output_zero_point;
    for (int i = 0; i < 4; i++)
        job.fold[i] = ARM_FOLD_VALUE;
    memset(scratch, shape->input_zero_point, row_bytes(shape));
    for (int32_t unit = first; unit < last; unit++) {
        int32_t picture = unit / pairs_of(shape);

        run_pair(shape, input + (size_t)picture * (size_t)shape->in_h * row_bytes(shape),
                 output + (size_t)picture * (size_t)shape->out_h * (size_t)shape->out_w *
                              (size_t)shape->out_c,
                 unit % pairs_of(shape), header->folded, scratch, &job);
    }
}

const struct kernel_conv kernel_depthwise_neondot = {
    .name = "depthwise_neondot",
    .cpu = KERNEL_CPU_NEONDOT,
    .accepts = accepts,
    .packed_size = packed_size,
    .pack = pack,
    .scratch_size = scratch_size,
    .units = units,
    .run = run,
};
