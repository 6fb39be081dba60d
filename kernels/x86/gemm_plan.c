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
    ROWS_MOST = 96,
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
    plan->block_rows_max = packing_divide_up(plan->rows, plan->blocks) + ROWS_STEP / 4;
    plan->block_bytes =
        packing_round_up((size_t)plan->block_rows_max * plan->row_bytes + PANEL_SLACK, 64);
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
    int32_t fit = ((int32_t)(PANEL_BLOCK / pitch) - reach) / s->stride_h + 1;
    int32_t share = packing_divide_up(s->batch * s->out_h, UNITS_WANTED);
    plan->block_lines = packing_max(1, packing_min(packing_min(fit, share), s->out_h));
    plan->blocks = s->batch * packing_divide_up(s->out_h, plan->block_lines);
    plan->block_rows_max = plan->block_lines * s->out_w;
    size_t lines = (size_t)((plan->block_lines - 1) * s->stride_h + reach);
    plan->block_bytes = packing_round_up(lines * pitch + 4 * plan->row_bytes + PANEL_SLACK, 64);
}

static struct gemm_plan plan_of(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = {.shape = shape};
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

static size_t tiles_bytes(const struct gemm_plan *plan)
{
    return (size_t)plan->groups * (size_t)plan->column_vectors * plan->column_bytes;
}

size_t gemm_packed_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = plan_of(shape, isa);
    return tame_packed_size(shape, tiles_bytes(&plan));
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
    memset(at, 0, tiles_bytes(&plan));
    for (int32_t group = 0; group < plan.groups; group++) {
        for (int32_t tile = 0; tile < plan.tiles; tile++) {
            int32_t start = tile_start(&plan, tile), vectors = tile_start(&plan, tile + 1) - start;
            pack_tile(&plan, weights, group, start, vectors, at, isa);
            at += (size_t)vectors * plan.column_bytes;
        }
    }
}

// ---- running -----------------------------------------------------------------------------------

// Scratch: the panels of the blocks held at once, then the row terms of each.
static size_t panels_held(const struct gemm_plan *plan)
{
    return plan->way == GEMM_FEW_ROWS ? (size_t)plan->blocks : 1;
}

size_t gemm_scratch_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = plan_of(shape, isa);
    size_t terms = shape->weight_zero_point && isa->bytes == 1 ? (size_t)plan.block_rows_max * 4 : 0;
    return packing_round_up(panels_held(&plan) * (plan.block_bytes + terms), 64);
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
    const int8_t *input;
    int8_t *output;
    uint8_t *panels;
    int32_t *terms;
    uint64_t gathered; // few rows: blocks whose panel is there
    int32_t group;     // of the panels that are there
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

static void gather_block(struct gemm_run *run, int32_t group, int32_t block)
{
    const struct gemm_plan *plan = &run->plan;
    bool few = plan->way == GEMM_FEW_ROWS;
    if (run->group != group || !few)
        run->gathered = 0;
    run->group = group;
    size_t slot = few ? (size_t)block : 0;
    if (run->gathered & (UINT64_C(1) << slot))
        return;
    run->gathered |= UINT64_C(1) << slot;
    int32_t first = block_start(plan, block), count = block_start(plan, block + 1) - first;
    uint8_t *panel = run->panels + slot * plan->block_bytes;
    run->isa->gather(plan, run->input, group, first, count, panel);
    if (run->terms)
        row_terms(run, panel, count, run->terms + slot * (size_t)plan->block_rows_max);
}

// `rows` rows at `panel`, which are the output pixels from `pixel` on, times one tile.
static void run_tile(struct gemm_run *run, const uint8_t *panel, const int32_t *terms, int32_t pixel,
                     int32_t rows, int32_t group, int32_t tile)
{
    const struct gemm_plan *plan = &run->plan;
    const struct kernel_conv_shape *shape = plan->shape;
    int32_t start = tile_start(plan, tile), vectors = tile_start(plan, tile + 1) - start;
    int32_t column = start * run->isa->lanes;
    size_t vector = (size_t)group * (size_t)plan->column_vectors + (size_t)start;
    size_t stride = (size_t)shape->out_c;
    struct gemm_task task = {
        .panel = panel,
        .row_bytes = plan->row_bytes,
        .line_bytes = plan->line_bytes,
        .rows = rows,
        .lines = plan->lines,
        .quads = plan->quads,
        .row_terms = terms,
        .tile = run->packed + vector * plan->column_bytes,
        .vectors = vectors,
        .output = run->output + (size_t)pixel * stride + (size_t)(group * plan->columns + column),
        .output_stride = stride,
        .columns = packing_min(vectors * run->isa->lanes, plan->columns - column),
        .zero_point = shape->output_zero_point,
        .act_min = shape->act_min,
        .act_max = shape->act_max,
    };
    run->isa->multiply(&task);
}

static void run_rows(struct gemm_run *run, int32_t group, int32_t block, int32_t tile)
{
    const struct gemm_plan *plan = &run->plan;
    size_t slot = plan->way == GEMM_FEW_ROWS ? (size_t)block : 0;
    int32_t first = block_start(plan, block);
    const int32_t *terms = run->terms ? run->terms + slot * (size_t)plan->block_rows_max : NULL;
    run_tile(run, run->panels + slot * plan->block_bytes, terms, first, block_start(plan, block + 1) - first,
             group, tile);
}

// A block of output lines: tiles outside, so that a tile's weights serve all of them.
static void run_lines(struct gemm_run *run, int32_t block)
{
    const struct gemm_plan *plan = &run->plan;
    const struct kernel_conv_shape *s = plan->shape;
    int32_t blocks = plan->blocks / s->batch, batch = block / blocks;
    int32_t oy = block % blocks * plan->block_lines, count = packing_min(plan->block_lines, s->out_h - oy);
    int32_t needed = (count - 1) * s->stride_h + (s->k_h - 1) * s->dilation_h + 1;
    size_t down = plan->line_bytes / (size_t)s->dilation_h * (size_t)s->stride_h;
    run->isa->gather_lines(plan, run->input, batch, oy * s->stride_h - s->pad_top, needed, run->panels);
    for (int32_t i = 0; run->terms && i < count; i++)
        row_terms(run, run->panels + (size_t)i * down, s->out_w, run->terms + i * s->out_w);
    for (int32_t tile = 0; tile < plan->tiles; tile++)
        for (int32_t i = 0; i < count; i++)
            run_tile(run, run->panels + (size_t)i * down, run->terms ? run->terms + i * s->out_w : NULL,
                     (batch * s->out_h + oy + i) * s->out_w, s->out_w, 0, tile);
}

void gemm_run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
              int8_t *output, void *scratch, int32_t first, int32_t last, const struct gemm_isa *isa)
{
    const struct tame_head *head = packed;
    if (!head->tame) {
        tame_run_c(shape, packed, input, output, first, last, gemm_units(shape, isa));
        return;
    }
    struct gemm_run run = {plan_of(shape, isa), isa, (const uint8_t *)(head + 1), input, output, scratch, NULL, 0, -1};
    const struct gemm_plan *plan = &run.plan;
    if (shape->weight_zero_point && isa->bytes == 1)
        run.terms = (int32_t *)(run.panels + panels_held(plan) * plan->block_bytes);
    for (int32_t unit = first; unit < last; unit++) {
        int32_t block = unit % plan->blocks, rest = unit / plan->blocks;
        if (plan->way == GEMM_LINES) {
            run_lines(&run, unit);
        } else if (plan->way == GEMM_FEW_ROWS) {
            gather_block(&run, rest / plan->tiles, block);
            run_rows(&run, rest / plan->tiles, block, rest % plan->tiles);
        } else {
            gather_block(&run, rest, block);
            for (int32_t tile = 0; tile < plan->tiles; tile++)
                run_rows(&run, rest, block, tile);
        }
    }
}
