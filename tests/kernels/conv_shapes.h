// SPDX-License-Identifier: Apache-2.0
//
// Random convolution shapes: around the kernels' tiles, with every kind of window, and what real
// nets have.

#ifndef QEDGE_TESTS_KERNELS_CONV_SHAPES_H
#define QEDGE_TESTS_KERNELS_CONV_SHAPES_H

#include "tests/kernels/harness.h"

enum { MACS_MAX = 1200000 };

static inline int32_t around_tile(void)
{
    static const int32_t tiles[] = {4, 8, 16, 24, 32, 48, 64, 96, 128};
    int32_t tile = harness_pick(tiles, sizeof tiles / sizeof tiles[0]);
    int32_t c = harness_chance(40) ? harness_between(1, 20) : tile + harness_between(-1, 1);
    return harness_chance(5) ? c + 128 : c;
}

static inline void random_window(struct kernel_conv_shape *s)
{
    s->k_h = HARNESS_PICK(1, 1, 3, 3, 3, 5, 2, 4, 7);
    s->k_w = harness_chance(85) ? s->k_h : harness_between(1, 7);
    s->stride_h = HARNESS_PICK(1, 1, 2, 2, 3);
    s->stride_w = harness_chance(85) ? s->stride_h : harness_between(1, 4);
    s->dilation_h = HARNESS_PICK(1, 1, 1, 1, 1, 2, 3);
    s->dilation_w = harness_chance(90) ? s->dilation_h : harness_between(1, 3);
}

// One side of the picture: input, padding before, output length (any bottom padding that follows).
static inline void random_side(int32_t k, int32_t stride, int32_t dilation, int32_t *in,
                               int32_t *pad, int32_t *out)
{
    int32_t span = (k - 1) * dilation + 1;
    *in = HARNESS_PICK(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 17, 28, 33);
    *pad = harness_chance(30) ? 0 : harness_between(0, span - 1);
    int32_t after = harness_chance(30) ? *pad : harness_between(0, span - 1);
    while (*in + *pad + after < span)
        after++;
    *out = (*in + *pad + after - span) / stride + 1;
}

static inline void random_channels(struct kernel_conv_shape *s)
{
    s->groups = 1;
    s->depth_multiplier = 1;
    if (s->kind == KERNEL_DEPTHWISE) {
        s->in_c = around_tile();
        s->depth_multiplier = harness_chance(75) ? 1 : HARNESS_PICK(2, 2, 3, 4, 8, 32);
        if (s->depth_multiplier > 1 && harness_chance(40))
            s->in_c = harness_between(1, 3);
        s->out_c = s->in_c * s->depth_multiplier;
        return;
    }
    s->in_c = harness_chance(25) ? harness_between(1, 4) : around_tile();
    s->out_c = around_tile();
    if (harness_chance(10))
        s->in_c = HARNESS_PICK(256, 300, 511, 512, 1024, 1280);
    if (harness_chance(12)) {
        s->groups = harness_between(2, 5);
        s->in_c = s->groups * harness_between(1, 20);
        s->out_c = s->groups * harness_between(1, 40);
    }
}

static inline double shape_macs(const struct kernel_conv_shape *s)
{
    double taps = (double)s->k_h * s->k_w * s->batch * s->out_h * s->out_w * s->out_c;
    return s->kind == KERNEL_CONV ? taps * s->in_c / s->groups : taps;
}

static inline void random_numbers(struct kernel_conv_shape *s)
{
    s->input_zero_point = HARNESS_PICK(-128, 127, 0, -1, harness_between(-128, 127));
    s->weight_zero_point =
        harness_chance(75) ? 0 : HARNESS_PICK(-128, 127, 3, harness_between(-128, 127));
    s->output_zero_point = HARNESS_PICK(-128, 127, 0, harness_between(-128, 127));
    s->act_min = harness_chance(50) ? -128 : harness_between(-128, 127);
    s->act_max = harness_chance(50) ? 127 : harness_between(s->act_min, 127);
}

// What most layers of real nets are, and what the fastest rows are made for.
static inline void usual_layer(struct kernel_conv_shape *s)
{
    s->k_h = s->k_w = HARNESS_PICK(1, 3, 3, 3, 5);
    s->stride_h = s->stride_w = HARNESS_PICK(1, 1, 2);
    s->dilation_h = s->dilation_w = 1;
    s->out_h = (s->in_h + s->stride_h - 1) / s->stride_h;
    s->out_w = (s->in_w + s->stride_w - 1) / s->stride_w;
    int32_t pad_h = (s->out_h - 1) * s->stride_h + s->k_h - s->in_h;
    int32_t pad_w = (s->out_w - 1) * s->stride_w + s->k_w - s->in_w;
    s->pad_top = pad_h > 0 ? pad_h / 2 : 0;
    s->pad_left = pad_w > 0 ? pad_w / 2 : 0;
    s->depth_multiplier = s->groups = 1;
    if (s->kind == KERNEL_DEPTHWISE)
        s->out_c = s->in_c;
    s->weight_zero_point = 0;
    s->act_min = -128;
    s->act_max = 127;
}

// Sums so long that taps outside the picture are worth leaving out; with few pixels, for C.
static inline void long_sums(struct kernel_conv_shape *s)
{
    s->kind = KERNEL_CONV;
    s->batch = s->groups = s->depth_multiplier = 1;
    s->dilation_h = s->dilation_w = 1;
    s->k_h = HARNESS_PICK(3, 3, 5);
    s->k_w = HARNESS_PICK(3, 3, 5, 4);
    s->in_c = HARNESS_PICK(64, 64, 66, 100);
    s->out_c = HARNESS_PICK(16, 17, 48, 64);
    s->stride_h = s->stride_w = HARNESS_PICK(1, 1, 2);
    s->out_h = harness_between(2, 9);
    s->out_w = harness_between(8, 11);
    s->pad_top = harness_between(0, s->k_h - 1);
    s->pad_left = harness_between(0, s->k_w - 1);
    s->in_h = (s->out_h - 1) * s->stride_h + s->k_h - s->pad_top - harness_between(0, s->k_h - 1);
    s->in_w = (s->out_w - 1) * s->stride_w + s->k_w - s->pad_left - harness_between(0, s->k_w - 1);
    s->in_h = s->in_h < 1 ? 1 : s->in_h;
    s->weight_zero_point = 0;
    s->input_zero_point = -128;
}

// The first layer of most nets: 3x3 pixels of three channels, with all paddings, wide and narrow.
// Leaves the numbers as they are, legacy weights' zero points among them.
static inline void first_layer(struct kernel_conv_shape *s)
{
    s->kind = KERNEL_CONV;
    s->groups = s->depth_multiplier = 1;
    s->dilation_h = s->dilation_w = 1;
    s->k_h = s->k_w = s->in_c = 3;
    s->out_c = HARNESS_PICK(9, 16, 24, 32, 33, 64, 100);
    s->stride_h = HARNESS_PICK(1, 2, 2, 3, 4);
    s->stride_w = harness_chance(80) ? s->stride_h : harness_between(1, 4);
    s->out_h = harness_between(1, 9);
    s->out_w = harness_between(7, 40);
    s->pad_top = harness_between(0, 2);
    s->pad_left = harness_between(0, 2);
    s->in_h = (s->out_h - 1) * s->stride_h + 3 - s->pad_top - harness_between(0, 2);
    s->in_w = (s->out_w - 1) * s->stride_w + 3 - s->pad_left - harness_between(0, 2);
    s->in_h = s->in_h < 1 ? 1 : s->in_h;
}

static inline void random_shape(struct kernel_conv_shape *s)
{
    do {
        *s =
            (struct kernel_conv_shape){.kind = harness_chance(50) ? KERNEL_CONV : KERNEL_DEPTHWISE};
        s->batch = harness_chance(85) ? 1 : harness_between(2, 4);
        random_window(s);
        random_side(s->k_h, s->stride_h, s->dilation_h, &s->in_h, &s->pad_top, &s->out_h);
        random_side(s->k_w, s->stride_w, s->dilation_w, &s->in_w, &s->pad_left, &s->out_w);
        if (s->kind == KERNEL_CONV && harness_chance(8)) { // fully connected
            s->in_h = s->in_w = s->out_h = s->out_w = s->k_h = s->k_w = 1;
            s->pad_top = s->pad_left = 0;
        }
        random_channels(s);
        random_numbers(s);
        if (harness_chance(30))
            usual_layer(s);
        else if (harness_chance(6))
            long_sums(s);
        else if (harness_chance(6))
            first_layer(s);
    } while (shape_macs(s) > MACS_MAX);
}

#endif
