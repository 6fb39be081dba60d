// SPDX-License-Identifier: Apache-2.0

#include "kernels/word_plan.h"

#include <string.h>

#include "kernels/packing.h"

enum {
    PANEL_BYTES = 48 << 10, // of one block: stays in L2 beside the weights of a tile
    ROWS_MOST = 96,
    PANEL_SLACK = 64, // what a vector may read past a row
};

static int32_t head_words(const struct word_isa *isa)
{
    return isa->bytes == 4 ? 1 : 3;
}

// Every output pixel reads one input pixel, the next one the next: rows lie in the input as they
// are wanted.
static bool is_direct(const struct kernel_conv_shape *s, const struct word_isa *isa)
{
    return s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->out_h == s->in_h && s->out_w == s->in_w &&
           (isa->bytes == 4 || s->in_c / s->groups % 4 == 0);
}

static struct word_plan plan_of(const struct kernel_conv_shape *shape, const struct word_isa *isa)
{
    struct word_plan plan = {
        .shape = shape, .groups = shape->groups, .direct = is_direct(shape, isa)};
    plan.group_in = shape->in_c / plan.groups;
    plan.pixels = shape->out_h * shape->out_w;
    plan.rows = shape->batch * plan.pixels;
    plan.depth = shape->k_h * shape->k_w * plan.group_in;
    plan.columns = shape->out_c / plan.groups;
    plan.steps = packing_divide_up(plan.depth * isa->bytes, 4);
    plan.row_bytes =
        plan.direct ? (size_t)shape->in_c * (size_t)isa->bytes : (size_t)plan.steps * 4;
    plan.column_vectors = packing_divide_up(plan.columns, isa->lanes);
    plan.tiles = packing_divide_up(plan.column_vectors, isa->vectors);
    plan.vector_bytes = (size_t)isa->lanes * 4 * (size_t)(head_words(isa) + plan.steps);

    int32_t fit = (int32_t)(PANEL_BYTES / ((size_t)plan.steps * 4));
    int32_t most =
        packing_max(isa->height, packing_min(ROWS_MOST, fit) / isa->height * isa->height);
    int32_t blocks = packing_divide_up(plan.rows, most);
    plan.block_rows =
        packing_divide_up(packing_divide_up(plan.rows, blocks), isa->height) * isa->height;
    plan.blocks = packing_divide_up(plan.rows, plan.block_rows);
    return plan;
}

// The first vector of a tile: a group's vectors are spread evenly over its tiles.
static int32_t tile_start(const struct word_plan *plan, int32_t tile)
{
    return (int32_t)((int64_t)plan->column_vectors * tile / plan->tiles);
}

// ---- packing -----------------------------------------------------------------------------------

size_t word_packed_size(const struct kernel_conv_shape *shape, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    return (size_t)plan.groups * (size_t)plan.column_vectors * plan.vector_bytes;
}

// Column `at` of a tile of `width`; `filter` has plan->depth weights.
static void pack_column(const struct word_plan *plan, const struct word_weights *weights,
                        int32_t channel, float *tile, int32_t width, int32_t at,
                        const struct word_isa *isa)
{
    const uint8_t *filter = (const uint8_t *)weights->weights +
                            (size_t)channel * (size_t)plan->depth * (size_t)isa->bytes;
    tile[at] = weights->bias ? weights->bias[channel] : 0;
    uint8_t *body = (uint8_t *)(tile + head_words(isa) * width + at);
    int32_t sum = 0;
    for (int32_t k = 0; k < plan->depth; k++) {
        size_t byte = (size_t)k * (size_t)isa->bytes;
        memcpy(body + byte / 4 * (size_t)width * 4 + byte % 4, filter + byte, (size_t)isa->bytes);
        if (isa->bytes == 1)
            sum += (int8_t)filter[k];
    }
    if (isa->bytes == 1) {
        tile[width + at] = weights->scale[channel];
        memcpy(&tile[2 * width + at], &sum, sizeof sum);
    }
}

void word_pack(const struct kernel_conv_shape *shape, const struct word_weights *weights,
               void *packed, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    uint8_t *tile = packed;
    memset(packed, 0, word_packed_size(shape, isa));
    for (int32_t group = 0; group < plan.groups; group++)
        for (int32_t t = 0; t < plan.tiles; t++) {
            int32_t start = tile_start(&plan, t), vectors = tile_start(&plan, t + 1) - start;
            int32_t first = start * isa->lanes, width = vectors * isa->lanes;
            for (int32_t at = 0; at < width && first + at < plan.columns; at++)
                pack_column(&plan, weights, group * plan.columns + first + at, (float *)tile, width,
                            at, isa);
            tile += (size_t)vectors * plan.vector_bytes;
        }
}

// ---- gathering
// -----------------------------------------------------------------------------------

// Short runs, whose length the compiler does not know: quicker than a call.
static inline void copy_run(uint8_t *to, const uint8_t *from, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        memcpy(to + i, from + i, 16);
    for (; i + 4 <= n; i += 4)
        memcpy(to + i, from + i, 4);
    for (; i < n; i++)
        to[i] = from[i];
}

// One filter row of one window: taps at x, x + dilation, ... of a picture's row, or NULL for a row
// outside.
static uint8_t *gather_taps(const struct word_plan *plan, const uint8_t *line, int32_t left,
                            uint8_t *to, int fill, size_t value)
{
    const struct kernel_conv_shape *s = plan->shape;
    size_t pixel = (size_t)s->in_c * value, run = (size_t)plan->group_in * value;
    if (line && s->dilation_w == 1 && plan->groups == 1 && left >= 0 && left + s->k_w <= s->in_w) {
        copy_run(to, line + (size_t)left * pixel, run * (size_t)s->k_w);
        return to + run * (size_t)s->k_w;
    }
    for (int32_t kx = 0; kx < s->k_w; kx++, to += run) {
        int32_t x = left + kx * s->dilation_w;
        if (!line || x < 0 || x >= s->in_w)
            memset(to, fill, run);
        else
            copy_run(to, line + (size_t)x * pixel, run);
    }
    return to;
}

static void gather_row(const struct word_plan *plan, const uint8_t *input, int32_t group,
                       int32_t row, int fill, uint8_t *panel, size_t value)
{
    const struct kernel_conv_shape *s = plan->shape;
    size_t line_bytes = (size_t)s->in_w * (size_t)s->in_c * value;
    int32_t line = row / s->out_w, top = line % s->out_h * s->stride_h - s->pad_top;
    int32_t left = row % s->out_w * s->stride_w - s->pad_left;
    const uint8_t *picture = input + (size_t)(line / s->out_h) * (size_t)s->in_h * line_bytes +
                             (size_t)(group * plan->group_in) * value;
    uint8_t *to = panel;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        int32_t y = top + ky * s->dilation_h;
        bool inside = y >= 0 && y < s->in_h;
        to = gather_taps(plan, inside ? picture + (size_t)y * line_bytes : NULL, left, to, fill,
                         value);
    }
    for (; to < panel + plan->row_bytes; to++)
        *to = 0;
}

// ---- running -----------------------------------------------------------------------------------

size_t word_scratch_size(const struct kernel_conv_shape *shape, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    if (plan.direct)
        return 0;
    return packing_round_up((size_t)plan.block_rows * plan.row_bytes + PANEL_SLACK, 64);
}

int32_t word_units(const struct kernel_conv_shape *shape, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    return plan.groups * (plan.blocks == 1 ? plan.tiles : plan.blocks);
}

static const uint8_t *rows_of(const struct word_plan *plan, const struct word_job *job,
                              int32_t group, int32_t first, int32_t count,
                              const struct word_isa *isa)
{
    size_t value = (size_t)isa->bytes;
    if (plan->direct)
        return (const uint8_t *)job->input + (size_t)first * plan->row_bytes +
               (size_t)(group * plan->group_in) * value;
    uint8_t *panel = job->scratch;
    for (int32_t i = 0; i < count; i++, panel += plan->row_bytes) {
        if (isa->bytes == 4) // constants, so that copies are of a known size
            gather_row(plan, job->input, group, first + i, 0, panel, 4);
        else
            gather_row(plan, job->input, group, first + i,
                       job->steps[(first + i) / plan->pixels].zero_point, panel, 1);
    }
    return job->scratch;
}

static void run_tiles(const struct word_plan *plan, const struct word_job *job, int32_t group,
                      int32_t block, int32_t first_tile, int32_t last_tile,
                      const struct word_isa *isa)
{
    int32_t first = block * plan->block_rows,
            count = packing_min(plan->block_rows, plan->rows - first);
    size_t stride = (size_t)plan->shape->out_c;
    struct word_task task = {
        .rows = rows_of(plan, job, group, first, count, isa),
        .row_bytes = plan->row_bytes,
        .count = count,
        .steps = plan->steps,
        .output_stride = stride,
        .low = job->range.low,
        .high = job->range.high,
        .pictures = isa->bytes == 1 ? job->steps + first / plan->pixels : NULL,
        .first = first % plan->pixels,
        .pixels = plan->pixels,
    };
    for (int32_t tile = first_tile; tile < last_tile; tile++) {
        int32_t start = tile_start(plan, tile), column = start * isa->lanes;
        task.vectors = tile_start(plan, tile + 1) - start;
        task.tile =
            (const uint8_t *)job->packed +
            ((size_t)group * (size_t)plan->column_vectors + (size_t)start) * plan->vector_bytes;
        task.output =
            job->output + (size_t)first * stride + (size_t)(group * plan->columns + column);
        task.columns = packing_min(task.vectors * isa->lanes, plan->columns - column);
        isa->multiply(&task);
    }
}

void word_run(const struct kernel_conv_shape *shape, const struct word_job *job, int32_t first,
              int32_t last, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    while (first < last) {
        if (plan.blocks > 1) {
            run_tiles(&plan, job, first / plan.blocks, first % plan.blocks, 0, plan.tiles, isa);
            first++;
            continue;
        }
        int32_t group = first / plan.tiles, tile = first % plan.tiles;
        int32_t end = packing_min(plan.tiles, tile + last - first);
        run_tiles(&plan, job, group, 0, tile, end, isa);
        first += end - tile;
    }
}
