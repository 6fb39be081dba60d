// SPDX-License-Identifier: Apache-2.0
//
// The tile loop of every x86 instruction set. A *unit* is four accumulators that leave as one vector of
// bytes: one row of 4 (or 3) vectors, two rows of 2, or four rows of 1. A tile is 1..8 units; they are named,
// not an array, because compilers keep arrays of vectors on the stack. `units` and `vectors` are constants
// wherever these functions are inlined, so that every `if` on them is decided by the compiler.
//
// The including file brings vec_ymm.h or vec_zmm.h and defines before:
//   vec vec_dot(vec sums, vec x, vec weights)   adds the products of each lane's four bytes
//   void finish_store(int8_t *output, size_t stride, vec bytes, int32_t columns, const int vectors,
//                     const int rows)

#ifndef QEDGE_KERNELS_X86_GEMM_TILE_H
#define QEDGE_KERNELS_X86_GEMM_TILE_H

#include "kernels/x86/gemm_plan.h"

#define TILE_INLINE static inline __attribute__((always_inline))

struct quartet {
    vec a, b, c, d;
};

// Four bytes of a panel row in every lane.
static inline vec vec_spread(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, 4);
    return vec_set(four);
}

TILE_INLINE int unit_rows(const int vectors)
{
    return vectors >= 3 ? 1 : 4 / vectors;
}

TILE_INLINE struct quartet unit_start(const struct gemm_task *task, int32_t row, const int vectors)
{
    const int32_t *init = (const int32_t *)task->tile;
    struct quartet u;
    u.a = vec_load(init);
    u.b = vectors >= 2 ? vec_load(init + VEC_LANES) : u.a;
    u.c = vectors >= 3 ? vec_load(init + 2 * VEC_LANES) : u.a;
    u.d = vectors == 4 ? vec_load(init + 3 * VEC_LANES) : u.b;
    if (task->row_terms) {
        const int32_t *terms = task->row_terms + row;
        u.a = vec_add(u.a, vec_set(terms[0]));
        u.b = vec_add(u.b, vec_set(terms[vectors >= 2 ? 0 : 1]));
        u.c = vec_add(u.c, vec_set(terms[vectors >= 3 ? 0 : vectors == 2 ? 1 : 2]));
        u.d = vec_add(u.d, vec_set(terms[vectors >= 3 ? 0 : vectors == 2 ? 1 : 3]));
    }
    return u;
}

TILE_INLINE struct quartet weights_load(const uint8_t *w, const int vectors)
{
    struct quartet u;
    u.a = vec_load(w);
    u.b = vectors >= 2 ? vec_load(w + 4 * VEC_LANES) : u.a;
    u.c = vectors >= 3 ? vec_load(w + 8 * VEC_LANES) : u.a;
    u.d = vectors == 4 ? vec_load(w + 12 * VEC_LANES) : u.b;
    return u;
}

TILE_INLINE struct quartet unit_dot(struct quartet u, const uint8_t *x, size_t stride, struct quartet w,
                                    const int vectors)
{
    vec first = vec_spread(x);
    u.a = vec_dot(u.a, first, w.a);
    if (vectors >= 2) {
        u.b = vec_dot(u.b, first, w.b);
    } else {
        u.b = vec_dot(u.b, vec_spread(x + stride), w.a);
        u.c = vec_dot(u.c, vec_spread(x + 2 * stride), w.a);
        u.d = vec_dot(u.d, vec_spread(x + 3 * stride), w.a);
    }
    if (vectors == 2) {
        vec second = vec_spread(x + stride);
        u.c = vec_dot(u.c, second, w.a);
        u.d = vec_dot(u.d, second, w.b);
    }
    if (vectors >= 3)
        u.c = vec_dot(u.c, first, w.c);
    if (vectors == 4)
        u.d = vec_dot(u.d, first, w.d);
    return u;
}

TILE_INLINE void unit_finish(const struct gemm_task *task, const struct finish *finish, struct quartet u,
                             int8_t *output, const int vectors)
{
    const float *scale = (const float *)(task->tile + (size_t)vectors * VEC_LANES * 4);
    const int b = vectors >= 2 ? 1 : 0, c = vectors >= 3 ? 2 : 0, d = vectors == 4 ? 3 : b;
    vec first = finish_round(u.a, scale);
    vec second = finish_round(u.b, scale + b * VEC_LANES);
    vec third = finish_round(u.c, scale + c * VEC_LANES);
    vec fourth = vectors == 3 ? third : finish_round(u.d, scale + d * VEC_LANES);
    finish_store(output, task->output_stride, finish_narrow(first, second, third, fourth, finish), task->columns, vectors,
                 unit_rows(vectors));
}

#define TILE_EACH_UNIT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

// The same pointer, but unknown: constants read through it are not kept in registers, which sums need.
static inline const void *tile_opaque(const void *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

// Rows [row, row + units * unit_rows) of a tile.
TILE_INLINE void tile_rows(const struct gemm_task *task, const struct finish *finish, int32_t row, const int units,
                           const int vectors)
{
    const size_t stride = task->row_bytes, step = stride * (size_t)unit_rows(vectors);
    const int n = unit_rows(vectors);
    const struct quartet start = unit_start(task, row, vectors);
#define TILE_START(i) struct quartet u##i = i > 0 && i < units ? unit_start(task, row + i * n, vectors) : start;
    TILE_EACH_UNIT(TILE_START)

    const uint8_t *w = task->tile + (size_t)vectors * (VEC_LANES * 8 + task->skipped * VEC_LANES);
    const uint8_t *begin = task->panel + (size_t)row * stride, *line = begin;
    size_t bytes = (size_t)task->quads * 4;
    const int32_t rests = task->rest > 0 ? 1 : 0;
    for (int32_t left = task->lines + rests; left > 0; left--, line += task->line_bytes) {
        if (left == rests) {
            line = begin + task->rest;
            bytes = 4;
        }
#define TILE_POINT(i) const uint8_t *x##i = line + i * step;
        TILE_EACH_UNIT(TILE_POINT)
        for (size_t k = 0; k < bytes; k += 4) {
            struct quartet weights = weights_load(w, vectors);
            w += vectors * VEC_LANES * 4;
#define TILE_DOT(i) if (i < units) u##i = unit_dot(u##i, x##i + k, stride, weights, vectors);
            TILE_EACH_UNIT(TILE_DOT)
        }
        w += task->line_gap * (size_t)vectors * VEC_LANES;
    }

    const struct finish *constants = tile_opaque(finish);
    int8_t *output = task->output + (size_t)row * task->output_stride;
#define TILE_FINISH(i) if (i < units) unit_finish(task, constants, u##i, output + (size_t)(i * n) * task->output_stride, vectors);
    TILE_EACH_UNIT(TILE_FINISH)
}

// Fewer rows than a unit: the last row stands in for those that are missing, in memory of its own.
TILE_INLINE void tile_short(const struct gemm_task *task, const struct finish *finish, int32_t row,
                            const int vectors)
{
    int32_t rows = task->rows - row, terms[4];
    struct gemm_task part = *task;
    int8_t output[4 * 4 * VEC_LANES];
    part.panel += (size_t)row * task->row_bytes;
    part.row_bytes = rows == 1 ? 0 : task->row_bytes;
    if (task->row_terms) {
        for (int32_t i = 0; i < 4; i++)
            terms[i] = task->row_terms[row + (i < rows ? i : rows - 1)];
        part.row_terms = terms;
    }
    part.output = output;
    part.output_stride = 4 * VEC_LANES;
    tile_rows(&part, finish, 0, 1, vectors);
    for (int32_t i = 0; i < rows; i++)
        memcpy(task->output + (size_t)(row + i) * task->output_stride, output + i * 4 * VEC_LANES,
               (size_t)task->columns);
}

// tile_rows for a number of units that is known only now.
TILE_INLINE void tile_units(const struct gemm_task *task, const struct finish *finish, int32_t row, int32_t units,
                            const int most, const int vectors)
{
    switch (units) {
#define TILE_CASE(i) case i + 1: if (i < most) tile_rows(task, finish, row, i + 1, vectors); break;
        TILE_EACH_UNIT(TILE_CASE)
    }
}

// All rows, in pieces of about equal height, at most `most` units: small left-overs would leave the dot
// products waiting for one another. The last piece may do rows again.
TILE_INLINE void tile_band(const struct gemm_task *task, const struct finish *finish, const int most,
                           const int vectors)
{
    const int n = unit_rows(vectors);
    if (n > 1 && task->rows < n) {
        tile_short(task, finish, 0, vectors);
        return;
    }
    int32_t left = (task->rows + n - 1) / n, row = 0;
    for (int32_t pieces = (left + most - 1) / most; pieces > 0; pieces--) {
        int32_t units = pieces == 1 ? left : (left + pieces - 1) / pieces;
        if (n > 1 && units * n > task->rows) { // a single piece that does not fill its last unit
            tile_units(task, finish, 0, --units, most, vectors);
            row = task->rows;
            units = 1;
        }
        tile_units(task, finish, row < task->rows - units * n ? row : task->rows - units * n, units, most, vectors);
        row += units * n;
        left -= units;
    }
}

static inline void band_next(struct gemm_task *band)
{
    band->panel += band->band_bytes;
    band->output += band->band_output;
    band->row_terms = band->row_terms ? band->row_terms + band->rows : NULL;
}

TILE_INLINE void tile_multiply(const struct gemm_task *task, const int most, const int vectors)
{
    const struct finish finish = finish_of(task->zero_point, task->act_min, task->act_max);
    struct gemm_task band = *task;
    for (int32_t left = task->bands; left > 0; left--) {
        tile_band(&band, &finish, most, vectors);
        band_next(&band);
    }
}

#endif
