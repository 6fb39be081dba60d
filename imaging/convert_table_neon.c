// SPDX-License-Identifier: Apache-2.0
//
// Quantization with NEON: saturating sums, and look-ups in 256 bytes with the four-register table
// instructions of 64-bit Arm. Their index is good up to 63: the others leave the lane as it was.
// The last few values go through C.

#include <arm_neon.h>
#include <stdbool.h>

#include "imaging/convert_table.h"

// clamp(value + add) by saturating sums.
static size_t apply_add(const struct convert_table *table, const uint8_t *pixels, size_t count,
                        uint8_t *dst)
{
    const bool is_signed = table->low < 0;
    const int32_t add = is_signed ? table->add + 128 : table->add;
    size_t i = 0;
    if (is_signed && (add < -127 || add > 127))
        return 0; // more than a saturating int8 sum can add
    const int8x16_t sum = vdupq_n_s8((int8_t)(is_signed ? add : 0));
    const uint8x16_t up = vdupq_n_u8((uint8_t)(add > 0 ? add : 0));
    const uint8x16_t down = vdupq_n_u8((uint8_t)(add < 0 ? -add : 0));
    for (; i + 16 <= count; i += 16) {
        uint8x16_t value = vld1q_u8(pixels + i);
        if (is_signed) { // value - 128 + (add + 128)
            int8x16_t low = vreinterpretq_s8_u8(veorq_u8(value, vdupq_n_u8(128)));
            value = vreinterpretq_u8_s8(vqaddq_s8(low, sum));
        } else {
            value = vqsubq_u8(vqaddq_u8(value, up), down);
        }
        vst1q_u8(dst + i, value);
    }
    return i;
}

#if defined(__aarch64__)
struct quarters {
    uint8x16x4_t quarter[4];
};

static inline struct quarters quarters_load(const uint8_t table[256])
{
    struct quarters q;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            q.quarter[i].val[j] = vld1q_u8(table + 64 * i + 16 * j);
    return q;
}

static inline uint8x16_t look_up(const struct quarters *q, uint8x16_t value)
{
    const uint8x16_t step = vdupq_n_u8(64);
    uint8x16_t out = vqtbl4q_u8(q->quarter[0], value);
    for (int i = 1; i < 4; i++) {
        value = vsubq_u8(value, step);
        out = vqtbx4q_u8(out, q->quarter[i], value);
    }
    return out;
}

static size_t apply_one(const struct convert_table *table, const uint8_t *pixels, size_t count,
                        uint8_t *dst)
{
    const struct quarters q = quarters_load(table->bytes[0]);
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        vst1q_u8(dst + i, look_up(&q, vld1q_u8(pixels + i)));
    return i;
}

static size_t apply_three(const struct convert_table *table, const uint8_t *pixels, size_t count,
                          uint8_t *dst)
{
    size_t done = 0;
    for (int c = 0; c < 3; c++) { // a table at a time: three do not fit the registers
        const struct quarters q = quarters_load(table->bytes[c]);
        for (done = 0; done + 48 <= count; done += 48) {
            uint8x16x3_t value = vld3q_u8(pixels + done);
            uint8x16x3_t out = c == 0 ? value : vld3q_u8(dst + done);
            out.val[c] = look_up(&q, value.val[c]);
            vst3q_u8(dst + done, out);
        }
    }
    return done;
}

void convert_table_apply_neon(const struct convert_table *table, const uint8_t *pixels,
                              size_t count, void *dst)
{
    size_t done = 0;
    if (table->kind == TABLE_ADD)
        done = apply_add(table, pixels, count, dst);
    else if (table->kind == TABLE_STEP || (table->kind != TABLE_FLOAT && table->channels == 1))
        done = apply_one(table, pixels, count, dst);
    else if (table->kind == TABLE_AFFINE || table->kind == TABLE_LOOKUP)
        done = apply_three(table, pixels, count, dst);
    done -= done % (size_t)table->channels; // C starts at a whole pixel
    convert_table_apply_c(table, pixels + done, count - done,
                          (uint8_t *)dst + done * convert_table_element(table));
}
#else
void convert_table_apply_neon(const struct convert_table *table, const uint8_t *pixels,
                              size_t count, void *dst)
{
    size_t done = table->kind == TABLE_ADD ? apply_add(table, pixels, count, dst) : 0;
    done -= done % (size_t)table->channels;
    convert_table_apply_c(table, pixels + done, count - done,
                          (uint8_t *)dst + done * convert_table_element(table));
}
#endif
