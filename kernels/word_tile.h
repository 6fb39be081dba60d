// SPDX-License-Identifier: Apache-2.0
//
// The tile loop of kernels/word_plan.h for every instruction set: sums of up to 12 rows by 1 or 2
// vectors of columns stay in registers. Rows are named, not an array, because compilers keep arrays
// of vectors on the stack; `rows` and `vectors` are constants wherever these functions are inlined.
//
// The including file brings before:
//   word_vec     a vector of sums
//   WORD_LANES   its lanes; WORD_VALUE: what is stored; WORD_HEAD: words of a tile's head a column
//   WORD_EACH_ROW(X)   X(0) X(1) ... up to the tile's height - 1
//   word_vec word_start(task, vector, vectors)   sums before the first step
//   word_vec word_load(weights)                  one vector of weights
//   word_vec word_spread(word)                   one word of a row in every lane
//   word_vec word_mac(sums, x, w)
//   void word_finish(task, row, vector, vectors, sums, to, columns)   stores `columns` lanes at most

#ifndef QEDGE_KERNELS_WORD_TILE_H
#define QEDGE_KERNELS_WORD_TILE_H

#define WORD_INLINE static inline __attribute__((always_inline))

struct word_pair {
    word_vec a, b;
};

WORD_INLINE void word_store(const struct word_task *task, struct word_pair sums, int32_t row,
                            const int vectors)
{
    WORD_VALUE *to = (WORD_VALUE *)task->output + (size_t)row * task->output_stride;
    word_finish(task, row, 0, vectors, sums.a, to, task->columns);
    if (vectors == 2)
        word_finish(task, row, 1, vectors, sums.b, to + WORD_LANES, task->columns - WORD_LANES);
}

WORD_INLINE void word_rows(const struct word_task *task, int32_t row, const int rows,
                           const int vectors)
{
    const size_t stride = task->row_bytes;
    const uint8_t *w = task->tile + (size_t)(WORD_HEAD * vectors * WORD_LANES) * 4;
    struct word_pair start = {word_start(task, 0, vectors), word_start(task, vectors - 1, vectors)};
#define WORD_START(i) struct word_pair u##i = start;
    WORD_EACH_ROW(WORD_START)
    for (int32_t line = 0; line < task->line_count; line++) {
        const uint8_t *x = task->lines[line] + (size_t)row * stride;
        for (int32_t k = 0; k < task->steps; k++, x += 4, w += vectors * WORD_LANES * 4) {
            word_vec first = word_load(w),
                     second = vectors == 2 ? word_load(w + WORD_LANES * 4) : first;
#define WORD_MAC(i)                                                                                \
    if (i < rows) {                                                                                \
        word_vec v = word_spread(x + (size_t)i * stride);                                          \
        u##i.a = word_mac(u##i.a, v, first);                                                       \
        if (vectors == 2)                                                                          \
            u##i.b = word_mac(u##i.b, v, second);                                                  \
    }
            WORD_EACH_ROW(WORD_MAC)
        }
    }
#define WORD_STORE(i)                                                                              \
    if (i < rows)                                                                                  \
        word_store(task, u##i, row + i, vectors);
    WORD_EACH_ROW(WORD_STORE)
}

// As many rows at once as registers hold, in pieces of about equal height: the last one is not a
// remnant.
WORD_INLINE void word_tile(const struct word_task *task, const int height, const int vectors)
{
    int32_t pieces = (task->count + height - 1) / height, row = 0;
    for (int32_t piece = 1; piece <= pieces; piece++) {
        int32_t end = (int32_t)((int64_t)task->count * piece / pieces);
        switch (end - row) {
#define WORD_HEIGHT(i)                                                                             \
    case i + 1: word_rows(task, row, i + 1, vectors); break;
            WORD_EACH_ROW(WORD_HEIGHT)
        }
        row = end;
    }
}

#endif
