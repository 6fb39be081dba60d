// SPDX-License-Identifier: Apache-2.0
//
// Average, max and mean over windows for Armv8.0 and Armv7 NEON: 16 channels at a time, the last 16
// moved back so that they end at the last channel.

#include "kernels/arm/neon_round.h"
#include "kernels/arm/rows_arm.h"
#include "kernels/packing.h"

enum { STEP = 16, POSITIONS_IN_INT16 = 255 }; // 255 * 128 fits int16

static bool accepts(const struct kernel_pool_shape *shape)
{
    return shape->channels >= STEP;
}

// The part of a window inside the picture.
struct window {
    const int8_t *first;
    size_t row, pixel; // distances
    int32_t height, width;
};

static struct window window_of(const struct kernel_pool_shape *s, const int8_t *input,
                               int32_t pixel)
{
    int32_t row = pixel / s->out_w;
    int32_t top = row % s->out_h * s->stride_h - s->pad_top,
            left = pixel % s->out_w * s->stride_w - s->pad_left;
    int32_t y = packing_max(top, 0), x = packing_max(left, 0);
    struct window w = {
        .row = (size_t)s->in_w * (size_t)s->channels,
        .pixel = (size_t)s->channels,
        .height = packing_min(top + s->k_h, s->in_h) - y,
        .width = packing_min(left + s->k_w, s->in_w) - x,
    };

    w.first = input + ((size_t)(row / s->out_h) * (size_t)s->in_h + (size_t)y) * w.row +
              (size_t)x * w.pixel;
    return w;
}

NEON_INLINE int8x16_t window_max(const struct window *w, int32_t channel)
{
    const int8_t *row = w->first + channel;
    int8x16_t best = vld1q_s8(row);

    for (int32_t y = 0; y < w->height; y++, row += w->row) {
        const int8_t *at = row;

        for (int32_t x = 0; x < w->width; x++, at += w->pixel)
            best = vmaxq_s8(best, vld1q_s8(at));
    }
    return best;
}

struct sums {
    int32x4_t part[4];
};

NEON_INLINE void widen(struct sums *sums, int16x8_t low, int16x8_t high)
{
    sums->part[0] = vaddw_s16(sums->part[0], vget_low_s16(low));
    sums->part[1] = neon_addw_high(sums->part[1], low);
    sums->part[2] = vaddw_s16(sums->part[2], vget_low_s16(high));
    sums->part[3] = neon_addw_high(sums->part[3], high);
}

NEON_INLINE struct sums window_sums(const struct window *w, int32_t channel)
{
    const int8_t *row = w->first + channel;
    const int16x8_t zero = vdupq_n_s16(0);
    int16x8_t low = zero, high = zero;
    struct sums sums = {{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}};
    int32_t room = POSITIONS_IN_INT16;

    for (int32_t y = 0; y < w->height; y++, row += w->row) {
        const int8_t *at = row;

        for (int32_t x = 0; x < w->width; x++, at += w->pixel) {
            int8x16_t v = vld1q_s8(at);

            low = vaddw_s8(low, vget_low_s8(v));
            high = vaddw_s8(high, vget_high_s8(v));
            if (--room > 0)
                continue;
            widen(&sums, low, high);
            low = high = zero;
            room = POSITIONS_IN_INT16;
        }
    }
    widen(&sums, low, high);
    return sums;
}

// Halves away from zero; the division is the definition's own.
static int8x16_t average(const struct sums *sums, int32_t n)
{
    int32_t sum[STEP];
    int8_t bytes[STEP];

    for (int i = 0; i < 4; i++)
        vst1q_s32(sum + 4 * i, sums->part[i]);
    for (int i = 0; i < STEP; i++)
        bytes[i] = (int8_t)((sum[i] > 0 ? sum[i] + n / 2 : sum[i] - n / 2) / n);
    return vld1q_s8(bytes);
}

NEON_INLINE int8x16_t mean(const struct kernel_pool_shape *s, const struct sums *sums)
{
    const float32x4_t scale = vdupq_n_f32(s->mean_scale), bias = vdupq_n_f32(s->mean_bias);
    int32x4_t rounded[4];

    for (int i = 0; i < 4; i++)
        rounded[i] = neon_round(vaddq_f32(vmulq_f32(vcvtq_f32_s32(sums->part[i]), scale), bias));
    return neon_narrow_bytes(neon_narrow_pair(rounded[0], rounded[1]),
                             neon_narrow_pair(rounded[2], rounded[3]));
}

static int8x16_t pool_step(const struct kernel_pool_shape *s, const struct window *w,
                           int32_t channel)
{
    struct sums sums;

    if (s->kind == KERNEL_POOL_MAX)
        return window_max(w, channel);
    sums = window_sums(w, channel);
    return s->kind == KERNEL_POOL_AVERAGE ? average(&sums, w->height * w->width) : mean(s, &sums);
}

static void run(const struct kernel_pool_shape *shape, const int8_t *input, int8_t *output,
                int32_t first, int32_t last)
{
    const int8x16_t min = vdupq_n_s8((int8_t)shape->act_min),
                    max = vdupq_n_s8((int8_t)shape->act_max);
    int8_t *to = output + (size_t)first * (size_t)shape->channels;

    for (int32_t pixel = first; pixel < last; pixel++, to += shape->channels) {
        struct window window = window_of(shape, input, pixel);

        for (int32_t c = 0; c < shape->channels; c += STEP) {
            int32_t channel = packing_min(c, shape->channels - STEP);
            int8x16_t bytes = pool_step(shape, &window, channel);

            vst1q_s8(to + channel, vmaxq_s8(vminq_s8(bytes, max), min));
        }
    }
}

const struct kernel_pool kernel_pool_neon = {
    .name = "pool_neon",
    .cpu = KERNEL_CPU_NEON,
    .accepts = accepts,
    .run = run,
};
