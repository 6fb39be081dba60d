// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/gemm_plan.h"

#include "kernels/packing.h"

enum {
    PANEL_SLACK = 128,
    PANEL_FEW_ROWS = 128 << 10, // bytes: half of a small L2
    PANEL_BLOCK = 20 << 10,     // bytes: most of a 32 KiB L1
    ROWS_STEP = 24,             // a multiple of every tile's height
    ROWS_MOST = 192,
    LINES_OUT_W = 8,            // below, tiles would rarely be full
    UNITS_WANTED = 16,          // so that several threads end at about the same time
    LONG_SUMS = 16 << 10,       // bytes of a tile's weights
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

// Nine values are two quads and a rest; rests lie side by side, three of each pixel. For a narrow tile making
// them takes as long as the products they save.
static bool has_rests(const struct kernel_conv_shape *s, const struct gemm_isa *isa)
{
    return isa->bytes == 1 && s->out_c > 8 && s->in_c == 3 && s->k_w == 3 && s->k_h == 3 && s->dilation_h == 1;
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
    if (has_rests(s, isa)) {
        plan->quads = plan->line_depth / 4;
        plan->rest = pitch;
        plan->padding_is_zero = false; // a rest's lines can not be left out one by one
        pitch += packing_round_up(width * pixel, GEMM_REST_CHUNK);
    }
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

struct gemm_plan gemm_plan_of(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
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
    plan.steps = plan.lines * plan.quads + (plan.rest > 0 ? 1 : 0);
    size_t tile = (size_t)(plan.steps * packing_min(plan.column_vectors, isa->vectors) * isa->lanes) * 4;
    plan.long_sums = tile > LONG_SUMS && plan.padding_is_zero && shape->in_c * isa->bytes % 4 == 0 &&
                     shape->weight_zero_point == 0;
    plan.column_bytes = (size_t)isa->lanes * (8 + (size_t)plan.steps * 4);
    return plan;
}

int32_t gemm_block_start(const struct gemm_plan *plan, int32_t block)
{
    enum { STEP = ROWS_STEP / 4 };
    if (block == 0 || block == plan->blocks) // all there are in a layer of few rows: no division
        return block == 0 ? 0 : plan->rows;
    return (int32_t)((int64_t)plan->rows * block / plan->blocks) / STEP * STEP;
}

int32_t gemm_tile_start(const struct gemm_plan *plan, int32_t tile)
{
    return packing_min(tile * plan->tile_vectors, plan->column_vectors);
}

size_t gemm_offsets_bytes(const struct gemm_plan *plan)
{
    return packing_round_up((size_t)plan->steps * sizeof(int32_t), 64);
}

// Scratch: the panel, then the terms of its rows.
size_t gemm_scratch_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = gemm_plan_of(shape, isa);
    size_t terms = shape->weight_zero_point && isa->bytes == 1 ? (size_t)plan.panel_rows * 4 : 0;
    return packing_round_up(plan.panel_bytes + terms, 64);
}

int32_t gemm_units(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = gemm_plan_of(shape, isa);
    return plan.groups * plan.blocks * (plan.way == GEMM_FEW_ROWS ? plan.tiles : 1);
}
