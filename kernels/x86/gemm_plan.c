// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/gemm_plan.h"

#include <string.h>

#include "kernels/packing.h"

enum {
    PANEL_SLACK = 128,
    PANEL_FEW_ROWS = 128 << 10, // bytes: half of a small L2
    PANEL_BLOCK = 20 << 10,     // bytes: most of a 32 KiB L1
    ROWS_STEP = 24,             // a multiple of every tile's height
    ROWS_MOST = 96,
};

bool gemm_accepts(const struct kernel_conv_shape *shape)
{
    return shape->kind == KERNEL_CONV || shape->in_c == 1;
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
    plan.row_bytes = (size_t)plan.quads * 4;
    plan.column_bytes = (size_t)isa->lanes * (8 + plan.row_bytes);
    plan.column_vectors = packing_divide_up(plan.columns, isa->lanes);
    plan.tiles = packing_divide_up(plan.column_vectors, isa->vectors);

    size_t panel = (size_t)plan.rows * plan.row_bytes;
    plan.few_rows = panel <= PANEL_FEW_ROWS && plan.rows <= ROWS_STEP * GEMM_BLOCKS_MAX;
    int32_t rows = ROWS_STEP;
    if (!plan.few_rows)
        rows = packing_min(ROWS_MOST, packing_max(ROWS_STEP, (int32_t)(PANEL_BLOCK / plan.row_bytes) /
                                                                 ROWS_STEP * ROWS_STEP));
    plan.blocks = packing_max(1, plan.rows / rows);
    plan.block_rows_max = packing_divide_up(plan.rows, plan.blocks) + ROWS_STEP / 4;
    plan.block_bytes =
        packing_round_up((size_t)plan.block_rows_max * plan.row_bytes + PANEL_SLACK, 64);
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

// The first vector of a tile: a group's vectors are spread evenly over its tiles.
static int32_t tile_start(const struct gemm_plan *plan, int32_t tile)
{
    return (int32_t)((int64_t)plan->column_vectors * tile / plan->tiles);
}

size_t gemm_packed_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = plan_of(shape, isa);
    return (size_t)plan.groups * (size_t)plan.column_vectors * plan.column_bytes;
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
        if (isa->bytes == 1) {
            lane[(size_t)(k / 4) * quad_bytes + (size_t)(k % 4)] = (uint8_t)weight;
        } else {
            int16_t wide = (int16_t)(weight - plan->shape->weight_zero_point);
            memcpy(lane + (size_t)(k / 2) * quad_bytes + (size_t)(k % 2) * 2, &wide, 2);
        }
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
    uint8_t *at = packed;
    memset(packed, 0, gemm_packed_size(shape, isa));
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
    return plan->few_rows ? (size_t)plan->blocks : 1;
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
    return plan.groups * plan.blocks * (plan.few_rows ? plan.tiles : 1);
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

static void gather_block(struct gemm_run *run, int32_t group, int32_t block)
{
    const struct gemm_plan *plan = &run->plan;
    if (run->group != group || !plan->few_rows)
        run->gathered = 0;
    run->group = group;
    size_t slot = plan->few_rows ? (size_t)block : 0;
    if (run->gathered & (UINT64_C(1) << slot))
        return;
    run->gathered |= UINT64_C(1) << slot;
    int32_t first = block_start(plan, block), count = block_start(plan, block + 1) - first;
    uint8_t *panel = run->panels + slot * plan->block_bytes;
    run->isa->gather(plan, run->input, group, first, count, panel);
    if (run->terms)
        run->isa->row_terms(plan, panel, count, -plan->shape->weight_zero_point,
                            run->terms + slot * (size_t)plan->block_rows_max);
}

static void run_tile(struct gemm_run *run, int32_t group, int32_t block, int32_t tile)
{
    const struct gemm_plan *plan = &run->plan;
    const struct kernel_conv_shape *shape = plan->shape;
    int32_t first = block_start(plan, block), start = tile_start(plan, tile);
    int32_t column = start * run->isa->lanes, vectors = tile_start(plan, tile + 1) - start;
    size_t slot = plan->few_rows ? (size_t)block : 0;
    size_t vector = (size_t)group * (size_t)plan->column_vectors + (size_t)start;
    size_t stride = (size_t)shape->out_c;
    struct gemm_task task = {
        .panel = run->panels + slot * plan->block_bytes,
        .row_bytes = plan->row_bytes,
        .rows = block_start(plan, block + 1) - first,
        .quads = plan->quads,
        .row_terms = run->terms ? run->terms + slot * (size_t)plan->block_rows_max : NULL,
        .tile = run->packed + vector * plan->column_bytes,
        .vectors = vectors,
        .output = run->output + (size_t)first * stride + (size_t)(group * plan->columns + column),
        .output_stride = stride,
        .columns = packing_min(vectors * run->isa->lanes, plan->columns - column),
        .zero_point = shape->output_zero_point,
        .act_min = shape->act_min,
        .act_max = shape->act_max,
    };
    run->isa->multiply(&task);
}

void gemm_run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
              int8_t *output, void *scratch, int32_t first, int32_t last, const struct gemm_isa *isa)
{
    struct gemm_run run = {plan_of(shape, isa), isa, packed, input, output, scratch, NULL, 0, -1};
    const struct gemm_plan *plan = &run.plan;
    if (shape->weight_zero_point && isa->bytes == 1)
        run.terms = (int32_t *)(run.panels + panels_held(plan) * plan->block_bytes);
    for (int32_t unit = first; unit < last; unit++) {
        int32_t block = unit % plan->blocks, rest = unit / plan->blocks;
        if (plan->few_rows) {
            gather_block(&run, rest / plan->tiles, block);
            run_tile(&run, rest / plan->tiles, block, rest % plan->tiles);
            continue;
        }
        gather_block(&run, rest, block);
        for (int32_t tile = 0; tile < plan->tiles; tile++)
            run_tile(&run, rest, block, tile);
    }
}
