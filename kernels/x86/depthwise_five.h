// SPDX-License-Identifier: Apache-2.0
//
// Depthwise 5x5 with vpdpbusd; part of depthwise_vnni.h. Two neighbouring outputs at a time (of two rows,
// where these share columns): each column that either needs is interleaved once, rows 0 to 3 and then rows 4
// and 5, and goes into all sums at once.

#ifndef QEDGE_KERNELS_X86_DEPTHWISE_FIVE_H
#define QEDGE_KERNELS_X86_DEPTHWISE_FIVE_H

struct five {
    const struct depthwise_task *task;
    const int8_t *lines[6];
    struct quartet padding;
    const uint8_t *weights, *excess;
    struct quartet left[2], right[2]; // sums of the two outputs, per row
};

// Rows a and b of a column; the other two bytes of a lane meet zero weights.
DW_INLINE struct quartet column_load_two(const int8_t *a, const int8_t *b)
{
    vec first = vec_flip(vec_load(a)), second = vec_flip(vec_load(b));
    vec rows[4] = {first, second, first, second};
    vec_interleave(rows);
    return (struct quartet){rows[0], rows[1], rows[2], rows[3]};
}

DW_INLINE struct quartet five_dot(struct quartet sums, struct quartet column, const struct five *f,
                                  const int index, const bool wide)
{
    sums = quartet_dot(sums, column, opaque(f->weights) + index * DW_QUARTET);
    return wide ? quartet_dot(sums, column, opaque(f->excess) + index * DW_QUARTET) : sums;
}

// Column j of the pair's columns, rows of one group. All but f are constants.
DW_INLINE void five_add(struct five *f, struct quartet column, const int j, const int group, const int rows,
                        const int aligns, const int stride, const bool wide)
{
    const int left = (j * 2 + group) * aligns, right = ((j - stride) * 2 + group) * aligns;
    if (j < 5)
        f->left[0] = five_dot(f->left[0], column, f, left, wide);
    if (j < 5 && rows == 2)
        f->left[1] = five_dot(f->left[1], column, f, left + 1, wide);
    if (j >= stride)
        f->right[0] = five_dot(f->right[0], column, f, right, wide);
    if (j >= stride && rows == 2)
        f->right[1] = five_dot(f->right[1], column, f, right + 1, wide);
}

DW_INLINE void five_column(struct five *f, int32_t x, const int j, const int rows, const int aligns,
                           const int stride, const bool wide)
{
    const int8_t *const *l = f->lines;
    struct quartet upper = f->padding, lower = f->padding;
    ptrdiff_t at = (x + j) * f->task->step;
    bool inside = (uint32_t)(x + j) < (uint32_t)f->task->shape->in_w;
    if (inside)
        upper = column_load(l[0] + at, l[1] + at, l[2] + at, l[3] + at);
    five_add(f, upper, j, 0, rows, aligns, stride, wide);
    if (inside)
        lower = column_load_two(l[4] + at, l[5] + at);
    five_add(f, lower, j, 1, rows, aligns, stride, wide);
}

DW_INLINE void five_pair(struct five *f, const struct numbers *numbers, int32_t x, const int rows,
                         const int aligns, const int stride, const bool wide)
{
    f->left[0] = f->left[1] = f->right[0] = f->right[1] = quartet_load(numbers->init);
    five_column(f, x, 0, rows, aligns, stride, wide);
    five_column(f, x, 1, rows, aligns, stride, wide);
    five_column(f, x, 2, rows, aligns, stride, wide);
    five_column(f, x, 3, rows, aligns, stride, wide);
    five_column(f, x, 4, rows, aligns, stride, wide);
    five_column(f, x, 5, rows, aligns, stride, wide);
    if (stride == 2)
        five_column(f, x, 6, rows, aligns, stride, wide);
}

// Pairs from left to right; an odd last output is done again with the one before it.
DW_INLINE void five_row(const struct depthwise_task *task, const struct numbers *numbers, const int rows,
                        const int aligns, const int stride, const bool wide)
{
    const struct kernel_conv_shape *s = task->shape;
    const struct finish finish = finish_of(s->output_zero_point, s->act_min, s->act_max);
    struct five f = {.task = task, .padding = column_padding(task), .weights = numbers->weights,
                     .excess = numbers->excess};
    for (int i = 0; i < 6; i++)
        f.lines[i] = task->lines[i];
    for (int32_t pair = 0; pair < s->out_w; pair += 2) {
        int32_t ox = pair + 2 <= s->out_w ? pair : s->out_w - 2;
        five_pair(&f, numbers, ox * stride - s->pad_left, rows, aligns, stride, wide);
        for (int row = 0; row < rows; row++) {
            int8_t *output = task->output[row] + (ptrdiff_t)ox * s->out_c;
            quartet_store(f.left[row], numbers->scale, &finish, output, task->channels);
            quartet_store(f.right[row], numbers->scale, &finish, output + s->out_c, task->channels);
        }
    }
}

DW_INLINE void run_five(const struct depthwise_task *task, const struct numbers *numbers, const int rows,
                        const int aligns, const bool wide)
{
    if (task->shape->stride_w == 1)
        five_row(task, numbers, rows, aligns, 1, wide);
    else if (aligns == 1)
        five_row(task, numbers, rows, aligns, 2, wide);
}

#endif
