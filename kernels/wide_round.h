// SPDX-License-Identifier: Apache-2.0
//
// What every 16x8 row keeps before its weights, and how a sum becomes an output: the definition.
//
//   head | int64 bias[out_c] | double factor[out_c] | int32 multiplier[out_c] | int32 shift[out_c]
//   | weights
//
// For KERNEL_WIDE_REDUCED multiplier is the reduced one and shift its right shift (8 ... 46).

#ifndef QEDGE_KERNELS_WIDE_ROUND_H
#define QEDGE_KERNELS_WIDE_ROUND_H

#include <math.h>
#include <string.h>

#include "kernels/packing.h"
#include "kernels/wide.h"

struct wide_head {
    int32_t channels;
    enum kernel_wide_rule rule;
    bool fits; // bias and any sum of a channel's products fit int32 together
};

enum { WIDE_HEAD = 64 };
#define WIDE_SUM_MOST (INT64_C(1) << 47) // beyond it every output is clamped

static inline const int64_t *wide_bias(const struct wide_head *head)
{
    return (const int64_t *)((const uint8_t *)head + WIDE_HEAD);
}

static inline const double *wide_factors(const struct wide_head *head)
{
    return (const double *)(wide_bias(head) + head->channels);
}

static inline const int32_t *wide_multipliers(const struct wide_head *head)
{
    return (const int32_t *)(wide_factors(head) + head->channels);
}

static inline const int32_t *wide_shifts(const struct wide_head *head)
{
    return wide_multipliers(head) + head->channels;
}

static inline size_t wide_head_size(const struct kernel_conv_shape *shape)
{
    return packing_round_up(WIDE_HEAD + (size_t)shape->out_c * 24, 64);
}

static inline void wide_head_pack(const struct kernel_conv_shape *shape,
                                  const struct kernel_wide_weights *weights, void *packed)
{
    struct wide_head *head = packed;
    memset(packed, 0, wide_head_size(shape));
    head->channels = shape->out_c;
    head->rule = weights->rule;
    int64_t products = shape->kind == KERNEL_CONV ? shape->in_c / shape->groups : 1;
    products *= (int64_t)shape->k_h * shape->k_w;
    head->fits = products < 256; // 256 * 2^22 = 2^30
    int64_t *bias = (int64_t *)((uint8_t *)packed + WIDE_HEAD);
    double *factors = (double *)(bias + shape->out_c);
    int32_t *multipliers = (int32_t *)(factors + shape->out_c),
            *shifts = multipliers + shape->out_c;
    for (int32_t c = 0; c < shape->out_c; c++) {
        struct fixed_multiplier m = weights->multipliers[c];
        bool reduced = weights->rule == KERNEL_WIDE_REDUCED;
        bias[c] = weights->bias[c];
        head->fits = head->fits && bias[c] < INT64_C(1) << 30 && bias[c] > -(INT64_C(1) << 30);
        factors[c] = weights->rule == KERNEL_WIDE_REAL ? weights->factors[c] : 0;
        multipliers[c] = !reduced                    ? m.multiplier
                         : m.multiplier < 0x7FFF0000 ? (m.multiplier + (1 << 15)) >> 16
                                                     : 0x7FFF;
        shifts[c] = reduced ? 15 - m.shift : m.shift;
    }
}

// The bias is in the sum.
static inline int16_t wide_round(const struct wide_head *head, int32_t c, int64_t sum,
                                 const struct kernel_wide_range *range)
{
    int64_t y;
    if (head->rule == KERNEL_WIDE_REDUCED) {
        int32_t shift = wide_shifts(head)[c];
        int64_t bounded = sum > WIDE_SUM_MOST    ? WIDE_SUM_MOST
                          : sum < -WIDE_SUM_MOST ? -WIDE_SUM_MOST
                                                 : sum;
        y = (bounded * wide_multipliers(head)[c] + (INT64_C(1) << (shift - 1))) >> shift;
    } else if (head->rule == KERNEL_WIDE_FIXED) {
        struct fixed_multiplier m = {wide_multipliers(head)[c], wide_shifts(head)[c]};
        y = fixed_scale((int32_t)(uint32_t)(uint64_t)sum, m);
    } else {
        double real = round((double)sum * wide_factors(head)[c]);
        y = real < -32768 ? -32768 : real > 32767 ? 32767 : (int64_t)real;
    }
    return (int16_t)(y < range->low ? range->low : y > range->high ? range->high : y);
}

// What vector rows share: where they keep head, range and sums.
struct wide_rounding {
    const struct wide_head *head;
    const struct kernel_wide_range *range;
};

// Channels [first, first + columns) of `rows` pixels, bias not in the sums yet.
static inline void wide_round_rest(const struct wide_rounding *r, const int64_t *sums,
                                   int32_t first, int32_t columns, int16_t *output)
{
    for (int32_t i = 0; i < columns; i++)
        output[i] =
            wide_round(r->head, first + i, sums[i] + wide_bias(r->head)[first + i], r->range);
}

#endif
