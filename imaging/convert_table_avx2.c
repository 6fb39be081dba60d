// SPDX-License-Identifier: Apache-2.0
//
// The quantization formulas of convert_table.h, 32 or 48 values at a time; the last few go through
// C.

#include <immintrin.h>

#include "imaging/convert_table.h"

// ---- TABLE_ADD, TABLE_STEP ----------------------------------------------------------------------

// clamp(value + add) for one output type, by saturating sums.
struct step_sum {
    __m256i flip;     // int8: value - 128
    __m256i up, down; // one of them is 0
    bool is_signed;
};

static struct step_sum step_sum_make(const struct convert_table *table)
{
    int32_t add = table->low < 0 ? table->add + 128 : table->add;
    return (struct step_sum){
        .flip = _mm256_set1_epi8(table->low < 0 ? -128 : 0),
        .up = _mm256_set1_epi8((char)(add > 0 ? add : 0)),
        .down = _mm256_set1_epi8((char)(add < 0 ? -add : 0)),
        .is_signed = table->low < 0,
    };
}

static inline __m256i step_sum(const struct step_sum *sum, __m256i value)
{
    value = _mm256_xor_si256(value, sum->flip);
    if (sum->is_signed)
        return _mm256_subs_epi8(_mm256_adds_epi8(value, sum->up), sum->down);
    return _mm256_subs_epu8(_mm256_adds_epu8(value, sum->up), sum->down);
}

// 0xff where the value's bit is set.
static inline __m256i bit_of(__m256i value, __m256i bits_low, __m256i bits_high)
{
    const __m256i powers =
        _mm256_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16,
                         32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
    __m256i index = _mm256_and_si256(_mm256_srli_epi16(value, 3), _mm256_set1_epi8(15));
    __m256i byte = _mm256_blendv_epi8(_mm256_shuffle_epi8(bits_low, index),
                                      _mm256_shuffle_epi8(bits_high, index), value);
    __m256i power = _mm256_shuffle_epi8(powers, _mm256_and_si256(value, _mm256_set1_epi8(7)));
    return _mm256_cmpeq_epi8(_mm256_and_si256(byte, power), power);
}

static __m256i half_bits(const uint8_t *bits)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bits));
}

static size_t step_apply(const struct convert_table *table, const uint8_t *pixels, size_t count,
                         uint8_t *dst)
{
    if (table->low < 0 && (table->add < -255 || table->add > -1))
        return 0; // more than a saturating int8 sum can add
    const struct step_sum sum = step_sum_make(table);
    const __m256i low = half_bits(table->bits), high = half_bits(table->bits + 16);
    const bool has_bits = table->kind == TABLE_STEP;
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i value = _mm256_loadu_si256((const __m256i *)(pixels + i));
        __m256i out = step_sum(&sum, value);
        if (has_bits)
            out = _mm256_sub_epi8(out, bit_of(value, low, high));
        _mm256_storeu_si256((__m256i *)(dst + i), out);
    }
    return i;
}

// ---- TABLE_AFFINE -------------------------------------------------------------------------------

// The constants of 16 values in a row, which start with any of the channels: values 0..3 and 8..11
// of a vector of 16 meet `low`, the others `high` (as unpack takes them).
struct affine {
    __m256i multiplier_low, multiplier_high, offset_low, offset_high;
};

// value * multiplier = (value * 128) * (multiplier >> 7) + value * (multiplier & 127)
static void affine_make(struct affine *affine, const struct convert_table *table, size_t first)
{
    int32_t multiplier[16], offset[16];
    for (size_t i = 0; i < 16; i++) {
        size_t channel = (first + i) % (size_t)table->channels;
        uint32_t m = (uint32_t)table->multiplier[channel];
        multiplier[i] = (int32_t)(m >> 7 | (m & 127) << 16);
        offset[i] = table->offset[channel];
    }
#define HALVES(a, at)                                                                              \
    _mm256_setr_m128i(_mm_loadu_si128((const __m128i *)((a) + (at))),                              \
                      _mm_loadu_si128((const __m128i *)((a) + 8 + (at))))
    affine->multiplier_low = HALVES(multiplier, 0);
    affine->multiplier_high = HALVES(multiplier, 4);
    affine->offset_low = HALVES(offset, 0);
    affine->offset_high = HALVES(offset, 4);
#undef HALVES
}

// 16 values as int16.
static inline __m256i affine_of(const struct affine *affine, const uint8_t *pixels)
{
    __m256i value = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)pixels));
    __m256i times128 = _mm256_slli_epi16(value, 7);
    __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(times128, value), affine->multiplier_low);
    __m256i high =
        _mm256_madd_epi16(_mm256_unpackhi_epi16(times128, value), affine->multiplier_high);
    low = _mm256_srai_epi32(_mm256_add_epi32(low, affine->offset_low), TABLE_SHIFT);
    high = _mm256_srai_epi32(_mm256_add_epi32(high, affine->offset_high), TABLE_SHIFT);
    return _mm256_packs_epi32(low, high);
}

static inline void bytes_store(uint8_t *dst, __m256i value, bool is_signed)
{
    __m128i low = _mm256_castsi256_si128(value), high = _mm256_extracti128_si256(value, 1);
    _mm_storeu_si128((__m128i *)dst,
                     is_signed ? _mm_packs_epi16(low, high) : _mm_packus_epi16(low, high));
}

// 48 values, so that every round starts with channel 0.
static size_t affine_apply(const struct convert_table *table, const uint8_t *pixels, size_t count,
                           uint8_t *dst)
{
    struct affine affine[3];
    size_t i = 0;
    for (size_t part = 0; part < 3; part++)
        affine_make(&affine[part], table, 16 * part);
    for (; i + 48 <= count; i += 48)
        for (size_t part = 0; part < 3; part++)
            bytes_store(dst + i + 16 * part, affine_of(&affine[part], pixels + i + 16 * part),
                        table->low < 0);
    return i;
}

void convert_table_apply_avx2(const struct convert_table *table, const uint8_t *pixels,
                              size_t count, void *dst)
{
    size_t done = 0;
    if (table->kind == TABLE_ADD || table->kind == TABLE_STEP)
        done = step_apply(table, pixels, count, dst);
    else if (table->kind == TABLE_AFFINE)
        done = affine_apply(table, pixels, count, dst);
    done -= done % (size_t)table->channels; // C starts at a whole pixel
    convert_table_apply_c(table, pixels + done, count - done,
                          (uint8_t *)dst + done * convert_table_element(table));
}
