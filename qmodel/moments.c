// SPDX-License-Identifier: Apache-2.0
//
// A sample's rows are laid down number by number (all rows' first number, all rows' second ...), so
// that each moment is a product of two vectors of 16-bit numbers. Each lane has rooms of its own
// for them; the moments themselves are shared and behind one lock a layer.

#include "qmodel/moments.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qmodel/command.h"
#include "qmodel/weights.h"

#define ROWS_MULTIPLE 16
#define ROWS_MOST 256 // a sample's: their products fit 32 bits
#define ROOM_MOST 65536

// ---- planning ---------------------------------------------------------------

static bool only_moves(int32_t code)
{
    return code == OP_RESHAPE || code == OP_SQUEEZE || code == OP_EXPAND_DIMS;
}

// Past reshapes and zero padding to the tensor that a layer made. `dims` are the input's until a
// PAD gives its own.
static bool find_source(struct moments *m, const struct draft *d, int32_t input)
{
    int32_t dims[4] = {1, m->height, m->wide, m->depth};
    m->source = input;
    for (int32_t i; (i = draft_maker(d, m->source)) >= 0;) {
        const struct draft_operator *op = &d->operators[i];
        const struct draft_tensor *amounts = op->code == OP_PAD ? &d->tensors[op->inputs[1]] : NULL;
        if (op->code == OP_PAD) {
            const struct draft_tensor *out = &d->tensors[op->outputs[0]],
                                      *in = &d->tensors[op->inputs[0]];
            if (m->kernel_h == 0 || out->rank != 4 || memcmp(out->dims, dims, sizeof(dims)) != 0 ||
                amounts->type != TENSOR_INT32 || !amounts->data)
                return false;
            const int32_t *n = amounts->data;
            m->top += n[2];
            m->left += n[4];
            if (n[0] || n[1] || n[6] || n[7])
                return false;
            memcpy(dims, in->dims, sizeof(dims));
        } else if (!only_moves(op->code)) {
            break;
        }
        m->source = op->inputs[0];
    }
    m->height = dims[1];
    m->wide = dims[2];
    return draft_elements(&d->tensors[m->source]) == (int64_t)m->height * m->wide * m->depth;
}

static int32_t before(int32_t size, int32_t kernel, int32_t stride, int32_t out, int32_t padding)
{
    int32_t need = (out - 1) * stride + kernel - size;
    return padding == PADDING_SAME && need > 0 ? need / 2 : 0;
}

static bool plan_convolution(struct moments *m, const struct draft *d,
                             const struct draft_operator *op)
{
    const struct draft_tensor *in = &d->tensors[op->inputs[0]], *w = &d->tensors[op->inputs[1]];
    const struct draft_tensor *out = &d->tensors[op->outputs[0]];
    const struct graph_options *o = &op->options;
    if (in->rank != 4 || in->dims[0] != 1 || out->rank != 4 || w->rank != 4)
        return false;
    m->height = in->dims[1], m->wide = in->dims[2], m->depth = in->dims[3];
    m->kernel_h = w->dims[1], m->kernel_w = w->dims[2];
    m->stride_h = o->stride_h, m->stride_w = o->stride_w, m->dilation_h = o->dilation_h,
    m->dilation_w = o->dilation_w;
    m->out_h = out->dims[1], m->out_w = out->dims[2];
    m->top = before(m->height, (m->kernel_h - 1) * m->dilation_h + 1, m->stride_h, m->out_h,
                    o->padding);
    m->left = before(m->wide, (m->kernel_w - 1) * m->dilation_w + 1, m->stride_w, m->out_w,
                     o->padding);
    m->depthwise = op->code == OP_DEPTHWISE_CONV_2D;
    return m->depthwise ? w->dims[3] % m->depth == 0 : w->dims[3] == m->depth;
}

static bool plan_vector(struct moments *m, const struct draft *d, const struct draft_operator *op)
{
    const struct draft_tensor *in = &d->tensors[op->inputs[0]], *w = &d->tensors[op->inputs[1]];
    if (w->rank != 2 || w->dims[1] == 0 || draft_elements(in) % w->dims[1] != 0)
        return false;
    m->depth = w->dims[1];
    m->height = m->out_h = (int32_t)(draft_elements(in) / m->depth);
    m->wide = m->out_w = m->kernel_h = m->kernel_w = m->stride_h = m->stride_w = m->dilation_h =
        m->dilation_w = 1;
    return true;
}

bool moments_plan(struct moments *m, const struct draft *d, uint32_t layer)
{
    const struct draft_operator *op = &d->operators[layer];
    *m = (struct moments){.layer = layer};
    if (!weights_are(op, 1) || d->tensors[op->inputs[1]].type != TENSOR_INT8)
        return false;
    bool fits = op->code == OP_FULLY_CONNECTED ? plan_vector(m, d, op) : plan_convolution(m, d, op);
    if (!fits || !find_source(m, d, op->inputs[0]))
        return false;
    const struct draft_tensor *source = &d->tensors[m->source];
    uint32_t taps = (uint32_t)(m->kernel_h * m->kernel_w);
    m->width = taps * (uint32_t)m->depth;
    m->size = m->depthwise ? taps : m->width < MOMENTS_BLOCK ? m->width : MOMENTS_BLOCK;
    m->groups = (m->width + m->size - 1) / m->size;
    m->zero_point = source->zero_point;
    return source->type == TENSOR_INT8;
}

size_t moments_bytes(const struct moments *m)
{
    return (size_t)m->groups * m->size * m->size * sizeof(int64_t);
}

// ---- one sample -------------------------------------------------------------

struct gathering {
    struct moments *moments;
    uint32_t count;
    uint32_t *per_sample; // of each layer: how many rows
    int16_t **rooms;      // [layer][lane]: [width][stride] numbers
    pthread_mutex_t *locks;
};

static uint32_t stride_of(uint32_t rows)
{
    return (rows + ROWS_MULTIPLE - 1) / ROWS_MULTIPLE * ROWS_MULTIPLE;
}

// Which output position the sample's row `i` is: evenly spread, beginning elsewhere in each sample.
static uint32_t position(const struct moments *m, uint32_t sample, uint32_t i, uint32_t rows)
{
    uint32_t all = (uint32_t)m->out_h * (uint32_t)m->out_w;
    uint32_t start = (uint32_t)((uint64_t)(sample * UINT32_C(2654435761)) * all >> 32);
    return (uint32_t)((start + (uint64_t)i * all / rows) % all);
}

// Calls `put` for each number of a row: index in the row, element of the source or -1 for padding.
// Depthwise rows are ordered by channel, others as the weights are.
typedef void put_number(void *arg, uint32_t number, int64_t element);

static void cut_row(const struct moments *m, uint32_t at, put_number *put, void *arg)
{
    int32_t y0 = (int32_t)at / m->out_w * m->stride_h - m->top,
            x0 = (int32_t)at % m->out_w * m->stride_w - m->left;
    uint32_t taps = (uint32_t)(m->kernel_h * m->kernel_w), depth = (uint32_t)m->depth;
    for (int32_t ky = 0; ky < m->kernel_h; ky++)
        for (int32_t kx = 0; kx < m->kernel_w; kx++) {
            int32_t y = y0 + ky * m->dilation_h, x = x0 + kx * m->dilation_w;
            bool inside = y >= 0 && y < m->height && x >= 0 && x < m->wide;
            uint32_t tap = (uint32_t)(ky * m->kernel_w + kx);
            for (uint32_t c = 0; c < depth; c++)
                put(arg, m->depthwise ? c * taps + tap : tap * depth + c,
                    inside ? ((int64_t)y * m->wide + x) * m->depth + c : -1);
        }
}

struct cutting {
    const struct moments *m;
    int16_t *room;
    const int8_t *data;
    uint32_t row, stride;
};

static void put_steps(void *arg, uint32_t number, int64_t element)
{
    const struct cutting *c = arg;
    c->room[number * c->stride + c->row] =
        (int16_t)(element < 0 ? 0 : c->data[element] - c->m->zero_point);
}

static int32_t product(const int16_t *a, const int16_t *b, uint32_t n)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add_rows(struct moments *m, const int16_t *rows, uint32_t stride, uint32_t count)
{
    m->rows += count;
    for (uint32_t g = 0; g < m->groups; g++) {
        uint32_t n = m->width - g * m->size < m->size ? m->width - g * m->size : m->size;
        size_t first = (size_t)g * m->size, base = first * m->size;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = i; j < n; j++)
                m->square[base + (size_t)i * m->size + j] += product(
                    rows + (first + i) * stride, rows + (first + j) * stride, stride);
    }
}

static void observe_layer(struct gathering *g, uint32_t index, uint32_t lane, uint32_t sample,
                          const void *data)
{
    struct moments *m = &g->moments[index];
    int16_t *room = g->rooms[index * SWEEP_LANES + lane];
    uint32_t rows = g->per_sample[index], stride = stride_of(rows);
    for (uint32_t i = 0; i < rows; i++) {
        struct cutting c = {m, room, data, i, stride};
        cut_row(m, position(m, sample, i, rows), put_steps, &c);
    }
    pthread_mutex_lock(&g->locks[index]);
    add_rows(m, room, stride, rows);
    pthread_mutex_unlock(&g->locks[index]);
}

static int observe(void *arg, uint32_t lane, uint32_t sample, uint32_t which, int32_t tensor,
                   const void *data)
{
    struct gathering *g = arg;
    (void)which;
    for (uint32_t i = 0; i < g->count; i++)
        if (g->moments[i].source == tensor)
            observe_layer(g, i, lane, sample, data);
    return 0;
}

// ---- all samples ------------------------------------------------------------

static int make_room(struct gathering *g, uint32_t index, uint32_t samples, uint32_t per_input)
{
    struct moments *m = &g->moments[index];
    uint64_t all = (uint64_t)m->out_h * (uint64_t)m->out_w,
             want = ((uint64_t)m->size * per_input + samples - 1) / samples;
    want = want < ROWS_MULTIPLE ? ROWS_MULTIPLE : want > ROWS_MOST ? ROWS_MOST : want;
    while (want > ROWS_MULTIPLE && want * m->width > ROOM_MOST)
        want /= 2;
    g->per_sample[index] = (uint32_t)(want < all ? want : all);
    size_t numbers = (size_t)m->width * stride_of(g->per_sample[index]);
    m->square = calloc(1, moments_bytes(m));
    bool made = m->square;
    for (uint32_t lane = 0; lane < SWEEP_LANES; lane++)
        made = (g->rooms[index * SWEEP_LANES + lane] = calloc(numbers, sizeof(int16_t))) && made;
    return made ? 0 : -ENOMEM;
}

static int start(struct gathering *g, uint32_t samples, uint32_t per_input)
{
    g->per_sample = calloc(g->count + 1, sizeof(*g->per_sample));
    g->rooms = calloc(g->count + 1, SWEEP_LANES * sizeof(*g->rooms));
    g->locks = calloc(g->count + 1, sizeof(*g->locks));
    if (!g->per_sample || !g->rooms || !g->locks)
        return -ENOMEM;
    int rc = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        pthread_mutex_init(&g->locks[i], NULL);
        rc = rc == 0 ? make_room(g, i, samples, per_input) : rc;
    }
    return rc;
}

static void finish(struct gathering *g)
{
    for (uint32_t i = 0; g->rooms && i < g->count * SWEEP_LANES; i++)
        free(g->rooms[i]);
    for (uint32_t i = 0; g->locks && i < g->count; i++)
        pthread_mutex_destroy(&g->locks[i]);
    free(g->per_sample);
    free(g->rooms);
    free(g->locks);
}

int moments_gather(struct moments *moments, uint32_t count, const struct draft *integer,
                   const struct sweep_options *options, uint32_t per_input)
{
    struct gathering g = {.moments = moments, .count = count};
    struct sweep_samples samples;
    int rc = start(&g, options->most, per_input);
    if (rc < 0)
        rc = command_fail(options->command, "no memory for what rounding needs to know");
    else
        rc = sweep_run(options, &integer, 1, observe, &g, &samples);
    finish(&g);
    return rc;
}

void moments_finish(struct moments *m)
{
    free(m->square);
    m->square = NULL;
}
