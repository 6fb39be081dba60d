// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/gemm_plan.h"

#include <string.h>

#include "kernels/packing.h"
#include "kernels/x86/tame.h"

static size_t tiles_bytes(const struct gemm_plan *plan)
{
    return (size_t)plan->groups * (size_t)plan->column_vectors * plan->column_bytes;
}

size_t gemm_packed_size(const struct kernel_conv_shape *shape, const struct gemm_isa *isa)
{
    struct gemm_plan plan = gemm_plan_of(shape, isa);
    return tame_packed_size(shape, GEMM_PLAN_BYTES + gemm_offsets_bytes(&plan) + tiles_bytes(&plan));
}

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
        if (plan->rest && byte / 4 == plan->quads)
            at = lane + (size_t)(plan->lines * plan->quads) * quad_bytes + (size_t)line;
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
    struct gemm_plan plan = gemm_plan_of(shape, isa);
    if (!tame_pack(shape, weights, packed))
        return;
    uint8_t *at = (uint8_t *)packed + sizeof(struct tame_head);
    memset(at, 0, GEMM_PLAN_BYTES + gemm_offsets_bytes(&plan) + tiles_bytes(&plan));
    memcpy(at, &plan, sizeof plan);
    at += GEMM_PLAN_BYTES;
    int32_t *offsets = (int32_t *)at;
    for (int32_t quad = 0; quad < plan.lines * plan.quads; quad++)
        offsets[quad] = quad / plan.quads * (int32_t)plan.line_bytes + quad % plan.quads * 4;
    if (plan.rest)
        offsets[plan.steps - 1] = (int32_t)plan.rest;
    at += gemm_offsets_bytes(&plan);
    for (int32_t group = 0; group < plan.groups; group++) {
        for (int32_t tile = 0; tile < plan.tiles; tile++) {
            int32_t start = gemm_tile_start(&plan, tile), vectors = gemm_tile_start(&plan, tile + 1) - start;
            pack_tile(&plan, weights, group, start, vectors, at, isa);
            at += (size_t)vectors * plan.column_bytes;
        }
    }
}
