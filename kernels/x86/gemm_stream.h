// SPDX-License-Identifier: Apache-2.0
//
// Tiles with short sums on 512-bit registers, beside gemm_tile.h, which the including file brings before.
// Two units at a time; the two before them are rounded and stored among the products, which alone would
// leave those parts of the CPU idle. Pays while a tile's weights stay in L1: they are read more often than
// by tile_rows.

#ifndef QEDGE_KERNELS_X86_GEMM_STREAM_H
#define QEDGE_KERNELS_X86_GEMM_STREAM_H

enum { STREAM_UNITS = 2, STREAM_WEIGHTS = 16 << 10 };

struct stream {
    const struct gemm_task *task;
    const struct finish *finish;
    struct quartet a, b;         // sums of the units in work
    struct quartet done_a, done_b;
    int8_t *output;              // of the done ones, or NULL
    const uint8_t *x, *w, *end;  // row, weights
    const int32_t *offset;       // of x
};

TILE_INLINE void stream_dot(struct stream *s, const int steps, const int vectors)
{
    const size_t stride = s->task->row_bytes;
    for (int i = 0; i < steps && s->w < s->end; i++) {
        struct quartet weights = weights_load(s->w, vectors);
        const uint8_t *x = s->x + *s->offset++;
        s->a = unit_dot(s->a, x, stride, weights, vectors);
        s->b = unit_dot(s->b, x + stride * (size_t)unit_rows(vectors), stride, weights, vectors);
        s->w += vectors * VEC_LANES * 4;
    }
}

TILE_INLINE void stream_finish(const struct stream *s, struct quartet done, const int unit, const int vectors)
{
    if (s->output)
        unit_finish(s->task, tile_opaque(s->finish), done,
                    s->output + (size_t)(unit * unit_rows(vectors)) * s->task->output_stride, vectors);
}

// Where the done units end among the steps is what was measured to be quickest.
TILE_INLINE void stream_rows(struct stream *s, const int vectors)
{
    if (vectors <= 2)
        stream_dot(s, 2, vectors);
    stream_finish(s, s->done_a, 0, vectors);
    if (vectors <= 2)
        stream_dot(s, 2, vectors);
    stream_finish(s, s->done_b, 1, vectors);
    while (s->w < s->end)
        stream_dot(s, 1, vectors);
    s->done_a = s->a;
    s->done_b = s->b;
}

static inline int32_t stream_steps(const struct gemm_task *task)
{
    return task->lines * task->quads + (task->rest > 0 ? 1 : 0);
}

TILE_INLINE void tile_stream(const struct gemm_task *task, const int vectors)
{
    const int n = unit_rows(vectors), rows = STREAM_UNITS * n;
    const uint8_t *weights = task->tile + (size_t)vectors * (VEC_LANES * 8 + task->skipped * VEC_LANES);
    const struct finish finish = finish_of(task->zero_point, task->act_min, task->act_max);
    struct gemm_task band = *task;
    struct stream s = {.task = task, .finish = &finish};
    s.end = weights + (size_t)(stream_steps(task) * vectors) * VEC_LANES * 4;
    for (int32_t left = task->bands; left > 0; left--) {
        for (int32_t row = 0; row < task->rows; row += rows) {
            int32_t at = row < task->rows - rows ? row : task->rows - rows;
            s.a = unit_start(&band, at, vectors);
            s.b = unit_start(&band, at + n, vectors);
            s.x = band.panel + (size_t)at * task->row_bytes;
            s.w = weights;
            s.offset = task->offsets;
            stream_rows(&s, vectors);
            s.output = band.output + (size_t)at * task->output_stride;
        }
        band_next(&band);
    }
    stream_finish(&s, s.done_a, 0, vectors);
    stream_finish(&s, s.done_b, 1, vectors);
}

// Functions of their own: together they are more than gcc keeps in registers.
#define TILE_STREAM(vectors) \
    static __attribute__((noinline)) void tile_stream_##vectors(const struct gemm_task *task) \
    { \
        tile_stream(task, vectors); \
    }
TILE_STREAM(1)
TILE_STREAM(2)
TILE_STREAM(3)
TILE_STREAM(4)
#undef TILE_STREAM

static inline void stream_multiply(const struct gemm_task *task)
{
    switch (task->vectors) {
    case 1: tile_stream_1(task); break;
    case 2: tile_stream_2(task); break;
    case 3: tile_stream_3(task); break;
    case 4: tile_stream_4(task); break;
    }
}

static inline bool stream_wants(const struct gemm_task *task)
{
    int32_t steps = stream_steps(task);
    return task->line_gap == 0 && task->rows >= STREAM_UNITS * unit_rows(task->vectors) && steps > 0 &&
           steps <= STREAM_WEIGHTS / (task->vectors * VEC_LANES * 4);
}

#endif
