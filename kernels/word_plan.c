// SPDX-License-Identifier: Apache-2.0

#include "kernels/word_plan.h"

#include <string.h>

#include "kernels/packing.h"
#include "kernels/word_gather.h"

enum {
    PANEL_BYTES = 48 << 10, // of one block: stays in L2 beside the weights of a tile
    ROWS_MOST = 96,
    PANEL_SLACK = 64, // what a vector may read past a row
    LINE_ROWS = 5,    // outputs narrower than this are gathered: too few rows for a tile
    PART_STEPS = 255, // 16x8: so many products of pairs fit int32, even of -32768 and -128
};

enum word_source { WORD_DIRECT, WORD_BY_LINES, WORD_GATHERED };

struct word_plan {
    const struct kernel_conv_shape *shape;
    enum word_source source;
    int32_t rows, depth, columns, groups;
    int32_t pixels;                // rows of one picture
    int32_t group_in;              // input channels of one group
    int32_t lines, steps;          // of a row; of a line
    size_t row_bytes;              // from one row to the next
    int32_t column_vectors, tiles; // of one group
    size_t vector_bytes;           // of packed weights, head included
    int32_t block_rows, blocks;
    // by lines
    int32_t block_lines, picture_blocks; // output lines of a block, blocks of a picture
    bool copied;                         // lines are read from scratch
    size_t span_bytes, line_bytes;       // what one output line reads of an input line; rounded up
    // of scratch
    size_t panel_bytes, sums_bytes;
};

static int32_t head_words(const struct word_isa *isa)
{
    return isa->bytes == 4 ? 1 : isa->bytes == 2 ? 0 : 3;
}

// Every output pixel reads one input pixel, the next one the next: rows lie in the input as they
// are wanted.
static bool is_direct(const struct kernel_conv_shape *s, const struct word_isa *isa)
{
    return s->k_h == 1 && s->k_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->out_h == s->in_h && s->out_w == s->in_w &&
           s->in_c / s->groups * isa->bytes % 4 == 0;
}

static enum word_source source_of(const struct kernel_conv_shape *s, const struct word_isa *isa)
{
    if (is_direct(s, isa))
        return WORD_DIRECT;
    bool lines = s->groups == 1 && s->dilation_w == 1 && s->dilation_h == 1 &&
                 s->k_h <= WORD_LINES && s->out_w >= LINE_ROWS;
    return lines ? WORD_BY_LINES : WORD_GATHERED;
}

// Blocks of rows: multiples of the height, about equal.
static void cut_rows(struct word_plan *plan, const struct word_isa *isa)
{
    int32_t fit = (int32_t)(PANEL_BYTES / ((size_t)plan->steps * 4));
    int32_t most =
        packing_max(isa->height, packing_min(ROWS_MOST, fit) / isa->height * isa->height);
    int32_t blocks = packing_divide_up(plan->rows, most);
    plan->block_rows =
        packing_divide_up(packing_divide_up(plan->rows, blocks), isa->height) * isa->height;
    plan->blocks = packing_divide_up(plan->rows, plan->block_rows);
    if (plan->source == WORD_GATHERED)
        plan->panel_bytes =
            packing_round_up((size_t)plan->block_rows * plan->row_bytes + PANEL_SLACK, 64);
}

// Blocks of whole output lines of one picture.
static void cut_lines(struct word_plan *plan, const struct word_isa *isa)
{
    const struct kernel_conv_shape *s = plan->shape;
    size_t pixel = (size_t)s->in_c * (size_t)isa->bytes;
    int32_t span = (s->out_w - 1) * s->stride_w + s->k_w;
    int32_t reach = (s->out_h - 1) * s->stride_h + s->k_h - s->pad_top;
    plan->copied = s->pad_left > 0 || span > s->in_w || (size_t)s->k_w * pixel % 4 != 0;
    bool beyond = s->pad_top > 0 || reach > s->in_h;
    plan->span_bytes = (size_t)span * pixel;
    plan->line_bytes = packing_round_up(plan->span_bytes + 4, 64);

    int32_t most = packing_max(1, ROWS_MOST / s->out_w);
    int32_t fit =
        (int32_t)((PANEL_BYTES / plan->line_bytes + (size_t)s->stride_h) / (size_t)s->stride_h);
    if (plan->copied)
        most = packing_max(1, packing_min(most, fit - s->k_h / s->stride_h));
    plan->picture_blocks = packing_divide_up(s->out_h, most);
    plan->block_lines = packing_divide_up(s->out_h, plan->picture_blocks);
    plan->picture_blocks = packing_divide_up(s->out_h, plan->block_lines);
    plan->block_rows = plan->block_lines * s->out_w;
    plan->blocks = plan->picture_blocks * s->batch;
    int32_t in_lines = (plan->block_lines - 1) * s->stride_h + s->k_h;
    plan->panel_bytes =
        plan->line_bytes * (size_t)((beyond ? 1 : 0) + (plan->copied ? in_lines : 0));
}

static struct word_plan plan_of(const struct kernel_conv_shape *shape, const struct word_isa *isa)
{
    struct word_plan plan = {
        .shape = shape, .groups = shape->groups, .source = source_of(shape, isa)};
    plan.group_in = shape->in_c / plan.groups;
    plan.pixels = shape->out_h * shape->out_w;
    plan.rows = shape->batch * plan.pixels;
    plan.depth = shape->k_h * shape->k_w * plan.group_in;
    plan.columns = shape->out_c / plan.groups;
    plan.lines = plan.source == WORD_BY_LINES ? shape->k_h : 1;
    plan.steps = packing_divide_up(plan.depth / plan.lines * isa->bytes, 4);
    size_t pixel = (size_t)shape->in_c * (size_t)isa->bytes;
    plan.row_bytes = plan.source == WORD_DIRECT     ? pixel
                     : plan.source == WORD_BY_LINES ? pixel * (size_t)shape->stride_w
                                                    : (size_t)plan.steps * 4;
    plan.column_vectors = packing_divide_up(plan.columns, isa->lanes);
    plan.tiles = packing_divide_up(plan.column_vectors, isa->vectors);
    plan.vector_bytes =
        (size_t)isa->lanes * 4 * (size_t)(head_words(isa) + plan.lines * plan.steps);
    if (plan.source == WORD_BY_LINES)
        cut_lines(&plan, isa);
    else
        cut_rows(&plan, isa);
    if (isa->bytes == 2)
        plan.sums_bytes =
            (size_t)plan.block_rows * (size_t)(isa->vectors * isa->lanes) * sizeof(int64_t);
    return plan;
}

// Packed are the plan, in whole cache lines, and the tiles.
enum { PLAN_BYTES = (sizeof(struct word_plan) + 63) / 64 * 64 };

static struct word_plan plan_packed(const struct kernel_conv_shape *shape, const void *packed,
                                    const struct word_isa *isa)
{
    struct word_plan plan;
    memcpy(&plan, packed, sizeof plan);
    plan.shape = shape;
    if (plan.rows != shape->batch * shape->out_h * shape->out_w) // a part of what was packed for
        return plan_of(shape, isa);
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
    return PLAN_BYTES + (size_t)plan.groups * (size_t)plan.column_vectors * plan.vector_bytes;
}

// Value k of a column's words, as wide as the input's values.
static void put_weight(const struct word_weights *weights, size_t from, uint8_t *to, int32_t bytes)
{
    if (bytes == 4) {
        memcpy(to, (const float *)weights->weights + from, 4);
        return;
    }
    int16_t wide = ((const int8_t *)weights->weights)[from];
    if (bytes == 2)
        memcpy(to, &wide, 2);
    else
        *to = (uint8_t)wide;
}

// Column `at` of a tile of `width`; `filter` has plan->depth weights.
static void pack_column(const struct word_plan *plan, const struct word_weights *weights,
                        int32_t channel, float *tile, int32_t width, int32_t at,
                        const struct word_isa *isa)
{
    uint8_t *body = (uint8_t *)(tile + head_words(isa) * width + at);
    int32_t sum = 0, in_line = plan->depth / plan->lines;
    for (int32_t k = 0; k < plan->depth; k++) {
        size_t from = (size_t)channel * (size_t)plan->depth + (size_t)k;
        size_t byte = (size_t)(k / in_line) * (size_t)plan->steps * 4 +
                      (size_t)(k % in_line) * (size_t)isa->bytes;
        put_weight(weights, from, body + byte / 4 * (size_t)width * 4 + byte % 4, isa->bytes);
        if (isa->bytes == 1)
            sum += ((const int8_t *)weights->weights)[from];
    }
    if (head_words(isa) > 0)
        tile[at] = weights->bias ? weights->bias[channel] : 0;
    if (isa->bytes == 1) {
        tile[width + at] = weights->scale[channel];
        memcpy(&tile[2 * width + at], &sum, sizeof sum);
    }
}

void word_pack(const struct kernel_conv_shape *shape, const struct word_weights *weights,
               void *packed, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    uint8_t *tile = (uint8_t *)packed + PLAN_BYTES;
    memset(packed, 0, word_packed_size(shape, isa));
    memcpy(packed, &plan, sizeof plan);
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

// ---- reading the input -------------------------------------------------------------------------

static int fill_of(const struct word_job *job, int32_t picture, const struct word_isa *isa)
{
    return isa->bytes == 1 ? job->steps[picture].zero_point : 0;
}

static const uint8_t *gather(const struct word_plan *plan, const struct word_job *job,
                             int32_t group, int32_t first, int32_t count,
                             const struct word_isa *isa)
{
    const struct kernel_conv_shape *s = plan->shape;
    size_t bytes = plan->row_bytes;
    uint8_t *to = job->scratch;
    for (int32_t row = first; row < first + count; row++, to += bytes) {
        int fill = fill_of(job, row / plan->pixels, isa);
        if (isa->bytes == 4) // constants, so that copies are of a known size
            word_gather_row(s, job->input, group, row, fill, to, bytes, 4);
        else if (isa->bytes == 2)
            word_gather_row(s, job->input, group, row, fill, to, bytes, 2);
        else
            word_gather_row(s, job->input, group, row, fill, to, bytes, 1);
    }
    return job->scratch;
}

// Where the lines of a block of output lines are read from.
struct line_source {
    const uint8_t *outside; // a line of padding
    const uint8_t *at;      // line 0 of the picture, in the input or as if it were in scratch
    size_t next;            // bytes to the next one
};

// Output lines [first, last) of a picture: copies with padding what needs it.
static struct line_source find_lines(const struct word_plan *plan, const struct word_job *job,
                                     int32_t picture, int32_t first, int32_t last,
                                     const struct word_isa *isa)
{
    const struct kernel_conv_shape *s = plan->shape;
    size_t value = (size_t)isa->bytes, in_line = (size_t)s->in_w * (size_t)s->in_c * value;
    const uint8_t *input =
        (const uint8_t *)job->input + (size_t)picture * (size_t)s->in_h * in_line;
    uint8_t *scratch = job->scratch;
    int fill = fill_of(job, picture, isa);
    int32_t top = first * s->stride_h - s->pad_top,
            bottom = (last - 1) * s->stride_h - s->pad_top + s->k_h;
    struct line_source source = {NULL, input, in_line};
    if (s->pad_top > 0 || (s->out_h - 1) * s->stride_h - s->pad_top + s->k_h > s->in_h) {
        if (top < 0 || bottom > s->in_h)
            word_copy_line(s, NULL, fill, scratch, plan->line_bytes, value);
        source.outside = scratch;
        scratch += plan->line_bytes;
    }
    if (!plan->copied)
        return source;
    top = packing_max(top, 0);
    for (int32_t y = top; y < packing_min(bottom, s->in_h); y++) {
        uint8_t *to = scratch + (size_t)(y - top) * plan->line_bytes;
        word_copy_line(s, input + (size_t)y * in_line, fill, to, plan->line_bytes, value);
    }
    source.at = scratch - (size_t)top * plan->line_bytes;
    source.next = plan->line_bytes;
    return source;
}

// ---- running -----------------------------------------------------------------------------------

size_t word_scratch_size(const struct kernel_conv_shape *shape, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    return plan.panel_bytes + plan.sums_bytes;
}

int32_t word_units(const struct kernel_conv_shape *shape, const struct word_isa *isa)
{
    struct word_plan plan = plan_of(shape, isa);
    return plan.groups * plan.blocks * plan.tiles;
}

// 16x8: int32 sums of as many steps as fit, added up in int64.
static void multiply_in_parts(const struct word_task *whole, const struct word_isa *isa)
{
    struct word_task part = *whole;
    size_t step_bytes = (size_t)(whole->vectors * isa->lanes) * 4;
    int32_t lines = packing_max(1, PART_STEPS / whole->steps);
    for (int32_t line = 0; line < whole->line_count; line += lines)
        for (int32_t step = 0; step < whole->steps; step += PART_STEPS) {
            part.line_count = packing_min(lines, whole->line_count - line);
            part.steps = packing_min(PART_STEPS, whole->steps - step);
            for (int32_t i = 0; i < part.line_count; i++)
                part.lines[i] = whole->lines[line + i] + (size_t)step * 4;
            part.tile = whole->tile + (size_t)(line * whole->steps + step) * step_bytes;
            part.more = line > 0 || step > 0;
            isa->multiply(&part);
        }
}

// The task's rows times one tile, to columns from `column` on of row `first`.
static void run_tile(const struct word_plan *plan, const struct word_job *job, int32_t tile,
                     int32_t group, int32_t first, struct word_task *task,
                     const struct word_isa *isa)
{
    size_t stride = (size_t)plan->shape->out_c;
    int32_t start = tile_start(plan, tile), column = start * isa->lanes;
    int32_t channel = group * plan->columns + column;
    task->vectors = tile_start(plan, tile + 1) - start;
    task->tile =
        (const uint8_t *)job->packed + PLAN_BYTES +
        ((size_t)group * (size_t)plan->column_vectors + (size_t)start) * plan->vector_bytes;
    task->columns = packing_min(task->vectors * isa->lanes, plan->columns - column);
    size_t at = (size_t)first * stride + (size_t)channel;
    if (isa->bytes != 2) {
        task->output = (float *)job->output + at;
        task->output_stride = stride;
        isa->multiply(task);
        return;
    }
    task->output = (uint8_t *)job->scratch + plan->panel_bytes;
    task->output_stride = (size_t)(task->vectors * isa->lanes);
    multiply_in_parts(task, isa);
    job->rounding.run(job->rounding.params, task->output, task->output_stride, task->count, channel,
                      task->columns, (int16_t *)job->output + at, stride);
}

static void run_rows(const struct word_plan *plan, const struct word_job *job, int32_t group,
                     int32_t block, int32_t first_tile, int32_t last_tile,
                     const struct word_isa *isa)
{
    int32_t first = block * plan->block_rows,
            count = packing_min(plan->block_rows, plan->rows - first);
    const uint8_t *rows = plan->source == WORD_DIRECT
                              ? (const uint8_t *)job->input + (size_t)first * plan->row_bytes +
                                    (size_t)(group * plan->group_in) * (size_t)isa->bytes
                              : gather(plan, job, group, first, count, isa);
    struct word_task task = {
        .lines = {rows},
        .line_count = 1,
        .steps = plan->steps,
        .row_bytes = plan->row_bytes,
        .count = count,
        .low = job->range.low,
        .high = job->range.high,
        .pictures = isa->bytes == 1 ? job->steps + first / plan->pixels : NULL,
        .first = first % plan->pixels,
        .pixels = plan->pixels,
    };
    for (int32_t tile = first_tile; tile < last_tile; tile++)
        run_tile(plan, job, tile, group, first, &task, isa);
}

static void run_lines(const struct word_plan *plan, const struct word_job *job, int32_t block,
                      int32_t first_tile, int32_t last_tile, const struct word_isa *isa)
{
    const struct kernel_conv_shape *s = plan->shape;
    int32_t picture = block / plan->picture_blocks;
    int32_t first = block % plan->picture_blocks * plan->block_lines,
            last = packing_min(s->out_h, first + plan->block_lines);
    struct line_source source = find_lines(plan, job, picture, first, last, isa);
    struct word_task task = {
        .line_count = plan->lines,
        .steps = plan->steps,
        .row_bytes = plan->row_bytes,
        .count = s->out_w,
        .low = job->range.low,
        .high = job->range.high,
        .pictures = isa->bytes == 1 ? job->steps + picture : NULL,
        .pixels = plan->pixels,
    };
    for (int32_t tile = first_tile; tile < last_tile; tile++)
        for (int32_t line = first; line < last; line++) {
            for (int32_t ky = 0; ky < plan->lines; ky++) {
                int32_t y = line * s->stride_h - s->pad_top + ky;
                task.lines[ky] =
                    y < 0 || y >= s->in_h ? source.outside : source.at + (size_t)y * source.next;
            }
            run_tile(plan, job, tile, 0, (picture * s->out_h + line) * s->out_w, &task, isa);
        }
}

static void run_block(const struct word_plan *plan, const struct word_job *job, int32_t group,
                      int32_t block, int32_t first_tile, int32_t last_tile,
                      const struct word_isa *isa)
{
    if (plan->source == WORD_BY_LINES)
        run_lines(plan, job, block, first_tile, last_tile, isa);
    else
        run_rows(plan, job, group, block, first_tile, last_tile, isa);
}

void word_run(const struct kernel_conv_shape *shape, const struct word_job *job, int32_t first,
              int32_t last, const struct word_isa *isa)
{
    struct word_plan plan = plan_packed(shape, job->packed, isa);
    while (first < last) {
        int32_t block = first / plan.tiles, tile = first % plan.tiles;
        int32_t end = packing_min(plan.tiles, tile + last - first);
        run_block(&plan, job, block / plan.blocks, block % plan.blocks, tile, end, isa);
        first += end - tile;
    }
}
