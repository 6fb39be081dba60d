// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution with vpmaddwd, 8 channels at a time: a lane holds two rows as int16 (see
// depthwise_plan.h). Products are of x itself; the input zero point is in `init`.

#include "kernels/x86/depthwise_plan.h"
#include "kernels/x86/rows_x86.h"
#include "kernels/x86/vec_ymm.h"

#define DW_INLINE static inline __attribute__((always_inline))

struct numbers {
    vec init;
    __m256 scale;
    const uint8_t *weights;
};

DW_INLINE struct numbers numbers_of(const struct depthwise_task *task)
{
    const uint8_t *at = task->block + sizeof(struct depthwise_head);
    return (struct numbers){vec_load(at), _mm256_loadu_ps((const float *)(at + 32)), at + 64};
}

DW_INLINE vec vec_dot(vec sums, vec x, const uint8_t *weights)
{
    return _mm256_add_epi32(sums, _mm256_madd_epi16(x, vec_load(weights)));
}

// The same pointer, but unknown: what is loaded from it stays where it is used. Otherwise gcc takes all
// weights, or their addresses, out of the loop and puts them on the stack.
DW_INLINE const uint8_t *opaque(const uint8_t *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

// Eight channels of two rows, as pairs.
DW_INLINE vec pair_load(const int8_t *upper, const int8_t *lower)
{
    __m128i bytes = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)upper),
                                      _mm_loadl_epi64((const __m128i *)lower));
    return _mm256_cvtepi8_epi16(bytes);
}

DW_INLINE vec rounded(vec sums, const struct numbers *numbers)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), numbers->scale));
}

// Bytes of both: the low eight of the result are a's, the high eight b's.
DW_INLINE __m128i narrowed(vec a, vec b, const struct finish *finish)
{
    vec words = _mm256_adds_epi16(_mm256_packs_epi32(a, b), finish->zero_point);
    vec bytes = _mm256_max_epi8(_mm256_packs_epi16(words, words), finish->low);
    bytes = _mm256_min_epi8(bytes, finish->high);
    return _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
}

// ---- any window --------------------------------------------------------------------------------

static vec window_sums(const struct depthwise_task *task, const struct numbers *numbers, int32_t left,
                       int32_t align)
{
    const struct kernel_conv_shape *s = task->shape;
    vec sums = numbers->init, padding = _mm256_set1_epi16((short)s->input_zero_point);
    for (int32_t kx = 0, x = left; kx < s->k_w; kx++, x += s->dilation_w) {
        for (int32_t group = 0; group < task->groups; group++) {
            const int8_t *const *l = task->lines + 2 * group;
            vec pair = padding;
            if (x >= 0 && x < s->in_w)
                pair = pair_load(l[0] + x * task->step, l[1] + x * task->step);
            size_t index = (size_t)(kx * task->groups + group) * (size_t)task->aligns + (size_t)align;
            sums = vec_dot(sums, pair, numbers->weights + index * 32);
        }
    }
    return sums;
}

static void run_any(const struct depthwise_task *task)
{
    const struct kernel_conv_shape *s = task->shape;
    const struct numbers numbers = numbers_of(task);
    const struct finish finish = finish_of(s->output_zero_point, s->act_min, s->act_max);
    for (int32_t row = 0; row < task->rows; row++) {
        int8_t *output = task->output[row];
        for (int32_t ox = 0; ox < s->out_w; ox++, output += s->out_c) {
            vec sums = window_sums(task, &numbers, ox * s->stride_w - s->pad_left, row);
            sums = rounded(sums, &numbers);
            store_eight(output, narrowed(sums, sums, &finish), task->channels);
        }
    }
}

// ---- three columns, two pairs of rows ----------------------------------------------------------

struct column {
    vec upper, lower; // rows 0 and 1, rows 2 and 3
};

// Walks along four input rows; every column is loaded once.
struct cursor {
    const int8_t *p0, *p1, *p2, *p3;
    ptrdiff_t at, step;
    int32_t x, in_w;
    vec padding;
};

DW_INLINE struct column cursor_next(struct cursor *c)
{
    struct column column = {c->padding, c->padding};
    if ((uint32_t)c->x < (uint32_t)c->in_w) {
        column.upper = pair_load(c->p0 + c->at, c->p1 + c->at);
        column.lower = pair_load(c->p2 + c->at, c->p3 + c->at);
        c->at += c->step;
    }
    c->x++;
    return column;
}

struct three {
    struct numbers numbers;
    struct finish finish;
    int8_t *output[2];
    ptrdiff_t step;
};

// `rows` and `aligns` are constants: the weights' addresses are then one register and a displacement.
DW_INLINE vec three_sums(const struct three *t, struct column left, struct column middle,
                         struct column right, const int row, const int aligns)
{
    const uint8_t *w = opaque(t->numbers.weights) + 32 * row;
    const int pair = 32 * aligns, tap = 2 * pair;
    vec sums = vec_dot(t->numbers.init, left.upper, w);
    sums = vec_dot(sums, left.lower, w + pair);
    sums = vec_dot(sums, middle.upper, w + tap);
    sums = vec_dot(sums, middle.lower, w + tap + pair);
    sums = vec_dot(sums, right.upper, w + 2 * tap);
    return vec_dot(sums, right.lower, w + 2 * tap + pair);
}

DW_INLINE void three_put(struct three *t, struct column left, struct column middle, struct column right,
                         const int rows, const int aligns)
{
    vec first = rounded(three_sums(t, left, middle, right, 0, aligns), &t->numbers), second = first;
    if (rows == 2)
        second = rounded(three_sums(t, left, middle, right, 1, aligns), &t->numbers);
    __m128i bytes = narrowed(first, second, &t->finish);
    _mm_storel_epi64((__m128i *)t->output[0], bytes);
    t->output[0] += t->step;
    if (rows == 2) {
        _mm_storel_epi64((__m128i *)t->output[1], _mm_unpackhi_epi64(bytes, bytes));
        t->output[1] += t->step;
    }
}

DW_INLINE void three_stride1(struct three *t, struct cursor at, int32_t count, const int rows,
                             const int aligns)
{
    struct column a = cursor_next(&at), b = cursor_next(&at), c;
    for (; count >= 3; count -= 3) {
        c = cursor_next(&at);
        three_put(t, a, b, c, rows, aligns);
        a = cursor_next(&at);
        three_put(t, b, c, a, rows, aligns);
        b = cursor_next(&at);
        three_put(t, c, a, b, rows, aligns);
    }
    if (count >= 1) {
        c = cursor_next(&at);
        three_put(t, a, b, c, rows, aligns);
    }
    if (count == 2) {
        a = cursor_next(&at);
        three_put(t, b, c, a, rows, aligns);
    }
}

DW_INLINE void three_stride2(struct three *t, struct cursor at, int32_t count)
{
    struct column a = cursor_next(&at), b, c;
    for (; count > 0; count--) {
        b = cursor_next(&at);
        c = cursor_next(&at);
        three_put(t, a, b, c, 1, 1);
        a = c;
    }
}

DW_INLINE void run_three(const struct depthwise_task *task, const int rows, const int aligns)
{
    const struct kernel_conv_shape *s = task->shape;
    const int8_t *const *l = task->lines;
    struct three t = {numbers_of(task),
                      finish_of(s->output_zero_point, s->act_min, s->act_max),
                      {task->output[0], task->output[1]},
                      s->out_c};
    struct cursor at = {l[0], l[1], l[2], l[3], 0, task->step, -s->pad_left, s->in_w,
                        _mm256_set1_epi16((short)s->input_zero_point)};
    if (s->stride_w == 1)
        three_stride1(&t, at, s->out_w, rows, aligns);
    else if (aligns == 1)
        three_stride2(&t, at, s->out_w);
}

// ---- five columns, three pairs of rows: two neighbouring outputs at a time ---------------------

struct five {
    const struct depthwise_task *task;
    struct numbers numbers;
    vec padding;
    vec left[2], right[2]; // sums of the two outputs, per row
};

// Column j of the seven (or six) that the two outputs need. All but f and x are constants.
DW_INLINE void five_column(struct five *f, int32_t x, const int j, const int rows, const int aligns,
                           const int stride)
{
    const int8_t *const *l = f->task->lines;
    const uint8_t *w = opaque(f->numbers.weights);
    ptrdiff_t at = (x + j) * f->task->step;
    bool inside = (uint32_t)(x + j) < (uint32_t)f->task->shape->in_w;
#pragma GCC unroll 3
    for (int group = 0; group < 3; group++) {
        vec pair = inside ? pair_load(l[2 * group] + at, l[2 * group + 1] + at) : f->padding;
        const int left = (j * 3 + group) * aligns * 32, right = ((j - stride) * 3 + group) * aligns * 32;
        if (j < 5)
            f->left[0] = vec_dot(f->left[0], pair, w + left);
        if (j < 5 && rows == 2)
            f->left[1] = vec_dot(f->left[1], pair, w + left + 32);
        if (j >= stride)
            f->right[0] = vec_dot(f->right[0], pair, w + right);
        if (j >= stride && rows == 2)
            f->right[1] = vec_dot(f->right[1], pair, w + right + 32);
    }
}

DW_INLINE void five_pair(struct five *f, int32_t x, const int rows, const int aligns, const int stride)
{
    f->left[0] = f->left[1] = f->right[0] = f->right[1] = f->numbers.init;
    five_column(f, x, 0, rows, aligns, stride);
    five_column(f, x, 1, rows, aligns, stride);
    five_column(f, x, 2, rows, aligns, stride);
    five_column(f, x, 3, rows, aligns, stride);
    five_column(f, x, 4, rows, aligns, stride);
    five_column(f, x, 5, rows, aligns, stride);
    if (stride == 2)
        five_column(f, x, 6, rows, aligns, stride);
}

// Pairs from left to right; an odd last output is done again with the one before it.
DW_INLINE void run_five(const struct depthwise_task *task, const int rows, const int aligns, const int stride)
{
    const struct kernel_conv_shape *s = task->shape;
    const struct finish finish = finish_of(s->output_zero_point, s->act_min, s->act_max);
    struct five f = {.task = task, .numbers = numbers_of(task),
                     .padding = _mm256_set1_epi16((short)s->input_zero_point)};
    for (int32_t pair = 0; pair < s->out_w; pair += 2) {
        int32_t ox = pair + 2 <= s->out_w ? pair : s->out_w - 2;
        five_pair(&f, ox * stride - s->pad_left, rows, aligns, stride);
        for (int row = 0; row < rows; row++) {
            int8_t *output = task->output[row] + (ptrdiff_t)ox * s->out_c;
            vec left = rounded(f.left[row], &f.numbers);
            __m128i bytes = narrowed(left, rounded(f.right[row], &f.numbers), &finish);
            _mm_storel_epi64((__m128i *)output, bytes);
            _mm_storel_epi64((__m128i *)(output + s->out_c), _mm_unpackhi_epi64(bytes, bytes));
        }
    }
}

static void run(const struct depthwise_task *task)
{
    const struct kernel_conv_shape *s = task->shape;
    bool steps = s->dilation_w == 1 && (s->stride_w == 1 || (s->stride_w == 2 && task->aligns == 1)) &&
                 task->channels == 8;
    bool three = steps && s->k_w == 3 && task->groups == 2;
    bool five = steps && s->k_w == 5 && s->k_h == 5 && s->out_w > 1;
    if (three && task->rows == 2)
        run_three(task, 2, 2);
    else if (three && task->aligns == 2)
        run_three(task, 1, 2);
    else if (three)
        run_three(task, 1, 1);
    else if (five && task->rows == 2)
        run_five(task, 2, 2, 1);
    else if (five && task->aligns == 2)
        run_five(task, 1, 2, 1);
    else if (five && s->stride_w == 1)
        run_five(task, 1, 1, 1);
    else if (five)
        run_five(task, 1, 1, 2);
    else
        run_any(task);
}

static const struct depthwise_isa isa = {8, 1, 2, false, NULL, run};

DEPTHWISE_ROW(kernel_depthwise_avx2, "depthwise_avx2", KERNEL_CPU_AVX2, &isa);
