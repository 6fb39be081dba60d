// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution for Armv8.0 and Armv7 NEON: 8 channels of up to 4 neighbouring pixels at a
// time.
//
// The products of two taps are added in int16 (no weight is -128 here: twice 128 * 127 fits), then
// widened into the two int32 accumulators of a pixel. Each weight is loaded once a strip, each
// input once a row.

#include "kernels/arm/arm_depthwise.h"
#include "kernels/arm/neon_round.h"
#include "kernels/arm/rows_arm.h"

struct sums {
    int32x4_t low, high;
};

NEON_INLINE void widen(struct sums *sums, int16x8_t products)
{
    sums->low = vaddw_s16(sums->low, vget_low_s16(products));
    sums->high = neon_addw_high(sums->high, products);
}

// Scales and stores the 8 channels of every pixel. `plain`: folded accumulators, and no bounds but
// int8's.
NEON_INLINE void finish(const struct neon_output *out, const struct sums *sums, const float *scale,
                        int pixels, bool folded, bool plain, int8_t *to, const size_t *at)
{
    const float32x4_t low = vld1q_f32(scale), high = vld1q_f32(scale + 4);

    for (int p = 0; p < pixels; p++) {
        int16x8_t scaled = folded ? neon_scale_folded(out, sums[p].low, sums[p].high, low, high)
                                  : neon_scale(out, sums[p].low, sums[p].high, low, high);
        int8x8_t bytes = vqmovn_s16(scaled);

        if (!plain)
            bytes = vmax_s8(vmin_s8(bytes, vget_low_s8(out->max)), vget_low_s8(out->min));
        vst1_s8(p ? to + at[p] : to, bytes);
    }
}

// Byte distance of each column a strip reads from its first. Hidden from the compiler, which would
// rather add them up anew for every row than keep them in registers.
NEON_INLINE void column_offsets(size_t pixel, int columns, size_t *at)
{
    for (int i = 0; i < columns; i++) {
        at[i] = (size_t)i * pixel;
        __asm__("" : "+r"(at[i]));
    }
}

NEON_INLINE void load_columns(const int8_t *row, const size_t *at, int columns, int8x8_t *x)
{
    x[0] = vld1_s8(row);
    for (int i = 1; i < columns; i++)
        x[i] = vld1_s8(row + at[i]);
}

// ---- 3x3 ----------------------------------------------------------------------------------------

// The nine taps as four pairs and one: (0 1) (2 3) (4 5) (6 7) 8.
NEON_INLINE void taps_3x3(const int8_t *const rows[3], const size_t *at, const int8_t *weights,
                          int stride, int pixels, struct sums *sums)
{
    const int columns = (pixels - 1) * stride + 3;
    int8x8_t w[9], x[9], y[9];
    int16x8_t t[ARM_STRIP];

    for (int i = 0; i < 9; i++)
        w[i] = vld1_s8(weights + 8 * i);
    load_columns(rows[0], at, columns, x);
    for (int p = 0; p < pixels; p++)
        t[p] = vmull_s8(x[p * stride], w[0]);
    for (int p = 0; p < pixels; p++)
        t[p] = vmlal_s8(t[p], x[p * stride + 1], w[1]);
    for (int p = 0; p < pixels; p++)
        widen(&sums[p], t[p]);
    load_columns(rows[1], at, columns, y);
    for (int p = 0; p < pixels; p++)
        t[p] = vmull_s8(x[p * stride + 2], w[2]);
    for (int p = 0; p < pixels; p++)
        t[p] = vmlal_s8(t[p], y[p * stride], w[3]);
    for (int p = 0; p < pixels; p++)
        widen(&sums[p], t[p]);
    for (int p = 0; p < pixels; p++)
        t[p] = vmull_s8(y[p * stride + 1], w[4]);
    for (int p = 0; p < pixels; p++)
        t[p] = vmlal_s8(t[p], y[p * stride + 2], w[5]);
    for (int p = 0; p < pixels; p++)
        widen(&sums[p], t[p]);
    load_columns(rows[2], at, columns, x);
    for (int p = 0; p < pixels; p++)
        t[p] = vmull_s8(x[p * stride], w[6]);
    for (int p = 0; p < pixels; p++)
        t[p] = vmlal_s8(t[p], x[p * stride + 1], w[7]);
    for (int p = 0; p < pixels; p++)
        widen(&sums[p], t[p]);
    for (int p = 0; p < pixels; p++)
        widen(&sums[p], vmull_s8(x[p * stride + 2], w[8]));
}

// ---- 5x5 ----------------------------------------------------------------------------------------

// The first four taps of a row, as two pairs; the fifth is left to the caller.
NEON_INLINE void four_taps(const int8_t *row, const size_t *at, const int8_t *weights, int stride,
                           int pixels, int8x8_t *x, struct sums *sums)
{
    int16x8_t t[ARM_STRIP];

    load_columns(row, at, (pixels - 1) * stride + 5, x);
    for (int i = 0; i < 4; i += 2) {
        int8x8_t w0 = vld1_s8(weights + 8 * i), w1 = vld1_s8(weights + 8 * (i + 1));

        for (int p = 0; p < pixels; p++)
            t[p] = vmull_s8(x[p * stride + i], w0);
        for (int p = 0; p < pixels; p++)
            t[p] = vmlal_s8(t[p], x[p * stride + i + 1], w1);
        for (int p = 0; p < pixels; p++)
            widen(&sums[p], t[p]);
    }
}

// Two rows at a time: their fifth taps make a pair.
NEON_INLINE void taps_5x5(const int8_t *const rows[5], const size_t *at, const int8_t *weights,
                          int stride, int pixels, struct sums *sums)
{
    int8x8_t x[11], w;
    int16x8_t t[ARM_STRIP];

    for (int ky = 0; ky < 4; ky += 2, weights += 80) {
        four_taps(rows[ky], at, weights, stride, pixels, x, sums);
        w = vld1_s8(weights + 32);
        for (int p = 0; p < pixels; p++)
            t[p] = vmull_s8(x[p * stride + 4], w);
        four_taps(rows[ky + 1], at, weights + 40, stride, pixels, x, sums);
        w = vld1_s8(weights + 72);
        for (int p = 0; p < pixels; p++)
            widen(&sums[p], vmlal_s8(t[p], x[p * stride + 4], w));
    }
    four_taps(rows[4], at, weights, stride, pixels, x, sums);
    w = vld1_s8(weights + 32);
    for (int p = 0; p < pixels; p++)
        widen(&sums[p], vmull_s8(x[p * stride + 4], w));
}

// ---- Wide: 16-bit weights -----------------------------------------------------------------------

NEON_INLINE void taps_wide(const int8_t *const rows[5], const size_t *at, const int16_t *weights,
                           int k, int stride, int pixels, struct sums *sums)
{
    const int columns = (pixels - 1) * stride + k;

    for (int ky = 0; ky < k; ky++) {
        int8x8_t bytes[11];
        int16x8_t x[11];

        load_columns(rows[ky], at, columns, bytes);
        for (int i = 0; i < columns; i++)
            x[i] = vmovl_s8(bytes[i]);
        for (int kx = 0; kx < k; kx++, weights += ARM_CHANNELS) {
            int16x4_t low = vld1_s16(weights), high = vld1_s16(weights + 4);

            for (int p = 0; p < pixels; p++) {
                sums[p].low = vmlal_s16(sums[p].low, vget_low_s16(x[p * stride + kx]), low);
                sums[p].high = vmlal_s16(sums[p].high, vget_high_s16(x[p * stride + kx]), high);
            }
        }
    }
}

// ---- Strips -------------------------------------------------------------------------------------

NEON_INLINE void strip_pixels(const struct arm_strip *strip, int k, int stride, int pixels,
                              bool wide, bool plain)
{
    const struct neon_output out =
        neon_output_make(strip->zero_point, strip->act_min, strip->act_max);
    const size_t pixel = (size_t)strip->channels;
    const int32_t last = strip->channels - ARM_CHANNELS;
    const char *block = strip->packed;
    int8_t *to = strip->output;
    const int8_t *rows[5];
    struct sums sums[ARM_STRIP];
    size_t at[11];

    column_offsets(pixel, (pixels - 1) * stride + k, at);
    for (int i = 0; i < k; i++)
        rows[i] = strip->rows[i];
    for (int32_t c = 0;;) {
        const int32_t *bias = (const int32_t *)block;
        const float *scale = (const float *)(bias + ARM_CHANNELS);
        const int8_t *weights = (const int8_t *)(scale + ARM_CHANNELS);
        int32_t step = last - c < ARM_CHANNELS ? last - c : ARM_CHANNELS;

        for (int p = 0; p < pixels; p++)
            sums[p] = (struct sums){vld1q_s32(bias), vld1q_s32(bias + 4)};
        if (wide)
            taps_wide(rows, at, (const int16_t *)(scale + ARM_CHANNELS), k, stride, pixels, sums);
        else if (k == 3)
            taps_3x3(rows, at, weights, stride, pixels, sums);
        else
            taps_5x5(rows, at, weights, stride, pixels, sums);
        if (plain)
            finish(&out, sums, scale, pixels, true, true, to, at);
        else
            finish(&out, sums, scale, pixels, strip->folded, false, to, at);
        if (step == 0)
            return;
        for (int i = 0; i < k; i++)
            rows[i] += step;
        to += step;
        c += step;
        block +=
            ARM_CHANNELS * (sizeof(int32_t) + sizeof(float) + (size_t)(k * k) * (wide ? 2 : 1));
    }
}

NEON_INLINE void strip_any(const struct arm_strip *strip, int k, int stride, bool wide, bool plain)
{
    switch (strip->pixels) {
    case 1: strip_pixels(strip, k, stride, 1, wide, plain); break;
    case 2: strip_pixels(strip, k, stride, 2, wide, plain); break;
    case 3: strip_pixels(strip, k, stride, 3, wide, plain); break;
    default: strip_pixels(strip, k, stride, ARM_STRIP, wide, plain); break;
    }
}

#define STRIP_FUNCTIONS(name, k, stride)                                                \
    static __attribute__((noinline)) void name##_bounded(const struct arm_strip *strip) \
    {                                                                                   \
        strip_any(strip, k, stride, false, false);                                      \
    }                                                                                   \
    static void name(const struct arm_strip *strip)                                     \
    {                                                                                   \
        if (strip->folded && strip->act_min == INT8_MIN && strip->act_max == INT8_MAX)  \
            strip_any(strip, k, stride, false, true);                                   \
        else                                                                            \
            name##_bounded(strip);                                                      \
    }                                                                                   \
    static void name##_wide(const struct arm_strip *strip)                              \
    {                                                                                   \
        strip_any(strip, k, stride, true, false);                                       \
    }

STRIP_FUNCTIONS(strip_3x3_stride1, 3, 1)
STRIP_FUNCTIONS(strip_3x3_stride2, 3, 2)
STRIP_FUNCTIONS(strip_5x5_stride1, 5, 1)
STRIP_FUNCTIONS(strip_5x5_stride2, 5, 2)

// ---- Tap by tap ---------------------------------------------------------------------------------

// The taps of one output pixel that lie inside the picture.
struct window {
    int32_t y, x; // input position of tap (0, 0), may lie outside
};

NEON_INLINE void pixel_taps(const struct kernel_conv_shape *s, const int8_t *picture,
                            const struct window *at, const int16_t *weights, struct sums *sums)
{
    const int16x8_t zero_point = vdupq_n_s16((int16_t)s->input_zero_point);

    for (int32_t ky = 0, y = at->y; ky < s->k_h; ky++, y += s->dilation_h) {
        if (y < 0 || y >= s->in_h)
            continue;
        for (int32_t kx = 0, x = at->x; kx < s->k_w; kx++, x += s->dilation_w) {
            const int16_t *w = weights + ARM_CHANNELS * (ky * s->k_w + kx);
            int16x8_t v;

            if (x < 0 || x >= s->in_w)
                continue;
            v = vmovl_s8(
                vld1_s8(picture + ((size_t)y * (size_t)s->in_w + (size_t)x) * (size_t)s->in_c));
            v = vsubq_s16(v, zero_point);
            sums->low = vmlal_s16(sums->low, vget_low_s16(v), vld1_s16(w));
            sums->high = vmlal_s16(sums->high, vget_high_s16(v), vld1_s16(w + 4));
        }
    }
}

static void taps_row(const struct kernel_conv_shape *s, const void *packed, bool folded,
                     const int8_t *input, int8_t *output, int32_t row)
{
    const struct neon_output out = neon_output_make(s->output_zero_point, s->act_min, s->act_max);
    const size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    const size_t block_size = arm_depthwise_block_size(s, ARM_DEPTHWISE_TAPS);
    const int8_t *in = input + (size_t)(row / s->out_h) * picture;
    int8_t *to = output + (size_t)row * (size_t)s->out_w * (size_t)s->out_c;

    for (int32_t x = 0; x < s->out_w; x++, to += s->out_c) {
        const struct window at = {row % s->out_h * s->stride_h - s->pad_top,
                                  x * s->stride_w - s->pad_left};
        const char *block = packed;

        for (int32_t c = 0; c < s->out_c; c += ARM_CHANNELS, block += block_size) {
            const int32_t *bias = (const int32_t *)block;
            const float *scale = (const float *)(bias + ARM_CHANNELS);
            struct sums sums = {vld1q_s32(bias), vld1q_s32(bias + 4)};

            if (c > s->out_c - ARM_CHANNELS)
                c = s->out_c - ARM_CHANNELS;
            pixel_taps(s, in + c, &at, (const int16_t *)(scale + ARM_CHANNELS), &sums);
            finish(&out, &sums, scale, 1, folded, false, to + c, NULL);
        }
    }
}

static const struct arm_depthwise_isa isa = {
    .strip = {{{strip_3x3_stride1, strip_3x3_stride2}, {strip_5x5_stride1, strip_5x5_stride2}},
              {{strip_3x3_stride1_wide, strip_3x3_stride2_wide},
               {strip_5x5_stride1_wide, strip_5x5_stride2_wide}}},
    .taps = taps_row,
};

static void run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                int8_t *output, void *scratch, int32_t first, int32_t last)
{
    arm_depthwise_run(&isa, shape, packed, input, output, scratch, first, last);
}

const struct kernel_conv kernel_depthwise_neon = {
    .name = "depthwise_neon",
    .cpu = KERNEL_CPU_NEON,
    .accepts = arm_depthwise_accepts,
    .packed_size = arm_depthwise_packed_size,
    .pack = arm_depthwise_pack,
    .scratch_size = arm_depthwise_scratch_size,
    .units = arm_depthwise_units,
    .run = run,
};
