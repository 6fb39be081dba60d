// SPDX-License-Identifier: Apache-2.0
#include "engine/ops/broadcast.h"

#include <errno.h>
#include <string.h>

#define BROADCAST_CHUNK 2048 // elements; chunks of one call are done as one
#define BROADCAST_TILE 4096 // elements

static int32_t dim_from_right(const struct graph_tensor *t, int32_t from_right)
{
    return from_right < t->rank ? t->dims[t->rank - 1 - from_right] : 1;
}

// Appends a dimension of `size`, merged with the one before when the same sides repeat.
static void append(struct broadcast *c, int32_t size, enum broadcast_side side)
{
    if (size == 1)
        return;
    if (c->rank > 0 && c->sides[c->rank - 1] == side) {
        c->dims[c->rank - 1] *= size;
        return;
    }
    c->dims[c->rank] = size;
    c->sides[c->rank++] = side;
}

int broadcast_solve(struct build *b, struct broadcast *c)
{
    const struct graph_tensor *left = build_input(b, 0), *right = build_input(b, 1);
    if (!left || !right)
        return -EINVAL;
    int32_t rank = left->rank > right->rank ? left->rank : right->rank, dims[TENSOR_RANK_MAX];
    memset(c, 0, sizeof(*c));
    for (int32_t i = rank; i-- > 0;) {
        int32_t x = dim_from_right(left, i), y = dim_from_right(right, i);
        if (x != y && x != 1 && y != 1)
            return build_fail(b, -EINVAL, "dimensions %d and %d do not go together", x, y);
        dims[rank - 1 - i] = x > y ? x : y;
    }
    int rc = build_shape(b, 0, rank, dims);
    if (rc < 0)
        return rc;
    for (int32_t i = rank; i-- > 0;) {
        int32_t x = dim_from_right(left, i), y = dim_from_right(right, i);
        append(c, x > y ? x : y,
               x == y   ? BROADCAST_NONE
               : x == 1 ? BROADCAST_A_REPEATS
                        : BROADCAST_B_REPEATS);
    }
    c->length = c->rank ? c->dims[c->rank - 1] : 1;
    c->side = c->rank ? c->sides[c->rank - 1] : BROADCAST_NONE;
    c->runs = 1;
    for (int32_t i = 0; i + 1 < c->rank; i++)
        c->runs *= c->dims[i];
    return 0;
}

void broadcast_offsets(const struct broadcast *c, int64_t index, size_t *a, size_t *b)
{
    size_t step_a = c->side == BROADCAST_A_REPEATS ? 1 : (size_t)c->length;
    size_t step_b = c->side == BROADCAST_B_REPEATS ? 1 : (size_t)c->length;
    *a = *b = 0;
    for (int32_t d = c->rank - 2; d >= 0; d--) {
        size_t at = (size_t)(index % c->dims[d]);
        index /= c->dims[d];
        if (c->sides[d] != BROADCAST_A_REPEATS) {
            *a += at * step_a;
            step_a *= (size_t)c->dims[d];
        }
        if (c->sides[d] != BROADCAST_B_REPEATS) {
            *b += at * step_b;
            step_b *= (size_t)c->dims[d];
        }
    }
}

static void run_row(const struct broadcast_layer *l, const char *a, const char *b, char *out,
                    size_t n)
{
    if (l->broadcast.side == BROADCAST_A_REPEATS)
        l->row(l, true, b, a, true, out, n);
    else
        l->row(l, false, a, b, l->broadcast.side == BROADCAST_B_REPEATS, out, n);
}

// A single run is cut into chunks.
static void run_chunks(const struct broadcast_layer *l, const struct layer_io *io, int32_t first,
                       int32_t last)
{
    size_t from = (size_t)first * BROADCAST_CHUNK, to = (size_t)last * BROADCAST_CHUNK;
    if (to > (size_t)l->broadcast.length)
        to = (size_t)l->broadcast.length;
    size_t a = l->broadcast.side == BROADCAST_A_REPEATS ? 0 : from;
    size_t b = l->broadcast.side == BROADCAST_B_REPEATS ? 0 : from;
    run_row(l, (const char *)io->in[0] + a * l->element, (const char *)io->in[1] + b * l->element,
            (char *)io->out[0] + from * l->element, to - from);
}

// Short runs side by side: one operand goes on, the other (a channel's factor, say) is the same for
// each.
static void run_tiles(const struct broadcast_layer *l, const struct layer_io *io, char *scratch,
                      int32_t first, int32_t last)
{
    const struct broadcast *c = &l->broadcast;
    bool a_repeats = c->sides[c->rank - 2] == BROADCAST_A_REPEATS;
    size_t bytes = (size_t)c->length * l->element, a, b;
    int32_t side = c->dims[c->rank - 2], tiled = -1;
    for (int32_t i = first, n; i < last; i += n) {
        int32_t group = i / side, rest = side - i % side;
        n = rest < last - i ? rest : last - i;
        n = n < l->tile ? n : l->tile;
        broadcast_offsets(c, i, &a, &b);
        const char *left = (const char *)io->in[0] + a * l->element,
                   *right = (const char *)io->in[1] + b * l->element;
        for (int32_t t = 0; group != tiled && t < l->tile; t++)
            memcpy(scratch + (size_t)t * bytes, a_repeats ? left : right, bytes);
        tiled = group;
        l->row(l, false, a_repeats ? scratch : left, a_repeats ? right : scratch, false,
               (char *)io->out[0] + (size_t)i * bytes, (size_t)n * (size_t)c->length);
    }
}

static void run_broadcast(const void *params, const struct layer_io *io, void *scratch,
                          int32_t first, int32_t last)
{
    const struct broadcast_layer *l = params;
    if (l->broadcast.runs == 1) {
        run_chunks(l, io, first, last);
        return;
    }
    if (l->tile > 1) {
        run_tiles(l, io, scratch, first, last);
        return;
    }
    size_t length = (size_t)l->broadcast.length, a, b;
    for (int32_t i = first; i < last; i++) {
        broadcast_offsets(&l->broadcast, i, &a, &b);
        run_row(l, (const char *)io->in[0] + a * l->element,
                (const char *)io->in[1] + b * l->element,
                (char *)io->out[0] + (size_t)i * length * l->element, length);
    }
}

const struct broadcast_layer *broadcast_plain(const struct layer *layer)
{
    const struct broadcast_layer *l = layer->run == run_broadcast ? layer->params : NULL;
    bool plain = l && l->broadcast.runs == 1 && l->broadcast.side == BROADCAST_NONE;
    return plain && l->element == 1 ? l : NULL;
}

int broadcast_add(struct build *b, struct broadcast_layer *l, const char *kernel)
{
    int rc = broadcast_solve(b, &l->broadcast);
    if (rc < 0)
        return rc;
    struct layer *layer = build_layer(b, run_broadcast, kernel, l, 2);
    if (!layer)
        return -ENOMEM;
    layer->units = (int32_t)l->broadcast.runs;
    l->tile = 1;
    if (l->broadcast.rank > 1 && l->broadcast.side == BROADCAST_NONE &&
        l->broadcast.length < BROADCAST_TILE) {
        l->tile = (int32_t)(BROADCAST_TILE / l->broadcast.length);
        layer->scratch = (size_t)l->tile * (size_t)l->broadcast.length * l->element;
    }
    if (l->broadcast.runs == 1)
        layer->units = (int32_t)((l->broadcast.length + BROADCAST_CHUNK - 1) / BROADCAST_CHUNK);
    return 0;
}
