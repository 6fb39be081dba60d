// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/gemm_plan.h"

#include <string.h>

#include "kernels/packing.h"
#include "kernels/x86/tame.h"

struct gemm_run {
    struct gemm_plan plan;
    const struct gemm_isa *isa;
    const uint8_t *packed;
    const int32_t *offsets;
    const int8_t *input;
    int8_t *output;
    uint8_t *panel;
    int32_t *terms;    // or NULL
    uint64_t gathered; // few rows: blocks that are in the panel
    int32_t group;     // of the rows that are there
};

// What legacy weights' zero point takes off every sum of a row.
static void row_terms(const struct gemm_run *run, const uint8_t *panel, int32_t count, int32_t *terms)
{
    const struct gemm_plan *plan = &run->plan;
    uint32_t factor = (uint32_t)-plan->shape->weight_zero_point;
    for (int32_t row = 0; row < count; row++, panel += plan->row_bytes) {
        uint32_t sum = 0;
        for (int32_t line = 0; line < plan->lines; line++)
            sum += (uint32_t)run->isa->sum(panel + (size_t)line * plan->line_bytes, plan->line_depth);
        terms[row] = (int32_t)(sum * factor);
    }
}

// Output lines with the same lines of their windows inside the picture, a part of their columns, or a run of rows.
struct piece {
    const uint8_t *panel; // at the first row's first quad
    const int32_t *terms;
    int32_t pixel, bands, rows;
    int32_t first_line, lines;       // of the window
    int32_t first_quad, quads;       // of each of its lines
    size_t row_bytes;                // from row to row in the panel
    int32_t row_pixels, band_pixels; // from row to row and band to band in the output
};

static void run_tile(struct gemm_run *run, const struct piece *piece, int32_t group, int32_t tile)
{
    const struct gemm_plan *plan = &run->plan;
    const struct kernel_conv_shape *shape = plan->shape;
    int32_t start = gemm_tile_start(plan, tile), vectors = gemm_tile_start(plan, tile + 1) - start;
    int32_t column = start * run->isa->lanes;
    size_t vector = (size_t)group * (size_t)plan->column_vectors + (size_t)start;
    size_t stride = (size_t)shape->out_c;
    struct gemm_task task = {
        .panel = piece->panel + (size_t)piece->first_line * plan->line_bytes,
        .row_bytes = piece->row_bytes,
        .line_bytes = plan->line_bytes,
        .bands = piece->bands,
        .band_bytes = plan->band_bytes,
        .band_output = (size_t)piece->band_pixels * stride,
        .rows = piece->rows,
        .lines = piece->lines,
        .quads = piece->quads,
        .rest = plan->rest,
        .offsets = run->offsets,
        .skipped = (size_t)(piece->first_line * plan->quads + piece->first_quad) * 4,
        .line_gap = (size_t)(plan->quads - piece->quads) * 4,
        .row_terms = piece->terms,
        .tile = run->packed + vector * plan->column_bytes,
        .vectors = vectors,
        .output = run->output + (size_t)piece->pixel * stride + (size_t)(group * plan->columns + column),
        .output_stride = (size_t)piece->row_pixels * stride,
        .columns = packing_min(vectors * run->isa->lanes, plan->columns - column),
        .zero_point = shape->output_zero_point,
        .act_min = shape->act_min,
        .act_max = shape->act_max,
    };
    run->isa->multiply(&task);
}

// ---- rows --------------------------------------------------------------------------------------

static void gather_rows(struct gemm_run *run, int32_t group, int32_t first, int32_t count, int32_t at)
{
    const struct gemm_plan *plan = &run->plan;
    uint8_t *panel = run->panel + (size_t)at * plan->row_bytes;
    run->isa->gather(plan, run->input, group, first, count, panel);
    if (run->terms)
        row_terms(run, panel, count, run->terms + at);
}

static struct piece piece_of_rows(const struct gemm_run *run, int32_t first, int32_t count, int32_t at)
{
    return (struct piece){
        .panel = run->panel + (size_t)at * run->plan.row_bytes,
        .terms = run->terms ? run->terms + at : NULL,
        .pixel = first,
        .bands = 1,
        .rows = count,
        .lines = 1,
        .quads = run->plan.quads,
        .row_bytes = run->plan.row_bytes,
        .row_pixels = 1,
        .band_pixels = count,
    };
}

// Few rows: the blocks [first, last) that the panel lacks. What gather() writes too much may be the begin of
// a block that is there.
static void need_blocks(struct gemm_run *run, int32_t group, int32_t first, int32_t last)
{
    const struct gemm_plan *plan = &run->plan;
    if (run->group != group)
        run->gathered = 0;
    run->group = group;
    for (int32_t block = first, end; block < last; block = end) {
        end = block + 1;
        if (run->gathered >> block & 1)
            continue;
        for (; end < last && !(run->gathered >> end & 1);)
            end++;
        int32_t row = gemm_block_start(plan, block), count = gemm_block_start(plan, end) - row;
        uint8_t behind[GEMM_SPILL], *spill = run->panel + (size_t)(row + count) * plan->row_bytes;
        if (end < plan->blocks)
            memcpy(behind, spill, sizeof behind);
        gather_rows(run, group, row, count, row);
        if (end < plan->blocks)
            memcpy(spill, behind, sizeof behind);
        for (; block < end; block++)
            run->gathered |= UINT64_C(1) << block;
    }
}

// Units [first, last) are (group, tile, block), block fastest; all blocks of a tile that are wanted at once.
static void run_few(struct gemm_run *run, int32_t first, int32_t last)
{
    const struct gemm_plan *plan = &run->plan;
    int32_t block = first % plan->blocks, tile = first / plan->blocks, group = tile / plan->tiles;
    tile %= plan->tiles;
    for (int32_t unit = first, count; unit < last; unit += count, block = 0) {
        count = packing_min(plan->blocks - block, last - unit);
        int32_t row = gemm_block_start(plan, block), end = gemm_block_start(plan, block + count);
        need_blocks(run, group, block, block + count);
        struct piece piece = piece_of_rows(run, row, end - row, row);
        run_tile(run, &piece, group, tile);
        if (++tile == plan->tiles)
            tile = 0, group++;
    }
}

static void run_many(struct gemm_run *run, int32_t first, int32_t last)
{
    const struct gemm_plan *plan = &run->plan;
    for (int32_t unit = first; unit < last; unit++) {
        int32_t block = unit % plan->blocks, group = unit / plan->blocks;
        int32_t row = gemm_block_start(plan, block), count = gemm_block_start(plan, block + 1) - row;
        gather_rows(run, group, row, count, 0);
        struct piece piece = piece_of_rows(run, row, count, 0);
        for (int32_t tile = 0; tile < plan->tiles; tile++)
            run_tile(run, &piece, group, tile);
    }
}

// ---- lines -------------------------------------------------------------------------------------

// Which lines of output line oy's window lie inside the picture.
static void window_inside(const struct gemm_plan *plan, int32_t oy, int32_t *first, int32_t *count)
{
    const struct kernel_conv_shape *s = plan->shape;
    int32_t top = oy * s->stride_h - s->pad_top, begin = 0, end = s->k_h;
    while (plan->padding_is_zero && begin < end && top + begin * s->dilation_h < 0)
        begin++;
    while (plan->padding_is_zero && begin < end && top + (end - 1) * s->dilation_h >= s->in_h)
        end--;
    *first = begin;
    *count = end - begin;
}

// How many of `count` output lines from oy on have the same lines of their windows inside. Those at the top and
// bottom differ from line to line, those between have all.
static int32_t lines_alike(const struct gemm_plan *plan, int32_t oy, int32_t count, bool whole)
{
    const struct kernel_conv_shape *s = plan->shape;
    if (!plan->padding_is_zero)
        return count;
    int32_t bottom = oy * s->stride_h - s->pad_top + (s->k_h - 1) * s->dilation_h;
    return whole ? packing_min(count, (s->in_h - 1 - bottom) / s->stride_h + 1) : 1;
}

// How many taps of column ox's windows lie left and right of the picture.
static int32_t taps_left(const struct kernel_conv_shape *s, int32_t ox)
{
    return packing_min(s->k_w, packing_max(0, s->pad_left - ox * s->stride_w));
}

static int32_t taps_right(const struct kernel_conv_shape *s, int32_t ox)
{
    return packing_min(s->k_w, packing_max(0, ox * s->stride_w - s->pad_left + s->k_w - s->in_w));
}

// Column ox of the piece's lines: from line to line as others go from row to row.
static void run_column(struct gemm_run *run, const struct piece *lines, int32_t ox, int32_t tile)
{
    const struct kernel_conv_shape *s = run->plan.shape;
    int32_t tap_bytes = s->in_c * run->isa->bytes, left = taps_left(s, ox);
    int32_t taps = packing_max(0, s->k_w - left - taps_right(s, ox));
    struct piece column = *lines;
    column.panel += (size_t)ox * run->plan.row_bytes + (size_t)(left * tap_bytes);
    column.pixel += ox;
    column.first_quad = left * tap_bytes / 4;
    column.quads = taps * tap_bytes / 4;
    column.row_bytes = run->plan.band_bytes;
    column.row_pixels = s->out_w;
    column.rows = lines->bands;
    column.bands = 1;
    run_tile(run, &column, 0, tile);
}

// Lines whose windows have all their lines inside: what sticks out left and right is padding that adds nothing.
static void run_inside(struct gemm_run *run, const struct piece *lines, int32_t tile)
{
    const struct kernel_conv_shape *s = run->plan.shape;
    int32_t from = 0, to = s->out_w;
    struct piece middle = *lines;
    for (; from < to && taps_left(s, from) > 0; from++)
        run_column(run, lines, from, tile);
    for (; to > from && taps_right(s, to - 1) > 0; to--)
        run_column(run, lines, to - 1, tile);
    middle.panel += (size_t)from * run->plan.row_bytes;
    middle.pixel += from;
    middle.rows = to - from;
    if (middle.rows > 0)
        run_tile(run, &middle, 0, tile);
}

// `count` output lines of one picture from oy on: tiles outside, so that a tile's weights serve all of them.
static void run_panel(struct gemm_run *run, int32_t batch, int32_t oy, int32_t count)
{
    const struct gemm_plan *plan = &run->plan;
    const struct kernel_conv_shape *s = plan->shape;
    int32_t needed = (count - 1) * s->stride_h + (s->k_h - 1) * s->dilation_h + 1;
    run->isa->gather_lines(plan, run->input, batch, oy * s->stride_h - s->pad_top, needed, run->panel);
    for (int32_t i = 0; run->terms && i < count; i++)
        row_terms(run, run->panel + (size_t)i * plan->band_bytes, s->out_w, run->terms + i * s->out_w);
    for (int32_t tile = 0; tile < plan->tiles; tile++) {
        for (int32_t i = 0, bands; i < count; i += bands) {
            struct piece piece = {
                .panel = run->panel + (size_t)i * plan->band_bytes,
                .terms = run->terms ? run->terms + i * s->out_w : NULL,
                .pixel = (batch * s->out_h + oy + i) * s->out_w,
                .rows = s->out_w,
                .quads = plan->quads,
                .row_bytes = plan->row_bytes,
                .row_pixels = 1,
                .band_pixels = s->out_w,
            };
            window_inside(plan, oy + i, &piece.first_line, &piece.lines);
            bands = piece.bands = lines_alike(plan, oy + i, count - i, piece.lines == s->k_h);
            if (plan->long_sums && bands >= GEMM_UNIT_ROWS && piece.lines == s->k_h)
                run_inside(run, &piece, tile);
            else
                run_tile(run, &piece, 0, tile);
        }
    }
}

// Units [first, last) are (picture, block of lines).
static void run_lines(struct gemm_run *run, int32_t first, int32_t last)
{
    const struct gemm_plan *plan = &run->plan;
    const struct kernel_conv_shape *s = plan->shape;
    int32_t blocks = plan->blocks / s->batch, most = plan->panel_lines / plan->block_lines;
    for (int32_t unit = first, count; unit < last; unit += count) {
        int32_t block = unit % blocks, oy = block * plan->block_lines;
        count = packing_min(packing_min(blocks - block, last - unit), most);
        run_panel(run, unit / blocks, oy, packing_min(count * plan->block_lines, s->out_h - oy));
    }
}

void gemm_run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
              int8_t *output, void *scratch, int32_t first, int32_t last, const struct gemm_isa *isa)
{
    const struct tame_head *head = packed;
    if (!head->tame) {
        tame_run_c(shape, packed, input, output, first, last, gemm_units(shape, isa));
        return;
    }
    const uint8_t *at = (const uint8_t *)(head + 1);
    struct gemm_run run = {.plan = *(const struct gemm_plan *)at, .isa = isa, .input = input,
                           .output = output, .panel = scratch, .group = -1};
    run.offsets = (const int32_t *)(at + GEMM_PLAN_BYTES);
    run.packed = at + GEMM_PLAN_BYTES + gemm_offsets_bytes(&run.plan);
    run.plan.shape = shape;
    if (run.plan.rows != shape->batch * shape->out_h * shape->out_w) // a band of the picture
        run.plan = gemm_plan_of(shape, isa);
    if (shape->weight_zero_point && isa->bytes == 1)
        run.terms = (int32_t *)(run.panel + run.plan.panel_bytes);
    switch (run.plan.way) {
    case GEMM_FEW_ROWS: run_few(&run, first, last); break;
    case GEMM_MANY_ROWS: run_many(&run, first, last); break;
    case GEMM_LINES: run_lines(&run, first, last); break;
    }
}
