// SPDX-License-Identifier: Apache-2.0

#include "kernels/x86/depthwise_plan.h"

#include <string.h>

#include "kernels/packing.h"
#include "kernels/x86/tame.h"

struct plan {
    const struct kernel_conv_shape *shape;
    const struct depthwise_isa *isa;
    int32_t aligns;   // output rows that share columns: 2, or 1
    int32_t groups;
    int32_t bands;    // of `aligns` output rows in a picture
    int32_t chunks;
};

static int32_t aligns_of(const struct kernel_conv_shape *shape)
{
    return shape->stride_h == 1 && shape->dilation_h == 1 ? 2 : 1;
}

static struct plan plan_of(const struct kernel_conv_shape *shape, const struct depthwise_isa *isa)
{
    struct plan plan = {.shape = shape, .isa = isa, .aligns = aligns_of(shape)};
    plan.groups = packing_divide_up(shape->k_h + plan.aligns - 1, isa->taps);
    plan.bands = packing_divide_up(shape->out_h, plan.aligns);
    plan.chunks = packing_divide_up(shape->out_c, DEPTHWISE_CHUNK);
    return plan;
}

// vpdpbusd takes weights of 8 bits: w - weight_zero_point as the sum of two of them goes to 254.
bool depthwise_accepts(const struct kernel_conv_shape *shape, const struct depthwise_isa *isa)
{
    return shape->kind == KERNEL_DEPTHWISE && (isa->taps == 2 || shape->weight_zero_point > -128);
}

static int32_t width_of(const struct depthwise_isa *isa)
{
    return isa->lanes * isa->vectors;
}

static const struct depthwise_isa *isa_for(const struct plan *plan, int32_t channel)
{
    const struct depthwise_isa *narrow = plan->isa->narrow;
    return narrow && plan->shape->out_c - channel <= width_of(narrow) ? narrow : plan->isa;
}

static size_t set_bytes(const struct plan *plan, const struct depthwise_isa *isa)
{
    return (size_t)plan->shape->k_w * (size_t)plan->groups * (size_t)plan->aligns *
           (size_t)width_of(isa) * 4;
}

static size_t sets_of(const struct plan *plan)
{
    return plan->isa->taps == 4 && plan->shape->weight_zero_point ? 2 : 1;
}

static size_t block_bytes(const struct plan *plan, const struct depthwise_isa *isa)
{
    size_t numbers = packing_round_up((size_t)width_of(isa) * 8, 64);
    return sizeof(struct depthwise_head) + numbers + sets_of(plan) * set_bytes(plan, isa);
}

// Only the last block may be narrow, so blocks before `channel` are all of one size.
static size_t block_offset(const struct plan *plan, int32_t channel)
{
    return (size_t)(channel / width_of(plan->isa)) * block_bytes(plan, plan->isa);
}

static size_t blocks_bytes(const struct plan *plan)
{
    return (size_t)packing_divide_up(plan->shape->out_c, width_of(plan->isa)) * block_bytes(plan, plan->isa);
}

size_t depthwise_packed_size(const struct kernel_conv_shape *shape, const struct depthwise_isa *isa)
{
    struct plan plan = plan_of(shape, isa);
    return tame_packed_size(shape, blocks_bytes(&plan));
}

// ---- packing -----------------------------------------------------------------------------------

// One weight into every place that it has in a set: once for each alignment.
static void put_weight(const struct plan *plan, const struct depthwise_isa *isa, uint8_t *set, int32_t ky,
                       int32_t kx, int32_t at, int32_t value)
{
    size_t vector_bytes = (size_t)isa->lanes * 4;
    for (int32_t align = 0; align < plan->aligns; align++) {
        int32_t row = ky + align, group = row / isa->taps;
        size_t column = (size_t)kx * (size_t)plan->groups + (size_t)group;
        size_t index = column * (size_t)plan->aligns + (size_t)align;
        uint8_t *lane = set + index * (size_t)isa->vectors * vector_bytes + (size_t)at * 4;
        int16_t wide = (int16_t)value;
        if (isa->taps == 4)
            lane[row % 4] = (uint8_t)value;
        else
            memcpy(lane + row % 2 * 2, &wide, 2);
    }
}

static void pack_channel(const struct plan *plan, const struct depthwise_isa *isa,
                         const struct kernel_conv_weights *weights, int32_t channel, int32_t at,
                         uint8_t *block)
{
    const struct kernel_conv_shape *s = plan->shape;
    struct depthwise_head *head = (struct depthwise_head *)block;
    int32_t *init = (int32_t *)(head + 1);
    float *scale = (float *)(init + width_of(isa));
    uint8_t *set = block + sizeof *head + packing_round_up((size_t)width_of(isa) * 8, 64);
    uint32_t sum = 0;
    for (int32_t ky = 0; ky < s->k_h; ky++) {
        for (int32_t kx = 0; kx < s->k_w; kx++) {
            size_t tap = (size_t)ky * (size_t)s->k_w + (size_t)kx;
            int32_t weight = weights->weights[tap * (size_t)s->out_c + (size_t)channel];
            weight -= s->weight_zero_point;
            int32_t main = isa->taps == 2 ? weight : packing_max(-128, packing_min(127, weight));
            sum += (uint32_t)weight;
            put_weight(plan, isa, set, ky, kx, at, main);
            if (main != weight) {
                head->wide = 1;
                put_weight(plan, isa, set + set_bytes(plan, isa), ky, kx, at, weight - main);
            }
        }
    }
    uint32_t zero = (uint32_t)(s->input_zero_point + (isa->offset ? 128 : 0));
    init[at] = (int32_t)((uint32_t)(weights->bias ? weights->bias[channel] : 0) - zero * sum);
    scale[at] = weights->scale[channel];
}

void depthwise_pack(const struct kernel_conv_shape *shape, const struct kernel_conv_weights *weights,
                    void *packed, const struct depthwise_isa *isa)
{
    struct plan plan = plan_of(shape, isa);
    if (!tame_pack(shape, weights, packed))
        return;
    uint8_t *blocks = (uint8_t *)packed + sizeof(struct tame_head);
    memset(blocks, 0, blocks_bytes(&plan));
    for (int32_t first = 0; first < shape->out_c; first += width_of(isa)) {
        const struct depthwise_isa *own = isa_for(&plan, first);
        uint8_t *block = blocks + block_offset(&plan, first);
        for (int32_t at = 0; at < width_of(own); at++) {
            int32_t lane = at % own->lanes, vector = at / own->lanes;
            int32_t channel = first + lane / 4 * 4 * own->vectors + vector * 4 + lane % 4;
            if (channel < shape->out_c)
                pack_channel(&plan, own, weights, channel, at, block);
        }
    }
}

// ---- running -----------------------------------------------------------------------------------

// Scratch: the lines of a unit, a line of padding, then copies of those that cannot be read in place.
static size_t lines_bytes(const struct plan *plan)
{
    size_t count = (size_t)plan->groups * (size_t)plan->isa->taps;
    return packing_round_up(count * sizeof(int8_t *), 64);
}

// From a pixel to the next. With a multiplier, lines are expanded to the block's width.
static size_t step_of(const struct plan *plan)
{
    return (size_t)(plan->shape->depth_multiplier == 1 ? plan->shape->in_c : width_of(plan->isa));
}

static size_t line_bytes(const struct plan *plan)
{
    return packing_round_up((size_t)plan->shape->in_w * step_of(plan) + DEPTHWISE_CHUNK, 64);
}

size_t depthwise_scratch_size(const struct kernel_conv_shape *shape, const struct depthwise_isa *isa)
{
    struct plan plan = plan_of(shape, isa);
    bool whole = shape->depth_multiplier == 1 && shape->out_c % width_of(isa) == 0;
    size_t copies = whole ? 0 : (size_t)(shape->k_h + plan.aligns - 1);
    return lines_bytes(&plan) + (1 + copies) * line_bytes(&plan);
}

int32_t depthwise_units(const struct kernel_conv_shape *shape)
{
    int32_t bands = packing_divide_up(shape->out_h, aligns_of(shape));
    return shape->batch * bands * packing_divide_up(shape->out_c, DEPTHWISE_CHUNK);
}

struct run {
    struct plan plan;
    const int8_t *input;
    int8_t *output;
    const uint8_t *packed;
    const int8_t **lines;
    int8_t *padding; // one line of the input zero point
    bool padded;     // it has been written
    int8_t *copies;
    size_t copies_used;
};

// The block's channels of one input row, at the distance that all lines have.
static const int8_t *copy_line(struct run *run, const int8_t *row, int32_t channel, int32_t count)
{
    const struct kernel_conv_shape *s = run->plan.shape;
    size_t step = step_of(&run->plan);
    int8_t *copy = run->copies + run->copies_used;
    run->copies_used += line_bytes(&run->plan);
    if (s->depth_multiplier == 1) {
        memcpy(copy, row + channel, (size_t)s->in_w * step - (size_t)channel);
        return copy;
    }
    for (int32_t x = 0; x < s->in_w; x++, row += s->in_c)
        for (int32_t i = 0; i < count; i++)
            copy[(size_t)x * step + (size_t)i] = row[(channel + i) / s->depth_multiplier];
    return copy;
}

static const int8_t *padding_line(struct run *run)
{
    if (!run->padded)
        memset(run->padding, run->plan.shape->input_zero_point, line_bytes(&run->plan));
    run->padded = true;
    return run->padding;
}

// The vector loads read a whole block's width at every pixel: past the input's end in its last rows.
static const int8_t *line_of(struct run *run, int32_t picture, int32_t y, int32_t channel, int32_t count,
                             int32_t width)
{
    const struct kernel_conv_shape *s = run->plan.shape;
    if (y < 0 || y >= s->in_h)
        return padding_line(run);
    size_t row_bytes = (size_t)s->in_w * (size_t)s->in_c;
    size_t index = (size_t)picture * (size_t)s->in_h + (size_t)y, rows = (size_t)s->batch * (size_t)s->in_h;
    const int8_t *row = run->input + index * row_bytes;
    if (s->depth_multiplier != 1)
        return copy_line(run, row, channel, count);
    // The last pixel's load ends `width - count` after the row; are there so many bytes in later rows?
    if (count < width && (rows - 1 - index) * row_bytes < (size_t)(width - count))
        return copy_line(run, row, channel, count);
    return row + channel;
}

static void run_block(struct run *run, int32_t picture, int32_t band, int32_t channel)
{
    const struct plan *plan = &run->plan;
    const struct kernel_conv_shape *s = plan->shape;
    const struct depthwise_isa *isa = isa_for(plan, channel);
    int32_t oy = band * plan->aligns, width = width_of(isa);
    int32_t rows = packing_min(plan->aligns, s->out_h - oy), count = packing_min(width, s->out_c - channel);
    int32_t used = s->k_h + rows - 1, all = plan->groups * isa->taps;
    run->copies_used = 0;
    for (int32_t i = 0; i < used; i++) {
        int32_t y = oy * s->stride_h - s->pad_top + i * s->dilation_h;
        run->lines[i] = line_of(run, picture, y, channel, count, width);
    }
    for (int32_t i = used; i < all; i++) // weights there are zero
        run->lines[i] = run->lines[used - 1];
    size_t row = (size_t)picture * (size_t)s->out_h + (size_t)oy;
    size_t row_bytes = (size_t)s->out_w * (size_t)s->out_c;
    int8_t *output = run->output + row * row_bytes + channel;
    struct depthwise_task task = {
        .shape = s,
        .lines = run->lines,
        .step = (ptrdiff_t)step_of(plan),
        .rows = rows,
        .groups = plan->groups,
        .aligns = plan->aligns,
        .block = run->packed + block_offset(plan, channel),
        .output = {output, output + (rows > 1 ? row_bytes : 0)},
        .channels = count,
    };
    isa->run(&task);
}

void depthwise_run(const struct kernel_conv_shape *shape, const void *packed, const int8_t *input,
                   int8_t *output, void *scratch, int32_t first, int32_t last,
                   const struct depthwise_isa *isa)
{
    const struct tame_head *head = packed;
    if (!head->tame) {
        tame_run_c(shape, packed, input, output, first, last, depthwise_units(shape));
        return;
    }
    struct run run = {.plan = plan_of(shape, isa), .input = input, .output = output};
    run.packed = (const uint8_t *)(head + 1);
    run.lines = scratch;
    run.padding = (int8_t *)scratch + lines_bytes(&run.plan);
    run.copies = run.padding + line_bytes(&run.plan);
    for (int32_t unit = first; unit < last; unit++) {
        int32_t chunk = unit % run.plan.chunks, band = unit / run.plan.chunks;
        int32_t end = packing_min(shape->out_c, (chunk + 1) * DEPTHWISE_CHUNK);
        for (int32_t channel = chunk * DEPTHWISE_CHUNK; channel < end; channel += width_of(isa))
            run_block(&run, band / run.plan.bands, band % run.plan.bands, channel);
    }
}
