// SPDX-License-Identifier: Apache-2.0
//
// convert_ops.h with AVX2, 16 target rows a strip.
//
// rows_sum: two source rows at a time, their bytes interleaved, vpmaddubsw with the weights as the
// unsigned and (sample - 128) as the signed side: the sums of a target row stay within
// 256 * -128 .. 256 * 127, which is int16. So strips hold sum - 32768.
//
// columns_sum: the strip is turned by 90 degrees, so that a vector is one column of 16 rows, and
// everything goes down the lanes: taps in pairs by vpmaddwd, colour, packing to bytes; at the end
// 16x16 bytes at a time are turned back. A 256-bit vector holds rows 0..7 in its low and 8..15 in
// its high half throughout, as unpack and pack work in halves.

#include <immintrin.h>
#include <string.h>

#include "imaging/convert_ops.h"
#include "kernels/kernels.h"

enum { ROWS = 16, PAIRS_AT_ONCE = 32 };

// ---- rows ---------------------------------------------------------------------------------------

// Two source rows and their weights, as vpmaddubsw wants them.
struct row_pair {
    const uint8_t *a, *b;
    __m256i weights;
};

static inline __m256i load_signed(const uint8_t *p)
{
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)p), _mm256_set1_epi8(-128));
}

static inline void store_halves(uint16_t *low, uint16_t *high, __m256i value)
{
    _mm_storeu_si128((__m128i *)low, _mm256_castsi256_si128(value));
    _mm_storeu_si128((__m128i *)high, _mm256_extracti128_si256(value, 1));
}

// 32 columns from `at` on. `first`: nothing was summed into them yet.
static inline __attribute__((always_inline)) void columns_add(const struct row_pair *pair,
                                                              int count, size_t at, uint16_t *out,
                                                              int first)
{
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int p = 0; p < count; p++) {
        __m256i a = load_signed(pair[p].a + at), b = load_signed(pair[p].b + at);
        __m256i even = _mm256_maddubs_epi16(pair[p].weights, _mm256_unpacklo_epi8(a, b));
        __m256i odd = _mm256_maddubs_epi16(pair[p].weights, _mm256_unpackhi_epi8(a, b));
        low = _mm256_add_epi16(low, even);
        high = _mm256_add_epi16(high, odd);
    }
    out += at;
    if (!first) {
        __m256i old = _mm256_loadu2_m128i((const __m128i *)(out + 16), (const __m128i *)out);
        low = _mm256_add_epi16(low, old);
        old = _mm256_loadu2_m128i((const __m128i *)(out + 24), (const __m128i *)(out + 8));
        high = _mm256_add_epi16(high, old);
    }
    store_halves(out, out + 16, low);
    store_halves(out + 8, out + 24, high);
}

static void pairs_add_bytewise(const struct row_pair *pair, int count, size_t at, size_t end,
                               uint16_t *out, int first)
{
    for (; at < end; at++) {
        int32_t sum = first ? 0 : (int16_t)out[at];
        for (int p = 0; p < count; p++) {
            uint32_t weights = (uint16_t)_mm256_extract_epi16(pair[p].weights, 0);
            sum += (int32_t)(weights & 255) * (pair[p].a[at] - 128);
            sum += (int32_t)(weights >> 8) * (pair[p].b[at] - 128);
        }
        out[at] = (uint16_t)sum;
    }
}

// All whole blocks for a count that is known when this is compiled. The copy keeps the compiler
// from fetching the pairs again after every store, which might alias them.
static inline __attribute__((always_inline)) void blocks_add(const struct row_pair *pairs,
                                                             const int count, size_t whole,
                                                             uint16_t *out)
{
    struct row_pair pair[3];
    for (int p = 0; p < count; p++)
        pair[p] = pairs[p];
    for (size_t at = 0; at < whole; at += 32)
        columns_add(pair, count, at, out, 1);
}

static void pairs_add(const struct row_pair *pair, int count, int32_t columns, uint16_t *out,
                      int first)
{
    size_t whole = (size_t)columns & ~(size_t)31;
    if (count == 1 && first)
        blocks_add(pair, 1, whole, out);
    else if (count == 2 && first)
        blocks_add(pair, 2, whole, out);
    else if (count == 3 && first)
        blocks_add(pair, 3, whole, out);
    else
        for (size_t at = 0; at < whole; at += 32)
            columns_add(pair, count, at, out, first);
    if (first && whole < (size_t)columns && columns >= 32)
        columns_add(pair, count, (size_t)columns - 32, out, 1); // some of them once more
    else
        pairs_add_bytewise(pair, count, whole, (size_t)columns, out, first);
}

static void rows_sum_avx2(const uint8_t *source, size_t stride, const int16_t *weights,
                          int32_t count, int32_t columns, uint16_t *out)
{
    struct row_pair pair[PAIRS_AT_ONCE];
    int first = 1;
    if (count == 1) { // its weight is 256, more than a byte
        pair[0] = (struct row_pair){source, source, _mm256_set1_epi8((char)128)};
        pairs_add(pair, 1, columns, out, 1);
        return;
    }
    for (int32_t j = 0; j < count; first = 0) {
        int pairs = 0;
        for (; pairs < PAIRS_AT_ONCE && j < count; pairs++, j += 2) {
            const uint8_t *a = source + stride * (size_t)j;
            int last = j + 1 == count;
            int both = weights[j] | (last ? 0 : weights[j + 1]) << 8;
            pair[pairs] =
                (struct row_pair){a, last ? a : a + stride, _mm256_set1_epi16((short)both)};
        }
        pairs_add(pair, pairs, columns, out, first);
    }
}

// ---- turning the strip --------------------------------------------------------------------------

static inline __m256i load_rows(const uint16_t *row, size_t stride)
{
    return _mm256_loadu2_m128i((const __m128i *)(row + 8 * stride), (const __m128i *)row);
}

// 8 columns of 16 rows.
static inline void block_turn(const uint16_t *rows, size_t stride, __m256i *turned)
{
    __m256i r[8], s[8];
    for (int i = 0; i < 8; i++)
        r[i] = load_rows(rows + stride * (size_t)i, stride);
    for (int i = 0; i < 4; i++) {
        s[2 * i] = _mm256_unpacklo_epi16(r[i], r[i + 4]);
        s[2 * i + 1] = _mm256_unpackhi_epi16(r[i], r[i + 4]);
    }
    for (int i = 0; i < 4; i++) {
        r[2 * i] = _mm256_unpacklo_epi16(s[i], s[i + 4]);
        r[2 * i + 1] = _mm256_unpackhi_epi16(s[i], s[i + 4]);
    }
    for (int i = 0; i < 4; i++) {
        turned[2 * i] = _mm256_unpacklo_epi16(r[i], r[i + 4]);
        turned[2 * i + 1] = _mm256_unpackhi_epi16(r[i], r[i + 4]);
    }
}

static void plane_turn(const struct strip_plane *plane)
{
    for (int32_t column = 0; column < plane->columns; column += 8)
        block_turn(plane->rows + column, plane->stride, (__m256i *)(plane->turned + column * ROWS));
}

// ---- columns ------------------------------------------------------------------------------------

// One component of every target pixel, in 1/64 steps. `pairs` is half the taps' width.
static inline __attribute__((always_inline)) void component_sum_as(
    const struct strip_component *component, const uint16_t *turned, int32_t pairs, __m256i *out)
{
    const int32_t targets = component->taps->targets, *column = component->column;
    const int16_t *weights = component->taps->weights;
    const size_t pitch = (size_t)component->pitch * ROWS;
    // Undoes the strip's - 32768, and rounds.
    const __m256i start = _mm256_set1_epi32((32768 * CONVERT_COLUMN_SUM) + (1 << 15));
    for (int32_t x = 0; x < targets; x++) {
        const uint16_t *sample = turned + (size_t)column[x] * ROWS;
        __m256i low = start, high = start;
        for (int32_t j = 0; j < pairs; j++, sample += 2 * pitch, weights += 2) {
            int32_t both;
            memcpy(&both, weights, sizeof(both));
            __m256i w = _mm256_set1_epi32(both);
            __m256i a = _mm256_load_si256((const __m256i *)sample);
            __m256i b = _mm256_load_si256((const __m256i *)(sample + pitch));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), w));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), w));
        }
        low = _mm256_srai_epi32(low, 16);
        out[x] = _mm256_packs_epi32(low, _mm256_srai_epi32(high, 16));
    }
}

static void component_sum(const struct convert_strip *strip, int32_t k, __m256i *out)
{
    const struct strip_component *component = &strip->component[k];
    const uint16_t *turned = strip->plane[component->plane].turned;
    int32_t pairs = component->taps->width / 2;
    if (pairs == 1)
        component_sum_as(component, turned, 1, out);
    else if (pairs == 2)
        component_sum_as(component, turned, 2, out);
    else if (pairs == 3)
        component_sum_as(component, turned, 3, out);
    else
        component_sum_as(component, turned, pairs, out);
}

// ---- colour -------------------------------------------------------------------------------------

// The matrix of one plan, spread over vectors once a strip.
struct mix_vectors {
    __m256i first_second[3], first_third[3], bias[3]; // per channel
    bool needs_second[3], needs_third[3];
};

static inline __m256i pair_of(int16_t a, int16_t b)
{
    return _mm256_set1_epi32((int32_t)((uint16_t)a | (uint32_t)(uint16_t)b << 16));
}

static void mix_spread(struct mix_vectors *v, const struct colour_mix *mix)
{
    for (int c = 0; c < mix->channels; c++) {
        const int16_t *m = mix->matrix[c];
        v->needs_third[c] = m[2] != 0;
        v->needs_second[c] = m[1] != 0 || m[2] == 0;
        v->first_second[c] = pair_of(m[0], m[1]);
        v->first_third[c] = pair_of(v->needs_second[c] ? 0 : m[0], m[2]);
        v->bias[c] = _mm256_set1_epi32(mix->bias[c]);
    }
}

// Three components into one channel, int16 (packing to bytes clamps it).
static inline __m256i channel_mix(const struct mix_vectors *v, int c, const __m256i second[2],
                                  const __m256i third[2])
{
    __m256i sum[2] = {v->bias[c], v->bias[c]};
    for (int half = 0; half < 2; half++) {
        if (v->needs_second[c])
            sum[half] =
                _mm256_add_epi32(sum[half], _mm256_madd_epi16(second[half], v->first_second[c]));
        if (v->needs_third[c])
            sum[half] =
                _mm256_add_epi32(sum[half], _mm256_madd_epi16(third[half], v->first_third[c]));
        sum[half] = _mm256_srai_epi32(sum[half], COLOUR_SHIFT);
    }
    return _mm256_packs_epi32(sum[0], sum[1]);
}

static inline __m256i copy_round(__m256i value)
{
    return _mm256_srai_epi16(_mm256_add_epi16(value, _mm256_set1_epi16(32)), 6);
}

// The channels of one target pixel, the first `mixed` of them different. `components` and `copy`
// are the mix's; all three are known when this is compiled.
static inline __attribute__((always_inline)) void pixel_mix(const struct mix_vectors *v,
                                                            const __m256i *const in[3], int32_t x,
                                                            int32_t components, int32_t mixed,
                                                            bool copy, __m256i channel[3])
{
    __m256i value[3] = {{0}};
    for (int32_t k = 0; k < components; k++)
        value[k] = in[k][x];
    const __m256i second[2] = {_mm256_unpacklo_epi16(value[0], value[1]),
                               _mm256_unpackhi_epi16(value[0], value[1])};
    const __m256i third[2] = {_mm256_unpacklo_epi16(value[0], value[2]),
                              _mm256_unpackhi_epi16(value[0], value[2])};
    for (int32_t c = 0; c < 3; c++) {
        if (c > 0 && c >= mixed)
            channel[c] = channel[0]; // grey, repeated if it is wanted
        else
            channel[c] = copy ? copy_round(value[c]) : channel_mix(v, c, second, third);
    }
}

// Columns of pixel bytes, two to a vector.
static inline __attribute__((always_inline)) void pixels_mix_as(const struct colour_mix *mix,
                                                                const __m256i *const in[3],
                                                                int32_t targets, int32_t components,
                                                                int32_t channels, bool copy,
                                                                __m256i *out)
{
    struct mix_vectors v;
    const int32_t mixed = channels < components ? channels : components;
    mix_spread(&v, mix);
    for (int32_t x = 0; x < targets; x += 2) {
        __m256i a[3], b[3];
        pixel_mix(&v, in, x, components, mixed, copy, a);
        pixel_mix(&v, in, x + 1 < targets ? x + 1 : x, components, mixed, copy, b);
        if (channels == 1) {
            *out++ = _mm256_packus_epi16(a[0], b[0]);
        } else {
            *out++ = _mm256_packus_epi16(a[0], a[1]);
            *out++ = _mm256_packus_epi16(a[2], b[0]);
            *out++ = _mm256_packus_epi16(b[1], b[2]);
        }
    }
}

static void pixels_mix(const struct colour_mix *mix, const __m256i *const in[3], int32_t targets,
                       __m256i *out)
{
    if (mix->components == 3 && mix->copy)
        pixels_mix_as(mix, in, targets, 3, 3, true, out);
    else if (mix->components == 3 && mix->channels == 3)
        pixels_mix_as(mix, in, targets, 3, 3, false, out);
    else if (mix->components == 3)
        pixels_mix_as(mix, in, targets, 3, 1, false, out);
    else
        pixels_mix_as(mix, in, targets, 1, mix->channels, mix->copy, out);
}

// ---- turning back -------------------------------------------------------------------------------

// 16 columns of bytes, two to a vector, to rows: row[i] holds row i low and row i + 8 high. Each
// step moves one bit of the column number from the register's index into the byte's.
static inline void bytes_turn(const __m256i in[8], __m256i row[8])
{
    __m256i a[8], b[8];
    for (int i = 0; i < 4; i++) {
        a[i] = _mm256_unpacklo_epi8(in[i], in[i + 4]);     // even columns: c and c + 8
        a[i + 4] = _mm256_unpackhi_epi8(in[i], in[i + 4]); // odd
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            b[i + j] = _mm256_unpacklo_epi8(a[i + j], a[i + j + 2]);
            b[i + j + 2] = _mm256_unpackhi_epi8(a[i + j], a[i + j + 2]);
        }
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_epi8(b[i], b[i + 1]);
        a[i + 1] = _mm256_unpackhi_epi8(b[i], b[i + 1]);
    }
    // a[4 * (column & 1) + 2 * (row >> 2) + (row >> 1 & 1)]
    for (int i = 0; i < 4; i++) {
        row[2 * i] = _mm256_unpacklo_epi8(a[i], a[i + 4]);
        row[2 * i + 1] = _mm256_unpackhi_epi8(a[i], a[i + 4]);
    }
}

static void pixels_turn(const struct convert_strip *strip, const __m256i *in, uint8_t *pixels,
                        size_t stride)
{
    size_t bytes = (size_t)strip->targets * (size_t)strip->mix.channels;
    for (size_t at = 0; at < bytes; at += 16, in += 8) {
        __m256i row[8];
        size_t count = bytes - at < 16 ? bytes - at : 16;
        bytes_turn(in, row);
        for (size_t r = 0; r < 8; r++) {
            uint8_t *low = pixels + stride * r + at, *high = low + 8 * stride;
            if (count == 16) {
                _mm_storeu_si128((__m128i *)low, _mm256_castsi256_si128(row[r]));
                _mm_storeu_si128((__m128i *)high, _mm256_extracti128_si256(row[r], 1));
            } else {
                uint8_t both[32];
                _mm256_storeu_si256((__m256i *)both, row[r]);
                memcpy(low, both, count);
                memcpy(high, both + 16, count);
            }
        }
    }
}

static void columns_sum_avx2(const struct convert_strip *strip, uint8_t *pixels,
                             size_t pixels_stride)
{
    // Scratch: the components' values, [3][targets] vectors, then the pixels' columns.
    __m256i *values = (__m256i *)strip->scratch, *columns = values + 3 * (size_t)strip->targets;
    const __m256i *const in[3] = {values, values + strip->targets,
                                  values + 2 * (size_t)strip->targets};
    for (int32_t p = 0; p < strip->planes; p++)
        plane_turn(&strip->plane[p]);
    for (int32_t k = 0; k < strip->mix.components; k++)
        component_sum(strip, k, values + (size_t)k * (size_t)strip->targets);
    pixels_mix(&strip->mix, in, strip->targets, columns);
    pixels_turn(strip, columns, pixels, pixels_stride);
}

const struct convert_ops convert_ops_avx2 = {
    .name = "avx2",
    .cpu = KERNEL_CPU_AVX2,
    .rows = ROWS,
    .rows_sum = rows_sum_avx2,
    .columns_sum = columns_sum_avx2,
    .table_apply = convert_table_apply_avx2,
};
