// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/gemm_plan.h"

#include <string.h>

#include "kernels/packing.h"
#include "kernels/x86/tame.h"

enum {
    PANEL_SLACK = 128,
    PANEL_FEW_ROWS = 128 << 10, // bytes: half of a small L2
    PANEL_BLOCK = 20 << 10,     // bytes: most of a 32 KiB L1
    ROWS_STEP = 24,             // a multiple of every tile's height
    ROWS_MOST = 192,
    LINES_OUT_W = 8,            // below, tiles would rarely be full
    UNITS_WANTED = 16,          // so that several threads end at about the same time
};

bool gemm_accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_CONV || shape->in_c == 1;
}

// How the rows are cut when each lies in the panel as one piece.
static void plan_rows(struct gemm_plan *plan)
{
    plan->lines = 1;
    plan->line_depth = plan->depth;
    plan->row_bytes = (size_t)plan->quads * 4;
    size_t panel = (size_t)plan->rows * plan->row_bytes;
    bool few = panel <= PANEL_FEW_ROWS && plan->rows <= ROWS_STEP / 2 * GEMM_BLOCKS_MAX;
    int32_t rows = ROWS_STEP;
    if (few && plan->rows / rows * plan->tiles * plan->groups < UNITS_WANTED)
        rows = ROWS_STEP / 2;
    if (!few)
        rows = packing_min(ROWS_MOST, packing_max(ROWS_STEP, (int32_t)(PANEL_BLOCK / plan->row_bytes) /
                                                                 ROWS_STEP * ROWS_STEP));
    plan->way = few ? GEMM_FEW_ROWS : GEMM_MANY_ROWS;
    plan->blocks = packing_max(1, plan->rows / rows);
    plan->panel_rows = (few ? plan->rows : packing_divide_up(plan->rows, plan->blocks)) + ROWS_STEP / 4;
    plan->panel_bytes =
        packing_round_up((size_t)plan->panel_rows * plan->row_bytes + PANEL_SLACK, 64);
}

// Lines save about four steps of the inner loop for each line of a window, and cost those on the bytes by
// which a window's line is longer than its values.
static bool wants_lines(const struct gemm_plan *plan, const struct gemm_isa *isa)
{
    const struct kernel_conv_shape *s = plan->shape;
    if (s->k_w == 1 || s->dilation_w != 1 || plan->groups != 1 || s->out_w < LINES_OUT_W)
        return false;
    int32_t quads = packing_divide_up(s->k_w * s->in_c * isa->bytes, 4);
    size_t width = (size_t)(s->out_w - 1) * (size_t)s->stride_w + (size_t)s->k_w;
    size_t reach = (size_t)(s->k_h - 1) * (size_t)s->dilation_h + 1;
    return (int64_t)(quads * s->k_h - plan->quads) * plan->column_vectors <= 4 * s->k_h &&
           reach * width * (size_t)(s->in_c * isa->bytes) <= PANEL_FEW_ROWS;
}

static void plan_lines(struct gemm_plan *plan, const struct gemm_isa *isa)
{
    const struct kernel_conv_shape *s = plan->shape;
    size_t pixel = (size_t)s->in_c * (size_t)isa->bytes;
    size_t width = (size_t)(s->out_w - 1) * (size_t)s->stride_w + (size_t)s->k_w;
    size_t pitch = packing_round_up(width * pixel, 4);
    int32_t reach = (s->k_h - 1) * s->dilation_h + 1;
    plan->way = GEMM_LINES;
    plan->lines = s->k_h;
    plan->line_depth = s->k_w * s->in_c;
    plan->quads = packing_divide_up(plan->line_depth * isa->bytes, 4);
    plan->row_bytes = (size_t)s->stride_w * pixel;
    plan->line_bytes = pitch * (size_t)s->dilation_h;
    plan->band_bytes = pitch * (size_t)s->stride_h;
    int32_t fit = packing_max(1, ((int32_t)(PANEL_BLOCK / pitch) - reach) / s->stride_h + 1);
    int32_t share = packing_divide_up(s->batch * s->out_h, UNITS_WANTED);
    plan->block_lines = packing_min(packing_min(fit, share), s->out_h);
    plan->blocks = s->batch * packing_divide_up(s->out_h, plan->block_lines);
    plan->panel_lines = packing_min(fit, s->out_h + plan->block_lines - 1) / plan->block_lines * plan->block_lines;
    plan->panel_rows = plan->panel_lines * s->out_w;
    size_t lines = (size_t)((plan->panel_lines - 1) * s->stride_h + reach);
    plan->panel_bytes = packing_round_up(lines * pitch + 4 * plan->row_bytes + PANEL_SLACK, 64);
}

static struct gemm_plan plan_of(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = {.shape = shape};
    plan.padding_is_zero = isa->bytes == 2 || shape->input_zero_point == -128;
    plan.groups = shape->kind == KERNEL_CONV ? shape->groups : 1;
    plan.group_in = shape->in_c / plan.groups;
    plan.rows = shape->batch * shape->out_h * shape->out_w;
    plan.columns = shape->out_c / plan.groups;
    plan.depth = shape->k_h * shape->k_w * plan.group_in;
    plan.quads = packing_divide_up(plan.depth * isa->bytes, 4);
    plan.column_vectors = packing_divide_up(plan.columns, isa->lanes);
    plan.tile_vectors = isa->vectors;
    plan.tiles = packing_divide_up(plan.column_vectors, isa->vectors);
    if (wants_lines(&plan, isa))
        plan_lines(&plan, isa);
    else
        plan_rows(&plan);
    plan.column_bytes = (size_t)isa->lanes * (8 + (size_t)plan.lines * (size_t)plan.quads * 4);
    return plan;
}

// Blocks differ by a few rows, so that none is a left-over; all but the last hold whole tiles.
static int32_t block_start(const struct gemm_plan *plan, int32_t block)
{
    enum { STEP = ROWS_STEP / 4 };
    if (block == plan->blocks)
        return plan->rows;
    return (int32_t)((int64_t)plan->rows * block / plan->blocks) / STEP * STEP;
}

// The first vector of a tile: all but the last are as wide as can be.
static int32_t tile_start(const struct gemm_plan *plan, int32_t tile)
{
    return packing_min(tile * plan->tile_vectors, plan->column_vectors);
}

enum { PLAN_BYTES = (sizeof(struct gemm_plan) + 63) / 64 * 64 }; // in front of the tiles

// Where in the panel a row's quads lie, after the plan.
static size_t offsets_bytes(const struct gemm_plan *plan)
{
    return packing_round_up((size_t)(plan->lines * plan->quads) * sizeof(int32_t), 64);
}

static size_t tiles_bytes(const struct gemm_plan *plan)
{
    return (size_t)plan->groups * (size_t)plan->column_vectors * plan->column_bytes;
}

size_t gemm_packed_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = plan_of(shape, isa);
    return tame_packed_size(shape, PLAN_BYTES + offsets_bytes(&plan) + tiles_bytes(&plan));
}

// ---- packing -----------------------------------------------------------------------------------

// Where the weights of one output channel lie.
struct filter {
    const int8_t *weights;
    size_t step;
};

static struct filter filter_of(const struct gemm_plan *plan, const int8_t *weights, int32_t channel)
{
    if (plan->shape->kind == KERNEL_CONV)
        return (struct filter){weights + (size_t)channel * (size_t)plan->depth, 1};
    return (struct filter){weights + channel, (size_t)plan->shape->out_c};
}

// bias - (128 + input_zero_point) * sum(w - weight_zero_point) where the panel holds x + 128, modulo 2^32.
static int32_t filter_init(const struct gemm_plan *plan, const struct filter *filter, int32_t bias,
                           const struct gemm_isa *isa)
{
    if (isa->bytes == 2)
        return bias;
    uint32_t sum = 0;
    for (int32_t k = 0; k < plan->depth; k++)
        sum += (uint32_t)(filter->weights[(size_t)k * filter->step] - plan->shape->weight_zero_point);
    return (int32_t)((uint32_t)bias - (uint32_t)(128 + plan->shape->input_zero_point) * sum);
}

static void pack_column(const struct gemm_plan *plan, const struct filter *filter, uint8_t *lane,
                        size_t quad_bytes, const struct gemm_isa *isa)
{
    for (int32_t k = 0; k < plan->depth; k++) {
        int8_t weight = filter->weights[(size_t)k * filter->step];
        int32_t line = k / plan->line_depth, byte = k % plan->line_depth * isa->bytes;
        uint8_t *at = lane + (size_t)(line * plan->quads + byte / 4) * quad_bytes + (size_t)(byte % 4);
        int16_t wide = (int16_t)(weight - plan->shape->weight_zero_point);
        if (isa->bytes == 1)
            *at = (uint8_t)weight;
        else
            memcpy(at, &wide, 2);
    }
}

// One tile: columns [start * lanes, (start + vectors) * lanes) of a group, those past the end all zero.
static void pack_tile(const struct gemm_plan *plan, const struct kernel_conv_weights *weights,
                      int32_t group, int32_t start, int32_t vectors, uint8_t *tile,
                      const struct gemm_isa *isa)
{
    int32_t width = vectors * isa->lanes;
    int32_t *init = (int32_t *)tile;
    float *scale = (float *)(init + width);
    uint8_t *body = (uint8_t *)(scale + width);
    for (int32_t at = 0; at < width; at++) {
        int32_t lane = at % isa->lanes;
        int32_t column = start * isa->lanes + lane / 4 * 4 * vectors + at / isa->lanes * 4 + lane % 4;
        if (column >= plan->columns)
            continue;
        int32_t channel = group * plan->columns + column;
        struct filter filter = filter_of(plan, weights->weights, channel);
        init[at] = filter_init(plan, &filter, weights->bias ? weights->bias[channel] : 0, isa);
        scale[at] = weights->scale[channel];
        pack_column(plan, &filter, body + (size_t)at * 4, (size_t)width * 4, isa);
    }
}

void gemm_pack(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights,
               void *packed, const struct gemm_isa *isa)
{
    struct gemm_plan plan = plan_of(shape, isa);
    if (!tame_pack(shape, weights, packed))
        return;
    uint8_t *at = (uint8_t *)packed + sizeof(struct tame_head);
    memset(at, 0, PLAN_BYTES + offsets_bytes(&plan) + tiles_bytes(&plan));
    memcpy(at, &plan, sizeof plan);
    at += PLAN_BYTES;
    int32_t *offsets = (int32_t *)at;
    for (int32_t quad = 0; quad < plan.lines * plan.quads; quad++)
        offsets[quad] = quad / plan.quads * (int32_t)plan.line_bytes + quad % plan.quads * 4;
    at += offsets_bytes(&plan);
    for (int32_t group = 0; group < plan.groups; group++) {
        for (int32_t tile = 0; tile < plan.tiles; tile++) {
            int32_t start = tile_start(&plan, tile), vectors = tile_start(&plan, tile + 1) - start;
            pack_tile(&plan, weights, group, start, vectors, at, isa);
            at += (size_t)vectors * plan.column_bytes;
        }
    }
}

// ---- running -----------------------------------------------------------------------------------

// Scratch: the panel, then the terms of its rows.
size_t gemm_scratch_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = plan_of(shape, isa);
    size_t terms = shape->weight_zero_point && isa->bytes == 1 ? (size_t)plan.panel_rows * 4 : 0;
    return packing_round_up(plan.panel_bytes + terms, 64);
}

int32_t gemm_units(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = plan_of(shape, isa);
    return plan.groups * plan.blocks * (plan.way == GEMM_FEW_ROWS ? plan.tiles : 1);
}

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

// Output lines with the same lines of their windows inside the picture, or a run of rows.
struct piece {
    const uint8_t *panel;
    const int32_t *terms;
    int32_t pixel, bands, rows;
    int32_t first_line, lines; // of the window
};

static void run_tile(struct gemm_run *run, const struct piece *piece, int32_t group, int32_t tile)
{
    const struct gemm_plan *plan = &run->plan;
    const struct kernel_conv_shape *shape = plan->shape;
    int32_t start = tile_start(plan, tile), vectors = tile_start(plan, tile + 1) - start;
    int32_t column = start * run->isa->lanes;
    size_t vector = (size_t)group * (size_t)plan->column_vectors + (size_t)start;
    size_t stride = (size_t)shape->out_c;
    struct gemm_task task = {
        .panel = piece->panel + (size_t)piece->first_line * plan->line_bytes,
        .row_bytes = plan->row_bytes,
        .line_bytes = plan->line_bytes,
        .bands = piece->bands,
        .band_bytes = plan->band_bytes,
        .rows = piece->rows,
        .lines = piece->lines,
        .quads = plan->quads,
        .offsets = run->offsets,
        .skipped = (size_t)(piece->first_line * plan->quads) * 4,
        .row_terms = piece->terms,
        .tile = run->packed + vector * plan->column_bytes,
        .vectors = vectors,
        .output = run->output + (size_t)piece->pixel * stride + (size_t)(group * plan->columns + column),
        .output_stride = stride,
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
        int32_t row = block_start(plan, block), count = block_start(plan, end) - row;
        uint8_t behind[GEMM_SPILL], *spill = run->panel + (size_t)(row + count) * plan->row_bytes;
        memcpy(behind, spill, sizeof behind);
        gather_rows(run, group, row, count, row);
        memcpy(spill, behind, sizeof behind);
        for (; block < end; block++)
            run->gathered |= UINT64_C(1) << block;
    }
}

// Units [first, last) are (group, tile, block), block fastest; all blocks of a tile that are wanted at once.
static void run_few(struct gemm_run *run, int32_t first, int32_t last)
{
    const struct gemm_plan *plan = &run->plan;
    for (int32_t unit = first, count; unit < last; unit += count) {
        int32_t block = unit % plan->blocks, tile = unit / plan->blocks;
        count = packing_min(plan->blocks - block, last - unit);
        int32_t row = block_start(plan, block), end = block_start(plan, block + count);
        need_blocks(run, tile / plan->tiles, block, block + count);
        struct piece piece = piece_of_rows(run, row, end - row, row);
        run_tile(run, &piece, tile / plan->tiles, tile % plan->tiles);
    }
}

static void run_many(struct gemm_run *run, int32_t first, int32_t last)
{
    const struct gemm_plan *plan = &run->plan;
    for (int32_t unit = first; unit < last; unit++) {
        int32_t block = unit % plan->blocks, group = unit / plan->blocks;
        int32_t row = block_start(plan, block), count = block_start(plan, block + 1) - row;
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
            };
            window_inside(plan, oy + i, &piece.first_line, &piece.lines);
            for (bands = 1; i + bands < count; bands++) {
                int32_t first, lines;
                window_inside(plan, oy + i + bands, &first, &lines);
                if (first != piece.first_line || lines != piece.lines)
                    break;
            }
            piece.bands = bands;
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
    run.offsets = (const int32_t *)(at + PLAN_BYTES);
    run.packed = at + PLAN_BYTES + offsets_bytes(&run.plan);
    run.plan.shape = shape;
    if (run.plan.rows != shape->batch * shape->out_h * shape->out_w) // a band of the picture
        run.plan = plan_of(shape, isa);
    if (shape->weight_zero_point && isa->bytes == 1)
        run.terms = (int32_t *)(run.panel + run.plan.panel_bytes);
    switch (run.plan.way) {
    case GEMM_FEW_ROWS: run_few(&run, first, last); break;
    case GEMM_MANY_ROWS: run_many(&run, first, last); break;
    case GEMM_LINES: run_lines(&run, first, last); break;
    }
}
