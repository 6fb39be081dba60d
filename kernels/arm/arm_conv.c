// SPDX-License-Identifier: Apache-2.0

#include "kernels/arm/arm_conv.h"

#include <string.h>

#include "kernels/arm/arm_fold.h"
#include "kernels/packing.h"

// A block of input patches and its outputs stay in this much of the first-level cache; the weights
// stream by once a block.
enum { CACHE_BUDGET = 16384, MIN_BLOCK_ROWS = 16, MAX_BLOCK_ROWS = 256, WANTED_UNITS = 12 };

struct plan {
    int32_t rows, depth, padded_depth, panels;
    int32_t block_rows, row_blocks;
    int32_t block_panels, panel_blocks;
    bool gathered;
};

static struct plan plan_make(const struct arm_conv_isa *isa, const struct kernel_conv_shape *s)
{
    struct plan p = {
        .rows = s->batch * s->out_h * s->out_w,
        .depth = s->k_h * s->k_w * s->in_c,
        .panels = packing_divide_up(s->out_c, isa->panel_columns),
    };
    int32_t block;

    p.padded_depth = packing_divide_up(p.depth, ARM_DEPTH_STEP) * ARM_DEPTH_STEP;
    p.gathered = p.depth != p.padded_depth || s->k_h != 1 || s->k_w != 1 || s->stride_h != 1 ||
                 s->stride_w != 1 || s->pad_top != 0 || s->pad_left != 0 || s->in_h != s->out_h ||
                 s->in_w != s->out_w;
    block = CACHE_BUDGET / (p.padded_depth + s->out_c);
    block = block < MIN_BLOCK_ROWS   ? MIN_BLOCK_ROWS
            : block > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS
                                     : block;
    p.row_blocks = packing_divide_up(p.rows, block);
    p.block_rows =
        packing_divide_up(packing_divide_up(p.rows, p.row_blocks), isa->tile_rows) * isa->tile_rows;
    p.row_blocks = packing_divide_up(p.rows, p.block_rows);
    p.panel_blocks =
        p.row_blocks < WANTED_UNITS ? packing_divide_up(WANTED_UNITS, p.row_blocks) : 1;
    p.block_panels = packing_divide_up(p.panels, p.panel_blocks);
    p.panel_blocks = packing_divide_up(p.panels, p.block_panels);
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

// The panels' flags come first.
static size_t flags_bytes(const struct plan *p)
{
    return packing_round_up((size_t)p->panels, 64);
}

size_t arm_conv_packed_size(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape)
{
    struct plan p = plan_make(isa, shape);

    return flags_bytes(&p) + (size_t)p.panels * panel_bytes(isa, &p);
}

// Scratch: gathered or interleaved rows of a block; the patches of one tile on their way to being
// interleaved; a row bias each. Only what the shape needs.
struct scratch_layout {
    size_t patches, row_bias, end;
};

static struct scratch_layout scratch_layout_of(const struct arm_conv_isa *isa,
                                               const struct kernel_conv_shape *shape,
                                               const struct plan *p)
{
    struct scratch_layout at = {0};
    size_t row = (size_t)p->padded_depth;

    at.patches = p->gathered || isa->interleave ? (size_t)p->block_rows * row : 0;
    at.row_bias = at.patches + (isa->interleave && p->gathered ? (size_t)isa->tile_rows * row : 0);
    at.end = at.row_bias + (shape->weight_zero_point ? (size_t)p->block_rows * sizeof(int32_t) : 0);
    return at;
}

size_t arm_conv_scratch_size(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape)
{
    struct plan p = plan_make(isa, shape);

    return scratch_layout_of(isa, shape, &p).end;
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

// What the weights of the channels [first, last) allow.
static uint8_t panel_flags(const struct kernel_conv_shape *s,
                           const struct kernel_conv_weights *weights, int32_t depth, int32_t first,
                           int32_t last)
{
    uint8_t flags = ARM_PANEL_FOLDED;

    for (int32_t c = first; c < last; c++) {
        struct channel_weights w = channel_weights_of(s, weights->weights, c, depth);
        struct arm_range range = arm_range_start(weights->bias ? weights->bias[c] : 0);

        for (int32_t k = 0; k < depth; k++) {
            int32_t value = w.first[(size_t)k * w.step];

            if (value == -128)
                flags |= ARM_PANEL_WIDE;
            arm_range_add(&range, value - s->weight_zero_point, s->input_zero_point);
        }
        if (!arm_fold_fits(&range, weights->scale[c]))
            flags &= (uint8_t)~ARM_PANEL_FOLDED;
    }
    return flags;
}

static void pack_panel(const struct arm_conv_isa *isa, const struct kernel_conv_shape *s,
                       const struct plan *p, const struct kernel_conv_weights *weights,
                       int32_t panel, uint8_t flags, void *packed)
{
    int32_t *bias = packed;
    float *scale = (float *)(bias + isa->panel_columns);
    int32_t first = panel * isa->panel_columns;
    int32_t count = packing_min(isa->panel_columns, s->out_c - first);

    for (int32_t i = 0; i < count; i++) {
        int32_t c = first + i;
        struct channel_weights w = channel_weights_of(s, weights->weights, c, p->depth);

        pack_channel_bias(s, &w, p->depth, weights->bias ? weights->bias[c] : 0, &bias[i]);
        if (flags & ARM_PANEL_FOLDED)
            bias[i] = (int32_t)((uint32_t)bias[i] + (uint32_t)ARM_FOLD);
        scale[i] = weights->scale[c];
        pack_channel_weights(isa, &w, p->depth, p->padded_depth, i,
                             (int8_t *)(scale + isa->panel_columns));
    }
}

void arm_conv_pack(const struct arm_conv_isa *isa, const struct kernel_conv_shape *shape,
                   const struct kernel_conv_weights *weights, void *packed)
{
    struct plan p = plan_make(isa, shape);
    uint8_t *flags = packed;
    char *panels = (char *)packed + flags_bytes(&p);

    memset(packed, 0, arm_conv_packed_size(isa, shape));
    for (int32_t panel = 0; panel < p.panels; panel++) {
        int32_t first = panel * isa->panel_columns;

        flags[panel] = panel_flags(shape, weights, p.depth, first,
                                   packing_min(first + isa->panel_columns, shape->out_c));
        pack_panel(isa, shape, &p, weights, panel, flags[panel],
                   panels + (size_t)panel * panel_bytes(isa, &p));
    }
}

// ---- Gathering patches --------------------------------------------------------------------------

// A patch that lies inside the picture, its taps side by side: k_h runs of `bytes`. The runs are
// often a few bytes, not worth a call; nothing but them is read.
static void gather_inside(const int8_t *restrict from, size_t in_row, size_t bytes, int32_t k_h,
                          int8_t *restrict to)
{
    if (bytes >= 8 && bytes <= 16) {
        for (; k_h > 0; k_h--, from += in_row, to += bytes) {
            uint64_t start, end;

            memcpy(&start, from, 8);
            memcpy(&end, from + bytes - 8, 8);
            memcpy(to, &start, 8);
            memcpy(to + bytes - 8, &end, 8);
        }
    } else if (bytes < 8) {
        for (; k_h > 0; k_h--, from += in_row, to += bytes)
            for (size_t i = 0; i < bytes; i++)
                to[i] = from[i];
    } else {
        for (; k_h > 0; k_h--, from += in_row, to += bytes)
            memcpy(to, from, bytes);
    }
}

// Any patch, tap by tap; (x, y) is the first tap's place and may lie outside.
static void gather_taps(const struct kernel_conv_shape *s, const int8_t *picture, int32_t y,
                        int32_t x, int8_t *to)
{
    const size_t pixel = (size_t)s->in_c;

    for (int32_t ky = 0; ky < s->k_h; ky++, y += s->dilation_h) {
        for (int32_t kx = 0, at = x; kx < s->k_w; kx++, at += s->dilation_w, to += pixel) {
            if (y < 0 || y >= s->in_h || at < 0 || at >= s->in_w)
                memset(to, s->input_zero_point, pixel);
            else
                memcpy(to, picture + ((size_t)y * (size_t)s->in_w + (size_t)at) * pixel, pixel);
        }
    }
}

// `count` patches within one output row, from column x on.
static void gather_row(const struct kernel_conv_shape *s, const struct plan *p,
                       const int8_t *picture, int32_t y, int32_t x, int32_t count, int8_t *to)
{
    const size_t pixel = (size_t)s->in_c, in_row = (size_t)s->in_w * pixel;
    const size_t padding = (size_t)(p->padded_depth - p->depth);
    const bool inside = s->dilation_h == 1 && s->dilation_w == 1 && y >= 0 && y + s->k_h <= s->in_h;

    for (; count > 0; count--, x += s->stride_w, to += p->padded_depth) {
        if (padding)
            memset(to + p->padded_depth - ARM_DEPTH_STEP, 0, ARM_DEPTH_STEP);
        if (inside && x >= 0 && x + s->k_w <= s->in_w)
            gather_inside(picture + (size_t)y * in_row + (size_t)x * pixel, in_row,
                          (size_t)s->k_w * pixel, s->k_h, to);
        else
            gather_taps(s, picture, y, x, to);
    }
}

static void gather(const struct kernel_conv_shape *s, const struct plan *p, const int8_t *input,
                   int32_t row, int32_t count, int8_t *to)
{
    const size_t picture = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;

    for (int32_t n; count > 0; count -= n, row += n, to += (size_t)n * (size_t)p->padded_depth) {
        int32_t x = row % s->out_w, y = row / s->out_w % s->out_h;
        int32_t batch = row / s->out_w / s->out_h;

        n = packing_min(count, s->out_w - x);
        gather_row(s, p, input + (size_t)batch * picture, y * s->stride_h - s->pad_top,
                   x * s->stride_w - s->pad_left, n, to);
    }
}

// 16 bytes at any address, moved by one register.
typedef uint8_t __attribute__((vector_size(16), aligned(1), may_alias)) chunk;
typedef uint64_t __attribute__((vector_size(16), aligned(1), may_alias)) halves;

// `count` rows of `depth` bytes -> one tile, 8 bytes of each row side by side: two rows' halves
// change places.
static inline void interleave_eights(const int8_t *restrict rows, int32_t count, int32_t depth,
                                     int8_t *restrict to)
{
    int32_t k = 0;

    for (; k + 16 <= depth; k += 16, to += 16 * count) {
        const int8_t *from = rows + k;

        for (int32_t r = 0; r + 2 <= count; r += 2, from += 2 * (size_t)depth) {
            halves a = *(const halves *)from, b = *(const halves *)(from + depth);

            *(halves *)(to + 8 * r) = (halves){a[0], b[0]};
            *(halves *)(to + 8 * (count + r)) = (halves){a[1], b[1]};
        }
        if (count % 2) {
            memcpy(to + 8 * (count - 1), from, 8);
            memcpy(to + 8 * (2 * count - 1), from + 8, 8);
        }
    }
    for (int32_t r = 0; r < count && k < depth; r++)
        memcpy(to + ARM_DEPTH_STEP * r, rows + (size_t)r * (size_t)depth + k, ARM_DEPTH_STEP);
}

// The same with 16 bytes, the depth's rest with 8.
static inline void interleave_rows(const int8_t *restrict rows, int32_t count, int32_t depth,
                                   int8_t *restrict to)
{
    const int8_t *row[ARM_MAX_TILE];
    size_t k = 0, end = (size_t)depth / 16 * 16;

    for (int32_t r = 0; r < count; r++)
        row[r] = rows + (size_t)r * (size_t)depth;
    for (; k < end; k += 16, to += 16 * count)
        for (int32_t r = 0; r < count; r++)
            *(chunk *)(to + 16 * r) = *(const chunk *)(row[r] + k);
    for (int32_t r = 0; r < count && k < (size_t)depth; r++)
        memcpy(to + ARM_DEPTH_STEP * r, row[r] + k, ARM_DEPTH_STEP);
}

// The whole tiles' counts are spelled out, to be unrolled.
static void interleave(const int8_t *rows, int32_t count, int32_t depth, int32_t step, int8_t *to)
{
    if (step == ARM_DEPTH_STEP && count == 8)
        interleave_eights(rows, 8, depth, to);
    else if (step == ARM_DEPTH_STEP)
        interleave_eights(rows, count, depth, to);
    else if (count == 4)
        interleave_rows(rows, 4, depth, to);
    else if (count == 8)
        interleave_rows(rows, 8, depth, to);
    else
        interleave_rows(rows, count, depth, to);
}

// ---- Running ------------------------------------------------------------------------------------

// -weight_zero_point * sum(x) for each row: what the shifted weights of legacy models add to a
// product.
static void sum_rows(const int8_t *rows, int32_t count, const struct plan *p,
                     int32_t weight_zero_point, int32_t *row_bias)
{
    for (int32_t r = 0; r < count; r++, rows += p->padded_depth) {
        int32_t sum = 0;

        for (int32_t k = 0; k < p->depth; k++)
            sum += rows[k];
        row_bias[r] = -weight_zero_point * sum;
    }
}

// Where the rows [row, row + count) lie one after the other: in the input, or gathered at `to`.
static const int8_t *rows_of(const struct kernel_conv_shape *s, const struct plan *p,
                             const int8_t *input, int32_t row, int32_t count, int8_t *to)
{
    if (!p->gathered)
        return input + (size_t)row * (size_t)p->depth;
    gather(s, p, input, row, count, to);
    return to;
}

// Sets block->a and block->row_bias.
static void prepare_rows(const struct arm_conv_isa *isa, const struct kernel_conv_shape *s,
                         const struct plan *p, const int8_t *input, int32_t row, int8_t *scratch,
                         struct arm_conv_block *block)
{
    struct scratch_layout at = scratch_layout_of(isa, s, p);
    int32_t *row_bias = s->weight_zero_point ? (int32_t *)(scratch + at.row_bias) : NULL;
    int32_t tile = isa->interleave ? isa->tile_rows : block->rows;
    int8_t *patches = isa->interleave ? scratch + at.patches : scratch;

    for (int32_t done = 0; done < block->rows; done += tile) {
        int32_t count = packing_min(block->rows - done, tile);
        const int8_t *rows = rows_of(s, p, input, row + done, count, patches);

        if (row_bias)
            sum_rows(rows, count, p, s->weight_zero_point, row_bias + done);
        if (isa->interleave)
            interleave(rows, count, p->padded_depth, isa->interleave,
                       scratch + (size_t)done * (size_t)p->padded_depth);
        else
            block->a = rows;
    }
    if (isa->interleave)
        block->a = scratch;
    block->row_bias = row_bias;
}

static void run_unit(const struct arm_conv_isa *isa, const struct kernel_conv_shape *s,
                     const struct plan *p, const void *packed, const int8_t *input, int8_t *output,
                     void *scratch, int32_t unit)
{
    int32_t row = unit / p->panel_blocks * p->block_rows;
    int32_t panel = unit % p->panel_blocks * p->block_panels;
    const uint8_t *flags = packed;
    const char *panels = (const char *)packed + flags_bytes(p);
    int32_t last_panel = packing_min(panel + p->block_panels, p->panels);
    struct arm_conv_block block = {
        .rows = packing_min(p->rows - row, p->block_rows),
        .depth = p->padded_depth,
        .output_stride = (size_t)s->out_c,
        .zero_point = s->output_zero_point,
        .act_min = s->act_min,
        .act_max = s->act_max,
    };

    prepare_rows(isa, s, p, input, row, scratch, &block);
    for (; panel < last_panel; panel++) {
        int32_t column = panel * isa->panel_columns;

        block.wide = flags[panel] & ARM_PANEL_WIDE;
        block.folded = flags[panel] & ARM_PANEL_FOLDED;
        block.panel = panels + (size_t)panel * panel_bytes(isa, p);
        block.output = output + (size_t)row * block.output_stride + column;
        block.columns = packing_min(s->out_c - column, isa->panel_columns);
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
