// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/arm_conv.h"

#include <string.h>

#include "kernels/arm/arm_fold.h"

// A block of input patches and its outputs stay in this much of the first-level cache; the weights
// stream by once a block.
enum { CACHE_BUDGET = 16384, MIN_BLOCK_ROWS = 16, MAX_BLOCK_ROWS = 256, WANTED_UNITS = 12 };

struct plan {
    int32_t rows, depth, padded_depth, panels;
    int32_t block_rows, row_blocks;
    int32_t block_panels, panel_blocks;
    bool gathered;
};

static int32_t round_up(int32_t value, int32_t step)
{
    return (value + step - 1) / step * step;
}

static int32_t divide_up(int32_t value, int32_t by)
{
    return (value + by - 1) / by;
}

static struct plan plan_make(const struct arm_conv_isa *isa, const struct kernel_conv_shape *s)
{
    struct plan p = {
        .rows = s->batch * s->out_h * s->out_w,
        .depth = s->k_h * s->k_w * s->in_c,
        .panels = divide_up(s->out_c, isa->panel_columns),
    };
    int32_t block;

    p.padded_depth = round_up(p.depth, ARM_DEPTH_STEP);
    p.gathered = p.depth != p.padded_depth || s->k_h != 1 || s->k_w != 1 || s->stride_h != 1 ||
                 s->stride_w != 1 || s->pad_top != 0 || s->pad_left != 0 || s->in_h != s->out_h ||
                 s->in_w != s->out_w;
    block = CACHE_BUDGET / (p.padded_depth + s->out_c);
    block = block < MIN_BLOCK_ROWS   ? MIN_BLOCK_ROWS
            : block > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS
                                     : block;
    p.row_blocks = divide_up(p.rows, block);
    p.block_rows = round_up(divide_up(p.rows, p.row_blocks), isa->tile_rows);
    p.row_blocks = divide_up(p.rows, p.block_rows);
    p.panel_blocks = p.row_blocks < WANTED_UNITS ? divide_up(WANTED_UNITS, p.row_blocks) : 1;
    p.block_panels = divide_up(p.panels, p.panel_blocks);
    p.panel_blocks = divide_up(p.panels, p.block_panels);
    return p;
}

bool arm_conv_accepts(const struct kernel_conv_shape *shape)
{
    if (shape->kind == KERNEL_DEPTHWISE)
        return shape->in_c == 1;
    return shape->groups == 1;
}

int32_t arm_conv_units(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape)
{
    struct plan p = plan_make(isa, shape);

    return p.row_blocks * p.panel_blocks;
}

static size_t panel_bytes(const struct arm_conv_isa *isa, const struct plan *p)
{
    return (size_t)isa->panel_columns * (sizeof(int32_t) + sizeof(float) + (size_t)p->padded_depth);
}

size_t arm_conv_packed_size(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape)
{
    struct plan p = plan_make(isa, shape);

    return sizeof(struct arm_conv_packed) + (size_t)p.panels * panel_bytes(isa, &p);
}

// Scratch: the gathered patches, then a row bias each (only where the shape needs them).
static size_t patches_bytes(const struct plan *p)
{
    return p->gathered ? (size_t)p->block_rows * (size_t)p->padded_depth : 0;
}

size_t arm_conv_scratch_size(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape)
{
    struct plan p = plan_make(isa, shape);
    size_t row_bias = shape->weight_zero_point ? (size_t)p.block_rows * sizeof(int32_t) : 0;

    return patches_bytes(&p) + row_bias;
}

// ---- Packing ------------------------------------------------------------------------------------

// Where the weights of one output channel lie.
struct channel_weights {
    const int8_t *first;
    size_t step;
};

static struct channel_weights channel_weights_of(const struct kernel_conv_shape *s,
                                                 const int8_t *weights, int32_t channel,
                                                 int32_t depth)
{
    if (s->kind == KERNEL_DEPTHWISE)
        return (struct channel_weights){weights + channel, (size_t)s->out_c};
    return (struct channel_weights){weights + (size_t)channel * (size_t)depth, 1};
}

static void pack_channel_bias(const struct kernel_conv_shape *s, const struct channel_weights *w,
                              int32_t depth, int32_t bias, int32_t *packed_bias)
{
    uint32_t sum = 0;
    uint32_t zero_points = (uint32_t)s->input_zero_point * (uint32_t)s->weight_zero_point;

    for (int32_t k = 0; k < depth; k++)
        sum += (uint32_t)w->first[(size_t)k * w->step];
    *packed_bias = (int32_t)((uint32_t)bias - (uint32_t)s->input_zero_point * sum +
                             (uint32_t)depth * zero_points);
}

static void pack_channel_weights(const struct arm_conv_isa *isa, const struct channel_weights *w,
                                 int32_t depth, int32_t padded_depth, int32_t column, int8_t *panel)
{
    for (int32_t k = 0, step; k < padded_depth; k += step) {
        step = padded_depth - k >= isa->k_step ? isa->k_step : ARM_DEPTH_STEP;
        for (int32_t i = 0; i < step && k + i < depth; i++)
            panel[k * isa->panel_columns + column * step + i] = w->first[(size_t)(k + i) * w->step];
    }
}

// What all weights together allow.
static struct arm_conv_packed survey(const struct kernel_conv_shape *s,
                                     const struct kernel_conv_weights *weights, int32_t depth)
{
    struct arm_conv_packed header = {.wide = 0, .folded = 1};

    for (int32_t c = 0; c < s->out_c; c++) {
        struct channel_weights w = channel_weights_of(s, weights->weights, c, depth);
        int64_t sum = 0;

        for (int32_t k = 0; k < depth; k++) {
            int32_t value = w.first[(size_t)k * w.step];

            if (value == -128)
                header.wide = 1;
            sum += value < s->weight_zero_point ? s->weight_zero_point - value
                                                : value - s->weight_zero_point;
        }
        if (!arm_fold_fits(sum, weights->bias ? weights->bias[c] : 0, weights->scale[c]))
            header.folded = 0;
    }
    return header;
}

void arm_conv_pack(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape,
                   const struct kernel_conv_weights *weights, void *packed)
{
    struct plan p = plan_make(isa, shape);
    struct arm_conv_packed *header = packed;
    int32_t fold;

    memset(packed, 0, arm_conv_packed_size(isa, shape));
    *header = survey(shape, weights, p.depth);
    fold = header->folded ? ARM_FOLD : 0;
    for (int32_t c = 0; c < shape->out_c; c++) {
        int32_t column = c % isa->panel_columns;
        char *panel =
            (char *)(header + 1) + (size_t)(c / isa->panel_columns) * panel_bytes(isa, &p);
        int32_t *bias = (int32_t *)panel;
        float *scale = (float *)(bias + isa->panel_columns);
        struct channel_weights w = channel_weights_of(shape, weights->weights, c, p.depth);

        pack_channel_bias(shape, &w, p.depth, weights->bias ? weights->bias[c] : 0, &bias[column]);
        bias[column] = (int32_t)((uint32_t)bias[column] + (uint32_t)fold);
        scale[column] = weights->scale[c];
        pack_channel_weights(isa, &w, p.depth, p.padded_depth, column,
                             (int8_t *)(scale + isa->panel_columns));
    }
}

// ---- Gathering patches --------------------------------------------------------------------------

// One row of a patch's taps: `count` taps from column x (which may lie outside) of an input row.
static int8_t *gather_taps(const struct kernel_conv_shape *s, const int8_t *row, int32_t x,
                           int8_t *to)
{
    const size_t pixel = (size_t)s->in_c;
    int32_t before = x < 0 ? -x : 0;
    int32_t after = x + s->k_w > s->in_w ? x + s->k_w - s->in_w : 0;
    int32_t inside;

    before = before > s->k_w ? s->k_w : before;
    after = after > s->k_w ? s->k_w : after;
    inside = s->k_w - before - after;
    if (before)
        memset(to, s->input_zero_point, (size_t)before * pixel);
    if (inside > 0)
        memcpy(to + (size_t)before * pixel, row + (size_t)(x + before) * pixel,
               (size_t)inside * pixel);
    if (after)
        memset(to + (size_t)(s->k_w - after) * pixel, s->input_zero_point, (size_t)after * pixel);
    return to + (size_t)s->k_w * pixel;
}

static int8_t *gather_dilated_taps(const struct kernel_conv_shape *s, const int8_t *row, int32_t x,
                                   int8_t *to)
{
    const size_t pixel = (size_t)s->in_c;

    for (int32_t kx = 0; kx < s->k_w; kx++, x += s->dilation_w, to += pixel) {
        if (x < 0 || x >= s->in_w)
            memset(to, s->input_zero_point, pixel);
        else
            memcpy(to, row + (size_t)x * pixel, pixel);
    }
    return to;
}

static void gather_patch(const struct kernel_conv_shape *s, const int8_t *picture, int32_t y,
                         int32_t x, int8_t *to)
{
    const size_t in_row = (size_t)s->in_w * (size_t)s->in_c;
    const size_t taps_row = (size_t)s->k_w * (size_t)s->in_c;

    for (int32_t ky = 0; ky < s->k_h; ky++, y += s->dilation_h) {
        if (y < 0 || y >= s->in_h) {
            memset(to, s->input_zero_point, taps_row);
            to += taps_row;
        } else if (s->dilation_w == 1) {
            to = gather_taps(s, picture + (size_t)y * in_row, x, to);
        } else {
            to = gather_dilated_taps(s, picture + (size_t)y * in_row, x, to);
        }
    }
}

static void gather(const struct kernel_conv_shape *s, const struct plan *p, const int8_t *input,
                   int32_t row, int32_t count, int8_t *to)
{
    const size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    int32_t x = row % s->out_w, y = row / s->out_w % s->out_h, batch = row / s->out_w / s->out_h;

    for (; count > 0; count--, to += p->padded_depth) {
        gather_patch(s, input + (size_t)batch * picture, y * s->stride_h - s->pad_top,
                     x * s->stride_w - s->pad_left, to);
        memset(to + p->depth, 0, (size_t)(p->padded_depth - p->depth));
        if (++x < s->out_w)
            continue;
        x = 0;
        if (++y < s->out_h)
            continue;
        y = 0;
        batch++;
    }
}

// ---- Running ------------------------------------------------------------------------------------

// -weight_zero_point * sum(x) for each row: what the shifted weights of legacy models add to a
// product.
static void sum_rows(const struct arm_conv_block *block, int32_t depth, int32_t weight_zero_point,
                     int32_t *row_bias)
{
    for (int32_t r = 0; r < block->rows; r++) {
        const int8_t *a = block->a + (size_t)r * block->a_stride;
        int32_t sum = 0;

        for (int32_t k = 0; k < depth; k++)
            sum += a[k];
        row_bias[r] = -weight_zero_point * sum;
    }
}

static void run_unit(const struct arm_conv_isa *isa, const struct kernel_conv_shape *s,
                     const struct plan *p, const struct arm_conv_packed *packed,
                     const int8_t *input, int8_t *output, void *scratch, int32_t unit)
{
    int32_t row = unit / p->panel_blocks * p->block_rows;
    int32_t panel = unit % p->panel_blocks * p->block_panels;
    int32_t last_panel = panel + p->block_panels < p->panels ? panel + p->block_panels : p->panels;
    struct arm_conv_block block = {
        .a = p->gathered ? scratch : input + (size_t)row * (size_t)p->depth,
        .a_stride = (size_t)p->padded_depth,
        .rows = p->rows - row < p->block_rows ? p->rows - row : p->block_rows,
        .depth = p->padded_depth,
        .output_stride = (size_t)s->out_c,
        .zero_point = s->output_zero_point,
        .act_min = s->act_min,
        .act_max = s->act_max,
        .wide = packed->wide,
        .folded = packed->folded,
    };

    if (p->gathered)
        gather(s, p, input, row, block.rows, scratch);
    if (s->weight_zero_point) {
        int32_t *row_bias = (int32_t *)((char *)scratch + patches_bytes(p));

        sum_rows(&block, p->depth, s->weight_zero_point, row_bias);
        block.row_bias = row_bias;
    }
    for (; panel < last_panel; panel++) {
        int32_t column = panel * isa->panel_columns;

        block.panel = (const char *)(packed + 1) + (size_t)panel * panel_bytes(isa, p);
        block.output = output + (size_t)row * block.output_stride + column;
        block.columns =
            s->out_c - column < isa->panel_columns ? s->out_c - column : isa->panel_columns;
        isa->panel(&block);
    }
}

void arm_conv_run(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape,
                  const void *packed, const int8_t *input, int8_t *output, void *scratch,
                  int32_t first, int32_t last)
{
    struct plan p = plan_make(isa, shape);

    for (int32_t unit = first; unit < last; unit++)
        run_unit(isa, shape, &p, packed, input, output, scratch, unit);
}
