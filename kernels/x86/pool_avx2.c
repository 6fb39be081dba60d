// SPDX-License-Identifier: Apache-2.0
//
// Pooling on 256-bit registers, 16 channels at a time (the last 16 overlap the ones before). The rows of the
// wider instruction sets are these too.

#include <immintrin.h>

#include "kernels/packing.h"
#include "kernels/x86/load_some.h"
#include "kernels/x86/rows_x86.h"

// The part of a window inside the picture: `rows` lines of `columns` pixels.
struct window {
    const int8_t *first;
    int32_t rows, columns;
    size_t line_bytes, pixel_bytes;
};

static struct window window_of(const struct kernel_pool_shape *s, const int8_t *input, int32_t pixel)
{
    int32_t ox = pixel % s->out_w, row = pixel / s->out_w;
    int32_t top = row % s->out_h * s->stride_h - s->pad_top, left = ox * s->stride_w - s->pad_left;
    int32_t y = packing_max(top, 0), x = packing_max(left, 0);
    size_t line = (size_t)s->in_w * (size_t)s->channels;
    size_t index = (size_t)(row / s->out_h) * (size_t)s->in_h + (size_t)y;
    return (struct window){
        .first = input + index * line + (size_t)x * (size_t)s->channels,
        .rows = packing_min(top + s->k_h, s->in_h) - y,
        .columns = packing_min(left + s->k_w, s->in_w) - x,
        .line_bytes = line,
        .pixel_bytes = (size_t)s->channels,
    };
}

static inline __m128i load_channels(const int8_t *x, int32_t count)
{
    return count >= 16 ? _mm_loadu_si128((const __m128i *)x) : load_some(x, count);
}

static __m128i window_max(const struct window *w, int32_t channel, int32_t count)
{
    __m128i best = _mm_set1_epi8(-128);
    for (int32_t y = 0; y < w->rows; y++) {
        const int8_t *x = w->first + (size_t)y * w->line_bytes + channel;
        for (int32_t i = 0; i < w->columns; i++, x += w->pixel_bytes)
            best = _mm_max_epi8(best, load_channels(x, count));
    }
    return best;
}

struct sums {
    __m256i low, high; // int32, channels 0..7 and 8..15
};

// int16 holds 255 values; then they go to int32.
static void sums_flush(struct sums *sums, __m256i *words)
{
    sums->low = _mm256_add_epi32(sums->low, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(*words)));
    sums->high = _mm256_add_epi32(sums->high, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(*words, 1)));
    *words = _mm256_setzero_si256();
}

static struct sums window_sums(const struct window *w, int32_t channel, int32_t count)
{
    struct sums sums = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __m256i words = _mm256_setzero_si256();
    int32_t held = 0;
    for (int32_t y = 0; y < w->rows; y++) {
        const int8_t *x = w->first + (size_t)y * w->line_bytes + channel;
        for (int32_t i = 0; i < w->columns; i++, x += w->pixel_bytes) {
            words = _mm256_add_epi16(words, _mm256_cvtepi8_epi16(load_channels(x, count)));
            if (++held == 255) {
                sums_flush(&sums, &words);
                held = 0;
            }
        }
    }
    sums_flush(&sums, &words);
    return sums;
}

// (sum -+ n/2) / n in double: quotients of int32 are exact enough that truncation is C's division.
static __m128i divide_four(__m128i sums, __m256d n)
{
    return _mm256_cvttpd_epi32(_mm256_div_pd(_mm256_cvtepi32_pd(sums), n));
}

static __m256i average(__m256i sums, int32_t n)
{
    __m256i half = _mm256_set1_epi32(n / 2), positive = _mm256_cmpgt_epi32(sums, _mm256_setzero_si256());
    __m256i shifted = _mm256_blendv_epi8(_mm256_sub_epi32(sums, half), _mm256_add_epi32(sums, half), positive);
    __m256d divisor = _mm256_set1_pd(n);
    __m128i low = divide_four(_mm256_castsi256_si128(shifted), divisor);
    __m128i high = divide_four(_mm256_extracti128_si256(shifted, 1), divisor);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

static __m256i mean(__m256i sums, const struct kernel_pool_shape *s)
{
    __m256 value = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(s->mean_scale));
    value = _mm256_add_ps(value, _mm256_set1_ps(s->mean_bias));
    value = _mm256_max_ps(value, _mm256_set1_ps((float)s->act_min));
    return _mm256_cvtps_epi32(_mm256_min_ps(value, _mm256_set1_ps((float)s->act_max)));
}

static __m128i window_value(const struct kernel_pool_shape *s, const struct window *w, int32_t channel,
                            int32_t count)
{
    __m128i bytes;
    if (s->kind == KERNEL_POOL_MAX) {
        bytes = window_max(w, channel, count);
    } else {
        struct sums sums = window_sums(w, channel, count);
        bool is_mean = s->kind == KERNEL_POOL_MEAN;
        __m256i low = is_mean ? mean(sums.low, s) : average(sums.low, w->rows * w->columns);
        __m256i high = is_mean ? mean(sums.high, s) : average(sums.high, w->rows * w->columns);
        __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
        bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    }
    bytes = _mm_max_epi8(bytes, _mm_set1_epi8((char)s->act_min));
    return _mm_min_epi8(bytes, _mm_set1_epi8((char)s->act_max));
}

static void run(const struct kernel_pool_shape *shape, const int8_t *input, int8_t *output,
                int32_t first, int32_t last)
{
    int32_t channels = shape->channels, count = packing_min(channels, 16);
    int8_t *out = output + (size_t)first * (size_t)channels;
    for (int32_t pixel = first; pixel < last; pixel++, out += channels) {
        struct window window = window_of(shape, input, pixel);
        for (int32_t channel = 0; channel < channels; channel += 16) {
            int32_t from = packing_min(channel, channels - count);
            int8_t bytes[16];
            _mm_storeu_si128((__m128i *)bytes, window_value(shape, &window, from, count));
            memcpy(out + from, bytes, (size_t)count);
        }
    }
}

static bool accepts(const struct kernel_pool_shape *shape)
{
    (void)shape;
    return true;
}

const struct kernel_pool kernel_pool_avx2 = {"pool_avx2", KERNEL_CPU_AVX2, accepts, run};
const struct kernel_pool kernel_pool_avxvnni = {"pool_avxvnni", KERNEL_CPU_AVXVNNI, accepts, run};
const struct kernel_pool kernel_pool_avx512vnni = {"pool_avx512vnni", KERNEL_CPU_AVX512VNNI, accepts, run};
