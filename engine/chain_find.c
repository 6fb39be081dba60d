// SPDX-License-Identifier: Apache-2.0

#include "engine/chain_find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/chain.h"
#include "engine/ops/broadcast.h"
#include "engine/ops/conv.h"
#include "kernels/packing.h"

enum {
    LOOK_AHEAD = 8, // layers among which a picture's reader is looked for
};
// A picture of half the second-level cache is on its way out of it before it is read again; bands
// of a fifth stay there beside the weights and the pictures at both ends.
enum { CACHE_LEAST_KIB = 128, CACHE_MOST_KIB = 16384, CACHE_USUAL = 512 << 10 };
enum { LINK_PART = 2, BAND_PART = 5, BAND_ROWS_MAX = 64 };

struct finder {
    struct build *build;
    size_t cache;
    struct chain chain;
    uint32_t layers[CHAIN_STAGES_MAX];
};

// ---- stages ------------------------------------------------------------------------------------

static bool conv_stage(const struct layer *layer, struct chain_stage *stage)
{
    const struct conv_params *conv = conv_params_of(layer);
    if (!conv)
        return false;
    const struct kernel_conv_shape *s = &conv->shape;
    int64_t reach = (int64_t)(s->k_h - 1) * s->dilation_h + 1;
    if (s->batch != 1 || reach > CHAIN_REACH_MAX || s->stride_h > CHAIN_STRIDE_MAX)
        return false;
    *stage = (struct chain_stage){
        .conv = conv,
        .in_h = s->in_h,
        .out_h = s->out_h,
        .in_row = (size_t)s->in_w * (size_t)s->in_c,
        .out_row = (size_t)s->out_w * (size_t)s->out_c,
        .stride = s->stride_h,
        .reach = (int32_t)reach,
        .pad = s->pad_top,
    };
    return true;
}

// Operand `mine` comes out of the chain's stage `before`.
static bool element_stage(const struct layer *layer, const struct chain_stage *before,
                          uint32_t mine, struct chain_stage *stage)
{
    const struct broadcast_layer *element = broadcast_plain(layer);
    if (!element || (size_t)element->broadcast.length != (size_t)before->out_h * before->out_row)
        return false;
    *stage = (struct chain_stage){
        .element = element,
        .other = 1,
        .other_first = mine == 1,
        .in_h = before->out_h,
        .out_h = before->out_h,
        .in_row = before->out_row,
        .out_row = before->out_row,
        .stride = 1,
        .reach = 1,
    };
    return true;
}

// ---- links -------------------------------------------------------------------------------------

// The only layer that reads what layer `from` writes, and as which operand.
static bool find_reader(const struct build *b, uint32_t from, uint32_t *reader, uint32_t *operand)
{
    const struct layer *layer = &b->layers[from];
    if (layer->out_count != 1 || b->graph->tensors[layer->out[0]].uses != 1)
        return false;
    for (uint32_t i = from + 1; i < b->layer_count && i <= from + LOOK_AHEAD; i++)
        for (uint32_t j = 0; !b->layers[i].dead && j < b->layers[i].in_count; j++)
            if (b->layers[i].in[j] == layer->out[0]) {
                *reader = i;
                *operand = j;
                return true;
            }
    return false;
}

static bool add_stage(struct finder *f)
{
    struct chain *c = &f->chain;
    const struct chain_stage *before = &c->stages[c->count - 1];
    struct chain_stage *stage = &c->stages[c->count];
    uint32_t reader, operand;
    if (c->count == CHAIN_STAGES_MAX || 
        before->out_row * (size_t)before->out_h < f->cache / LINK_PART ||
        !find_reader(f->build, f->layers[c->count - 1], &reader, &operand))
        return false;
    const struct layer *layer = &f->build->layers[reader];
    bool conv = operand == 0 && conv_stage(layer, stage) && stage->in_h == before->out_h &&
                stage->in_row == before->out_row;
    // One other operand is all that a chain takes.
    for (int32_t i = 0; !conv && i < c->count; i++)
        if (c->stages[i].element)
            return false;
    if (!conv && !element_stage(layer, before, operand, stage))
        return false;
    f->layers[c->count++] = reader;
    return true;
}

// ---- chains ------------------------------------------------------------------------------------

// As many rows as the cache takes, in pairs: kernels like those.
static bool choose_band(struct chain *c, size_t most)
{
    int32_t band = 2, rows = c->stages[c->count - 1].out_h;
    if (chain_bands(c, band) > most)
        return false;
    while (band < rows && band < BAND_ROWS_MAX && chain_bands(c, band + 2) <= most)
        band += 2;
    c->band = packing_min(band, rows);
    return true;
}

// "CONV+DW+CONV+ADD"
static void append_name(const struct chain_stage *s, const char *op, char *text, size_t size)
{
    size_t length = strlen(text);
    const char *name = !s->conv ? op : s->conv->shape.kind == KERNEL_CONV ? "CONV" : "DW";
    snprintf(text + length, size - length, "%s%s", length ? "+" : "", name);
}

// Takes the last stage's place.
static int add_chain(struct finder *f)
{
    struct build *b = f->build;
    struct chain *c = store_take(b->keep, sizeof(*c));
    int32_t *in = store_take_array(b->keep, 2, sizeof(*in));
    char name[64] = "", kernel[64];
    struct layer *last = &b->layers[f->layers[f->chain.count - 1]], chain = *last;
    if (!c || !in)
        return model_fail(b->error, -ENOMEM, "no memory for a layer");
    *c = f->chain;
    chain.macs = chain.packed_bytes = 0;
    chain.in = in;
    chain.in[0] = b->layers[f->layers[0]].in[0];
    chain.in_count = 1;
    for (int32_t i = 0; i < c->count; i++) {
        struct layer *layer = &b->layers[f->layers[i]];
        append_name(&c->stages[i], layer->op, name, sizeof(name));
        chain.macs += layer->macs;
        chain.packed_bytes += layer->packed_bytes;
        if (c->stages[i].element)
            chain.in[chain.in_count++] = layer->in[!c->stages[i].other_first];
        layer->dead = true;
    }
    const char *isa = strrchr(b->layers[f->layers[0]].kernel, '_');
    snprintf(kernel, sizeof(kernel), "bands_of_%d%s", c->band, isa ? isa : "");
    chain.op = store_take_text(b->keep, name);
    chain.kernel = store_take_text(b->keep, kernel);
    if (!chain.op || !chain.kernel)
        return model_fail(b->error, -ENOMEM, "no memory for a layer");
    chain.op_index = b->layers[f->layers[0]].op_index;
    chain.run = chain_run;
    chain.params = c;
    chain.units = c->stages[c->count - 1].out_h;
    chain.scratch = chain_layout(c, c->band);
    chain.dead = false;
    *last = chain;
    return 0;
}

int chain_find(struct build *b, size_t cache)
{
    for (uint32_t i = 0; i < b->layer_count; i++) {
        struct finder f = {.build = b, .cache = cache, .chain.count = 1, .layers = {i}};
        if (b->layers[i].dead || !conv_stage(&b->layers[i], &f.chain.stages[0]))
            continue;
        while (add_stage(&f))
            ;
        while (f.chain.count > 1 && !choose_band(&f.chain, cache / BAND_PART))
            f.chain.count--;
        int rc = f.chain.count > 1 ? add_chain(&f) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

// Linux tells it in /sys; the C library knows it on some machines only.
size_t chain_cache(void)
{
    unsigned long kib = 0;
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/cache/index2/size", "re");
    if (file && fscanf(file, "%luK", &kib) != 1)
        kib = 0;
    if (file)
        fclose(file);
    return kib >= CACHE_LEAST_KIB && kib <= CACHE_MOST_KIB ? (size_t)kib << 10 : CACHE_USUAL;
}
