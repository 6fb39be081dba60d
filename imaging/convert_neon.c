// SPDX-License-Identifier: Apache-2.0
//
// convert_ops.h with NEON (Armv8, and Armv7 with NEON), 8 target rows a strip.
//
// Rows are summed with vmlal.u8 into uint16. The strip is then turned by 90 degrees, so that a
// vector is one column of 8 rows, and everything goes down the lanes: taps, colour, packing to
// bytes; at the end 8x16 bytes at a time are turned back.

#include <arm_neon.h>
#include <stdbool.h>
#include <string.h>

#include "imaging/convert_ops.h"
#include "kernels/kernels.h"

enum { ROWS = 8 };

// ---- rows ---------------------------------------------------------------------------------------

// 16 columns from `source` on.
static inline void columns_add(const uint8_t *source, size_t stride, const int16_t *weights,
                               int32_t count, uint16_t *out)
{
    uint16x8_t low = vdupq_n_u16(0), high = low;
    for (int32_t j = 0; j < count; j++, source += stride) {
        uint8x16_t row = vld1q_u8(source);
        uint8x8_t weight = vdup_n_u8((uint8_t)weights[j]);
        low = vmlal_u8(low, vget_low_u8(row), weight);
        high = vmlal_u8(high, vget_high_u8(row), weight);
    }
    vst1q_u16(out, low);
    vst1q_u16(out + 8, high);
}

// The one weight is 256, more than a byte.
static inline void columns_copy(const uint8_t *source, uint16_t *out)
{
    uint8x16_t row = vld1q_u8(source);
    vst1q_u16(out, vshll_n_u8(vget_low_u8(row), 8));
    vst1q_u16(out + 8, vshll_n_u8(vget_high_u8(row), 8));
}

static void rows_sum_neon(const uint8_t *source, size_t stride, const int16_t *weights,
                          int32_t count, int32_t columns, uint16_t *out)
{
    if (columns < 16) {
        convert_ops_c.rows_sum(source, stride, weights, count, columns, out);
        return;
    }
    for (int32_t at = 0; at < columns; at += 16) {
        if (at > columns - 16)
            at = columns - 16; // some columns once more
        if (count == 1)
            columns_copy(source + at, out + at);
        else
            columns_add(source + at, stride, weights, count, out + at);
    }
}

// ---- turning the strip --------------------------------------------------------------------------

static inline uint32x4x2_t swap_words(uint16x8_t a, uint16x8_t b)
{
    return vtrnq_u32(vreinterpretq_u32_u16(a), vreinterpretq_u32_u16(b));
}

static inline void halves_store(uint16_t *low, uint16_t *high, uint32x4_t a, uint32x4_t b)
{
    vst1q_u16(low, vreinterpretq_u16_u32(vcombine_u32(vget_low_u32(a), vget_low_u32(b))));
    vst1q_u16(high, vreinterpretq_u16_u32(vcombine_u32(vget_high_u32(a), vget_high_u32(b))));
}

// 8 columns of 8 rows.
static inline void block_turn(const uint16_t *rows, size_t stride, uint16_t *turned)
{
    uint16x8x2_t pair[4];
    for (size_t i = 0; i < 4; i++)
        pair[i] =
            vtrnq_u16(vld1q_u16(rows + 2 * i * stride), vld1q_u16(rows + (2 * i + 1) * stride));
    for (size_t odd = 0; odd < 2; odd++) {
        uint32x4x2_t top = swap_words(pair[0].val[odd], pair[1].val[odd]);
        uint32x4x2_t bottom = swap_words(pair[2].val[odd], pair[3].val[odd]);
        for (size_t i = 0; i < 2; i++) {
            uint16_t *column = turned + (odd + 2 * i) * ROWS;
            halves_store(column, column + 4 * ROWS, top.val[i], bottom.val[i]);
        }
    }
}

static void plane_turn(const struct strip_plane *plane)
{
    for (int32_t column = 0; column < plane->columns; column += 8)
        block_turn(plane->rows + column, plane->stride, plane->turned + column * ROWS);
}

// ---- columns ------------------------------------------------------------------------------------

struct sums {
    uint32x4_t low, high;
};

static inline struct sums tap_add(struct sums sums, const uint16_t *sample, uint16_t weight)
{
    uint16x8_t column = vld1q_u16(sample);
    sums.low = vmlal_n_u16(sums.low, vget_low_u16(column), weight);
    sums.high = vmlal_n_u16(sums.high, vget_high_u16(column), weight);
    return sums;
}

// Four taps at once, the weights in one vector.
static inline struct sums four_add(struct sums sums, const uint16_t *sample, size_t pitch,
                                   const int16_t *weights)
{
    uint16x4_t w = vreinterpret_u16_s16(vld1_s16(weights));
    uint16x8_t a = vld1q_u16(sample), b = vld1q_u16(sample + pitch);
    uint16x8_t c = vld1q_u16(sample + 2 * pitch), d = vld1q_u16(sample + 3 * pitch);
    sums.low = vmlal_lane_u16(sums.low, vget_low_u16(a), w, 0);
    sums.high = vmlal_lane_u16(sums.high, vget_high_u16(a), w, 0);
    sums.low = vmlal_lane_u16(sums.low, vget_low_u16(b), w, 1);
    sums.high = vmlal_lane_u16(sums.high, vget_high_u16(b), w, 1);
    sums.low = vmlal_lane_u16(sums.low, vget_low_u16(c), w, 2);
    sums.high = vmlal_lane_u16(sums.high, vget_high_u16(c), w, 2);
    sums.low = vmlal_lane_u16(sums.low, vget_low_u16(d), w, 3);
    sums.high = vmlal_lane_u16(sums.high, vget_high_u16(d), w, 3);
    return sums;
}

// One component of every target pixel, in 1/64 steps. Taps go in fours, then in twos: the width is
// even, and a weight of 0 costs less than a branch that cannot be predicted.
static void component_sum(const struct convert_strip *strip, int32_t k, int16_t *out)
{
    const struct strip_component *component = &strip->component[k];
    const uint16_t *turned = strip->plane[component->plane].turned;
    const int32_t width = component->taps->width, fours = width & ~3;
    const size_t pitch = (size_t)component->pitch * ROWS;
    const int16_t *weights = component->taps->weights;
    for (int32_t x = 0; x < component->taps->targets; x++, weights += width, out += ROWS) {
        const uint16_t *sample = turned + (size_t)component->column[x] * ROWS;
        struct sums sums = {vdupq_n_u32(1 << 15), vdupq_n_u32(1 << 15)};
        for (int32_t j = 0; j < fours; j += 4, sample += 4 * pitch)
            sums = four_add(sums, sample, pitch, weights + j);
        if (fours < width) {
            sums = tap_add(sums, sample, (uint16_t)weights[fours]);
            sums = tap_add(sums, sample + pitch, (uint16_t)weights[fours + 1]);
        }
        uint16x8_t sum = vcombine_u16(vshrn_n_u32(sums.low, 16), vshrn_n_u32(sums.high, 16));
        vst1q_s16(out, vreinterpretq_s16_u16(sum));
    }
}

// ---- colour -------------------------------------------------------------------------------------

// Components into one channel. sum >> 19 in two steps, each with unsigned saturation.
static inline __attribute__((always_inline)) uint8x8_t channel_mix(const struct colour_mix *mix,
                                                                   int32_t c,
                                                                   const int16x8_t value[3],
                                                                   int32_t components)
{
    int32x4_t low = vdupq_n_s32(mix->bias[c]), high = low;
    for (int32_t k = 0; k < components; k++) {
        low = vmlal_n_s16(low, vget_low_s16(value[k]), mix->matrix[c][k]);
        high = vmlal_n_s16(high, vget_high_s16(value[k]), mix->matrix[c][k]);
    }
    uint16x8_t sum = vcombine_u16(vqshrun_n_s32(low, 16), vqshrun_n_s32(high, 16));
    return vqshrn_n_u16(sum, COLOUR_SHIFT - 16);
}

// Columns of pixel bytes: [targets * channels][ROWS]. The last three are the mix's, known when this
// is compiled.
static inline __attribute__((always_inline)) void pixels_mix_as(const struct convert_strip *strip,
                                                                const int16_t *values, uint8_t *out,
                                                                int32_t components,
                                                                int32_t channels, bool copy)
{
    const struct colour_mix mix = strip->mix; // stores to `out` might change the original
    const int32_t mixed = channels < components ? channels : components;
    const size_t plane = (size_t)strip->targets * ROWS;
    for (int32_t x = 0; x < strip->targets; x++, values += ROWS, out += channels * ROWS) {
        int16x8_t value[3] = {vdupq_n_s16(0)};
        for (int32_t k = 0; k < components; k++)
            value[k] = vld1q_s16(values + plane * (size_t)k);
        for (int32_t c = 0; c < channels; c++) {
            int32_t from = c < mixed ? c : 0; // grey, repeated
            vst1_u8(out + c * ROWS, copy ? vqrshrun_n_s16(value[from], 6)
                                         : channel_mix(&mix, from, value, components));
        }
    }
}

static void pixels_mix(const struct convert_strip *strip, const int16_t *values, uint8_t *out)
{
    const struct colour_mix *mix = &strip->mix;
    if (mix->components == 3 && mix->copy)
        pixels_mix_as(strip, values, out, 3, 3, true);
    else if (mix->components == 3 && mix->channels == 3)
        pixels_mix_as(strip, values, out, 3, 3, false);
    else if (mix->components == 3)
        pixels_mix_as(strip, values, out, 3, 1, false);
    else if (mix->copy)
        pixels_mix_as(strip, values, out, 1, mix->channels, true);
    else
        pixels_mix_as(strip, values, out, 1, mix->channels, false);
}

// ---- turning back -------------------------------------------------------------------------------

// 16 columns of 8 bytes to 8 rows of 16.
static inline void bytes_turn(const uint8_t *in, uint8x16_t row[8])
{
    uint8x16x2_t a[4];
    uint16x8x2_t b[4];
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *column = in + 2 * i * ROWS;
        a[i] = vtrnq_u8(vcombine_u8(vld1_u8(column), vld1_u8(column + 8 * ROWS)),
                        vcombine_u8(vld1_u8(column + ROWS), vld1_u8(column + 9 * ROWS)));
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t odd = 0; odd < 2; odd++)
            b[2 * i + odd] = vtrnq_u16(vreinterpretq_u16_u8(a[2 * i].val[odd]),
                                       vreinterpretq_u16_u8(a[2 * i + 1].val[odd]));
    for (size_t odd = 0; odd < 2; odd++)
        for (size_t i = 0; i < 2; i++) {
            uint32x4x2_t c = swap_words(b[odd].val[i], b[2 + odd].val[i]);
            row[odd + 2 * i] = vreinterpretq_u8_u32(c.val[0]);
            row[odd + 2 * i + 4] = vreinterpretq_u8_u32(c.val[1]);
        }
}

static void pixels_turn(const struct convert_strip *strip, const uint8_t *in, uint8_t *pixels,
                        size_t stride)
{
    size_t bytes = (size_t)strip->targets * (size_t)strip->mix.channels;
    for (size_t at = 0; at < bytes; at += 16, in += 16 * ROWS) {
        uint8x16_t row[8];
        size_t count = bytes - at < 16 ? bytes - at : 16;
        bytes_turn(in, row);
        for (size_t r = 0; r < 8; r++) {
            if (count == 16) {
                vst1q_u8(pixels + stride * r + at, row[r]);
            } else {
                uint8_t part[16];
                vst1q_u8(part, row[r]);
                memcpy(pixels + stride * r + at, part, count);
            }
        }
    }
}

static void columns_sum_neon(const struct convert_strip *strip, uint8_t *pixels,
                             size_t pixels_stride)
{
    // Scratch: the components' values, [3][targets] vectors, then the pixels' columns.
    int16_t *values = (int16_t *)(void *)strip->scratch;
    size_t plane = (size_t)strip->targets * ROWS;
    uint8_t *columns = strip->scratch + 3 * plane * sizeof(*values);
    for (int32_t p = 0; p < strip->planes; p++)
        plane_turn(&strip->plane[p]);
    for (int32_t k = 0; k < strip->mix.components; k++)
        component_sum(strip, k, values + plane * (size_t)k);
    pixels_mix(strip, values, columns);
    pixels_turn(strip, columns, pixels, pixels_stride);
}

const struct convert_ops convert_ops_neon = {
    .name = "neon",
    .cpu = KERNEL_CPU_NEON,
    .rows = ROWS,
    .rows_sum = rows_sum_neon,
    .columns_sum = columns_sum_neon,
    .table_apply = convert_table_apply_neon,
};
