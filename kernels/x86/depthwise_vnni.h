// SPDX-License-Identifier: Apache-2.0
//
// Depthwise convolution with vpdpbusd (depthwise_plan.h has the idea), for any register width. The including
// file brings vec_ymm.h or vec_zmm.h, vec_dot, vec_dot_memory and DW_REGISTERS (of the CPU: 16 or 32) before,
// and gets `static void run(task)` for blocks of 4 * VEC_LANES channels.

#ifndef QEDGE_KERNELS_X86_DEPTHWISE_VNNI_H
#define QEDGE_KERNELS_X86_DEPTHWISE_VNNI_H

#include "kernels/x86/depthwise_plan.h"

#define DW_INLINE static inline __attribute__((always_inline))

enum { DW_WIDTH = 4 * VEC_LANES, DW_QUARTET = 16 * VEC_LANES };

struct quartet {
    vec a, b, c, d;
};

struct numbers {
    const int32_t *init;
    const float *scale;
    const uint8_t *weights, *excess; // excess: NULL, or the second set
};

DW_INLINE struct numbers numbers_of(const struct depthwise_task *task)
{
    const struct depthwise_head *head = (const struct depthwise_head *)task->block;
    struct numbers numbers = {.init = (const int32_t *)(head + 1)};
    numbers.scale = (const float *)(numbers.init + DW_WIDTH);
    numbers.weights = (const uint8_t *)(numbers.scale + DW_WIDTH);
    if (head->wide)
        numbers.excess = numbers.weights + depthwise_set_bytes(task, VEC_LANES, 4);
    return numbers;
}

DW_INLINE struct quartet quartet_load(const void *data)
{
    const uint8_t *at = data;
    return (struct quartet){vec_load(at), vec_load(at + 4 * VEC_LANES), vec_load(at + 8 * VEC_LANES),
                            vec_load(at + 12 * VEC_LANES)};
}

// sums + column * the four vectors of weights at w
DW_INLINE struct quartet quartet_dot(struct quartet sums, struct quartet column, const uint8_t *w)
{
    sums.a = vec_dot_memory(sums.a, column.a, w);
    sums.b = vec_dot_memory(sums.b, column.b, w + 4 * VEC_LANES);
    sums.c = vec_dot_memory(sums.c, column.c, w + 8 * VEC_LANES);
    sums.d = vec_dot_memory(sums.d, column.d, w + 12 * VEC_LANES);
    return sums;
}

// The same pointer, but unknown: what is read through it stays where it is used. Otherwise gcc takes all
// weights, or their addresses, out of the loop and puts them on the stack.
DW_INLINE const uint8_t *opaque(const uint8_t *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

DW_INLINE void quartet_store(struct quartet sums, const float *scale, const struct finish *finish,
                             int8_t *output, int32_t channels)
{
    vec a = finish_round(sums.a, scale), b = finish_round(sums.b, scale + VEC_LANES);
    vec c = finish_round(sums.c, scale + 2 * VEC_LANES);
    vec d = finish_round(sums.d, scale + 3 * VEC_LANES);
    vec_store_bytes(output, finish_narrow(a, b, c, d, finish), channels);
}

DW_INLINE struct quartet column_load(const int8_t *r0, const int8_t *r1, const int8_t *r2, const int8_t *r3)
{
    vec rows[4] = {vec_flip(vec_load(r0)), vec_flip(vec_load(r1)), vec_flip(vec_load(r2)),
                   vec_flip(vec_load(r3))};
    vec_interleave(rows);
    return (struct quartet){rows[0], rows[1], rows[2], rows[3]};
}

DW_INLINE struct quartet column_padding(const struct depthwise_task *task)
{
    vec value = vec_set((int32_t)((uint32_t)(task->shape->input_zero_point + 128) * 0x01010101u));
    return (struct quartet){value, value, value, value};
}

// ---- any window --------------------------------------------------------------------------------

static struct quartet window_sums(const struct depthwise_task *task, const struct numbers *numbers,
                                  int32_t left, int32_t align)
{
    const struct kernel_conv_shape *s = task->shape;
    struct quartet sums = quartet_load(numbers->init);
    size_t group_bytes = (size_t)task->aligns * DW_QUARTET;
    for (int32_t kx = 0, x = left; kx < s->k_w; kx++, x += s->dilation_w) {
        for (int32_t group = 0; group < task->groups; group++) {
            const int8_t *const *l = task->lines + 4 * group;
            ptrdiff_t at_x = x * task->step;
            struct quartet column = column_padding(task);
            if (x >= 0 && x < s->in_w)
                column = column_load(l[0] + at_x, l[1] + at_x, l[2] + at_x, l[3] + at_x);
            size_t at = (size_t)(kx * task->groups + group) * group_bytes + (size_t)align * DW_QUARTET;
            sums = quartet_dot(sums, column, numbers->weights + at);
            if (numbers->excess)
                sums = quartet_dot(sums, column, numbers->excess + at);
        }
    }
    return sums;
}

static void run_any(const struct depthwise_task *task, const struct numbers *numbers)
{
    const struct kernel_conv_shape *s = task->shape;
    const struct finish finish = finish_of(s->output_zero_point, s->act_min, s->act_max);
    for (int32_t row = 0; row < task->rows; row++) {
        int8_t *output = task->output[row];
        for (int32_t ox = 0; ox < s->out_w; ox++, output += s->out_c) {
            struct quartet sums = window_sums(task, numbers, ox * s->stride_w - s->pad_left, row);
            quartet_store(sums, numbers->scale, &finish, output, task->channels);
        }
    }
}

// ---- three columns, one group of rows ----------------------------------------------------------

// Walks along four input rows; every column is loaded once.
struct cursor {
    const int8_t *p0, *p1, *p2, *p3;
    ptrdiff_t at, step;
    int32_t x, in_w;
    struct quartet padding;
};

DW_INLINE struct cursor cursor_of(const struct depthwise_task *task)
{
    const int8_t *const *l = task->lines;
    return (struct cursor){l[0], l[1], l[2], l[3], 0, task->step, -task->shape->pad_left, task->shape->in_w,
                           column_padding(task)};
}

DW_INLINE struct quartet cursor_next(struct cursor *c)
{
    struct quartet column = c->padding;
    if ((uint32_t)c->x < (uint32_t)c->in_w) {
        column = column_load(c->p0 + c->at, c->p1 + c->at, c->p2 + c->at, c->p3 + c->at);
        c->at += c->step;
    }
    c->x++;
    return column;
}

struct three {
    const struct depthwise_task *task;
    struct numbers numbers;
    struct finish finish;
    int8_t *output[2];
    ptrdiff_t step;
    int32_t channels;
};

// `rows`, `aligns` and `wide` are constants: the weights' addresses are then one register and a displacement.
DW_INLINE void three_put(struct three *t, struct quartet left, struct quartet middle, struct quartet right,
                         const int rows, const int aligns, const bool wide)
{
    const int tap = aligns * DW_QUARTET;
    for (int row = 0; row < rows; row++) {
        const uint8_t *w = opaque(t->numbers.weights) + row * DW_QUARTET;
        struct quartet sums = quartet_load(t->numbers.init);
        sums = quartet_dot(sums, left, w);
        sums = quartet_dot(sums, middle, w + tap);
        sums = quartet_dot(sums, right, w + 2 * tap);
        if (wide) {
            w = opaque(t->numbers.excess) + row * DW_QUARTET;
            sums = quartet_dot(sums, left, w);
            sums = quartet_dot(sums, middle, w + tap);
            sums = quartet_dot(sums, right, w + 2 * tap);
        }
        quartet_store(sums, t->numbers.scale, &t->finish, t->output[row], t->channels);
        t->output[row] += t->step;
    }
}

// One vector of channels of two neighbouring outputs, in one or two rows.
struct pair {
    vec left0, right0, left1, right1;
};

DW_INLINE struct pair pair_vector(const struct three *t, vec a, vec b, vec c, vec d, const int index,
                                  const int rows, const int aligns, const bool wide)
{
    const int tap = aligns * DW_QUARTET;
    const uint8_t *w = opaque(t->numbers.weights) + index * 4 * VEC_LANES;
    const float *scale = (const float *)opaque((const uint8_t *)t->numbers.scale) + index * VEC_LANES;
    vec init = vec_load(opaque((const uint8_t *)t->numbers.init) + index * 4 * VEC_LANES);
    struct pair p = {init, init, init, init};
    for (int set = 0; set < (wide ? 2 : 1); set++) {
        for (int row = 0; row < rows; row++) {
            vec w0 = vec_load(w + row * DW_QUARTET), w1 = vec_load(w + tap + row * DW_QUARTET);
            vec w2 = vec_load(w + 2 * tap + row * DW_QUARTET);
            vec left = row == 0 ? p.left0 : p.left1, right = row == 0 ? p.right0 : p.right1;
            left = vec_dot(vec_dot(vec_dot(left, a, w0), b, w1), c, w2);
            right = vec_dot(vec_dot(vec_dot(right, b, w0), c, w1), d, w2);
            if (row == 0)
                p.left0 = left, p.right0 = right;
            else
                p.left1 = left, p.right1 = right;
        }
        w = wide ? opaque(t->numbers.excess) + index * 4 * VEC_LANES : w;
    }
    p.left0 = finish_round(p.left0, scale);
    p.right0 = finish_round(p.right0, scale);
    p.left1 = rows == 2 ? finish_round(p.left1, scale) : p.left0;
    p.right1 = rows == 2 ? finish_round(p.right1, scale) : p.right0;
    return p;
}

// Two outputs from four columns: every vector of weights is loaded once for both.
DW_INLINE void three_put_pair(struct three *t, struct quartet a, struct quartet b, struct quartet c,
                              struct quartet d, const int rows, const int aligns, const bool wide)
{
    struct pair w = pair_vector(t, a.a, b.a, c.a, d.a, 0, rows, aligns, wide);
    struct pair x = pair_vector(t, a.b, b.b, c.b, d.b, 1, rows, aligns, wide);
    struct pair y = pair_vector(t, a.c, b.c, c.c, d.c, 2, rows, aligns, wide);
    struct pair z = pair_vector(t, a.d, b.d, c.d, d.d, 3, rows, aligns, wide);
    vec left = finish_narrow(w.left0, x.left0, y.left0, z.left0, &t->finish);
    vec right = finish_narrow(w.right0, x.right0, y.right0, z.right0, &t->finish);
    vec_store_bytes(t->output[0], left, t->channels);
    vec_store_bytes(t->output[0] + t->step, right, t->channels);
    t->output[0] += 2 * t->step;
    if (rows == 2) {
        left = finish_narrow(w.left1, x.left1, y.left1, z.left1, &t->finish);
        right = finish_narrow(w.right1, x.right1, y.right1, z.right1, &t->finish);
        vec_store_bytes(t->output[1], left, t->channels);
        vec_store_bytes(t->output[1] + t->step, right, t->channels);
        t->output[1] += 2 * t->step;
    }
}

// Stride 1 with 32 registers.
DW_INLINE void three_pairs(struct three *t, struct cursor at, int32_t count, const int rows,
                           const int aligns, const bool wide)
{
    struct quartet a = cursor_next(&at), b = cursor_next(&at), c, d;
    for (; count >= 2; count -= 2) {
        c = cursor_next(&at);
        d = cursor_next(&at);
        three_put_pair(t, a, b, c, d, rows, aligns, wide);
        a = c;
        b = d;
    }
    if (count > 0)
        three_put(t, a, b, cursor_next(&at), rows, aligns, wide);
}

// Stride 1 with 16: the three columns in flight change names instead of places.
DW_INLINE void three_stride1(struct three *t, struct cursor at, int32_t count, const int rows,
                             const int aligns, const bool wide)
{
    struct quartet a = cursor_next(&at), b = cursor_next(&at), c;
    for (; count >= 3; count -= 3) {
        c = cursor_next(&at);
        three_put(t, a, b, c, rows, aligns, wide);
        a = cursor_next(&at);
        three_put(t, b, c, a, rows, aligns, wide);
        b = cursor_next(&at);
        three_put(t, c, a, b, rows, aligns, wide);
    }
    if (count >= 1) {
        c = cursor_next(&at);
        three_put(t, a, b, c, rows, aligns, wide);
    }
    if (count == 2) {
        a = cursor_next(&at);
        three_put(t, b, c, a, rows, aligns, wide);
    }
}

DW_INLINE void three_stride2(struct three *t, struct cursor at, int32_t count, const bool wide)
{
    struct quartet a = cursor_next(&at), b, c;
    for (; count > 0; count--) {
        b = cursor_next(&at);
        c = cursor_next(&at);
        three_put(t, a, b, c, 1, 1, wide);
        a = c;
    }
}

DW_INLINE void run_three(const struct depthwise_task *task, const struct numbers *numbers, const int rows,
                         const int aligns, const bool wide)
{
    const struct kernel_conv_shape *s = task->shape;
    struct three t = {task,
                      *numbers,
                      finish_of(s->output_zero_point, s->act_min, s->act_max),
                      {task->output[0], task->output[1]},
                      s->out_c,
                      task->channels};
    if (s->stride_w == 1 && DW_REGISTERS == 32)
        three_pairs(&t, cursor_of(task), s->out_w, rows, aligns, wide);
    else if (s->stride_w == 1)
        three_stride1(&t, cursor_of(task), s->out_w, rows, aligns, wide);
    else if (aligns == 1)
        three_stride2(&t, cursor_of(task), s->out_w, wide);
}

#include "kernels/x86/depthwise_five.h"

// How many rows, how they share columns, and whether weights have an excess: each its own code.
#define DW_VARIANTS(function, task, numbers)                                                           \
    do {                                                                                               \
        const bool wide = (numbers)->excess != NULL;                                                   \
        if ((task)->rows == 2 && wide)                                                                 \
            function(task, numbers, 2, 2, true);                                                       \
        else if ((task)->rows == 2)                                                                    \
            function(task, numbers, 2, 2, false);                                                      \
        else if ((task)->aligns == 2 && wide)                                                          \
            function(task, numbers, 1, 2, true);                                                       \
        else if ((task)->aligns == 2)                                                                  \
            function(task, numbers, 1, 2, false);                                                      \
        else if (wide)                                                                                 \
            function(task, numbers, 1, 1, true);                                                       \
        else                                                                                           \
            function(task, numbers, 1, 1, false);                                                      \
    } while (0)

static void run(const struct depthwise_task *task)
{
    const struct kernel_conv_shape *s = task->shape;
    struct numbers numbers = numbers_of(task);
    bool steps = s->dilation_w == 1 && (s->stride_w == 1 || (s->stride_w == 2 && task->aligns == 1));
    if (steps && s->k_w == 3 && task->groups == 1)
        DW_VARIANTS(run_three, task, &numbers);
    else if (steps && s->k_w == 5 && s->k_h == 5 && s->out_w > 1)
        DW_VARIANTS(run_five, task, &numbers);
    else
        run_any(task, &numbers);
}

#endif
