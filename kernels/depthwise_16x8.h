// SPDX-License-Identifier: Apache-2.0
//
// 16x8 depthwise convolution for one instruction set, one filter a channel, at least a vector of
// channels: the last vector of a pixel overlaps the one before it, both compute the same there.
// Taps go in pairs; those outside the picture, and the one that an odd count lacks, read zeros.
// Packed weights: the head, then for every vector of channels and every pair two vectors of int16.
//
// The including file brings before:
//   DEPTHWISE_LANES        channels of a vector
//   void depthwise_pair(const int16_t *a, const int16_t *b, int16_t *to)   packs a pair's weights
//   void depthwise_sum(const int16_t *const *taps, int32_t pairs, int32_t c, const int16_t
//   *weights,
//                      int64_t *sums)     of channels c, c + 1, ...
//   wide_round_some        as in conv_16x8.h

#ifndef QEDGE_KERNELS_DEPTHWISE_16X8_H
#define QEDGE_KERNELS_DEPTHWISE_16X8_H

#include "kernels/packing.h"
#include "kernels/wide_round.h"
#include "kernels/wide_rows.h"

enum { DEPTHWISE_TAPS = 50 }; // most taps, rounded up to pairs

static int32_t depthwise_pairs(const struct kernel_conv_shape *s)
{
    return packing_divide_up(s->k_h * s->k_w, 2);
}

static bool depthwise_accepts(const struct kernel_conv_shape *s)
{
    return s->kind == KERNEL_DEPTHWISE && s->depth_multiplier == 1 && s->in_c >= DEPTHWISE_LANES &&
           (int64_t)s->k_h * s->k_w <= DEPTHWISE_TAPS;
}

static size_t depthwise_packed_size(const struct kernel_conv_shape *s)
{
    size_t vectors = (size_t)packing_divide_up(s->in_c, DEPTHWISE_LANES);
    return wide_head_size(s) + vectors * (size_t)depthwise_pairs(s) * DEPTHWISE_LANES * 4;
}

static void depthwise_pack(const struct kernel_conv_shape *s,
                           const struct kernel_wide_weights *weights, void *packed)
{
    int16_t *to = (int16_t *)((uint8_t *)packed + wide_head_size(s)), pair[2][DEPTHWISE_LANES];
    wide_head_pack(s, weights, packed);
    for (int32_t at = 0; at < s->in_c; at += DEPTHWISE_LANES) {
        int32_t c = packing_min(at, s->in_c - DEPTHWISE_LANES);
        for (int32_t tap = 0; tap < s->k_h * s->k_w; tap += 2, to += 2 * DEPTHWISE_LANES) {
            memset(pair, 0, sizeof pair);
            for (int32_t k = 0; k < 2 && tap + k < s->k_h * s->k_w; k++)
                for (int32_t i = 0; i < DEPTHWISE_LANES; i++)
                    pair[k][i] =
                        weights->weights[(size_t)(tap + k) * (size_t)s->in_c + (size_t)(c + i)];
            depthwise_pair(pair[0], pair[1], to);
        }
    }
}

static size_t depthwise_zeros(const struct kernel_conv_shape *s)
{
    return packing_round_up((size_t)s->in_c * sizeof(int16_t), 64);
}

// A pixel of zeros, a pixel's sums.
static size_t depthwise_scratch_size(const struct kernel_conv_shape *s)
{
    return depthwise_zeros(s) + (size_t)s->in_c * sizeof(int64_t);
}

static int32_t depthwise_units(const struct kernel_conv_shape *s)
{
    return s->batch * s->out_h;
}

static void depthwise_taps(const struct kernel_conv_shape *s, const int16_t *picture, int32_t top,
                           int32_t left, const int16_t *zeros, const int16_t **taps)
{
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        int32_t y = top + ky * s->dilation_h;
        for (int32_t kx = 0; kx < s->k_w; kx++) {
            int32_t x = left + kx * s->dilation_w;
            bool inside = y >= 0 && y < s->in_h && x >= 0 && x < s->in_w;
            size_t pixel = inside ? (size_t)y * (size_t)s->in_w + (size_t)x : 0;
            *taps++ = inside ? picture + pixel * (size_t)s->in_c : zeros;
        }
    }
    *taps = zeros;
}

static void depthwise_pixel(const struct kernel_conv_shape *s, const struct wide_rounding *r,
                            const int16_t *const *taps, const int16_t *weights, int64_t *sums,
                            int16_t *out)
{
    const int32_t pairs = depthwise_pairs(s);
    for (int32_t at = 0; at < s->in_c;
         at += DEPTHWISE_LANES, weights += pairs * 2 * DEPTHWISE_LANES) {
        int32_t c = packing_min(at, s->in_c - DEPTHWISE_LANES);
        depthwise_sum(taps, pairs, c, weights, sums + c);
    }
    int32_t done =
        r->head->rule == KERNEL_WIDE_REDUCED ? wide_round_some(r, sums, 0, s->in_c, out) : 0;
    wide_round_rest(r, sums + done, done, s->in_c - done, out + done);
}

static void depthwise_run(const struct kernel_conv_shape *s, const struct kernel_wide_range *range,
                          const void *packed, const int16_t *input, int16_t *output, void *scratch,
                          int32_t first, int32_t last)
{
    const struct wide_rounding r = {packed, range};
    const int16_t *weights = (const int16_t *)((const uint8_t *)packed + wide_head_size(s));
    const int16_t *taps[DEPTHWISE_TAPS + 1];
    const int32_t count = s->k_h * s->k_w, reach = (s->k_w - 1) * s->dilation_w;
    size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    int64_t *sums = (int64_t *)((uint8_t *)scratch + depthwise_zeros(s));
    memset(scratch, 0, depthwise_zeros(s));
    for (int32_t row = first; row < last; row++) {
        int32_t top = row % s->out_h * s->stride_h - s->pad_top;
        int16_t *out = output + (size_t)row * (size_t)s->out_w * (size_t)s->in_c;
        bool inside = false; // the pixel before, with all its columns
        for (int32_t ox = 0; ox < s->out_w; ox++, out += s->in_c) {
            int32_t left = ox * s->stride_w - s->pad_left;
            bool before = inside;
            inside = left >= 0 && left + reach < s->in_w;
            if (before && inside)
                for (int32_t t = 0; t < count; t++)
                    taps[t] += taps[t] == (const int16_t *)scratch ? 0 : s->stride_w * s->in_c;
            else
                depthwise_taps(s, input + (size_t)(row / s->out_h) * picture, top, left, scratch,
                               taps);
            depthwise_pixel(s, &r, taps, weights, sums, out);
        }
    }
}

#define DEPTHWISE_WIDE_ROW(symbol, row_name, flag)                                                 \
    const struct kernel_wide_conv symbol = {row_name,          flag,                               \
                                            depthwise_accepts, depthwise_packed_size,              \
                                            depthwise_pack,    depthwise_scratch_size,             \
                                            depthwise_units,   depthwise_run}

#endif
