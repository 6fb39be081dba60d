// SPDX-License-Identifier: Apache-2.0
//
// What a thread has made of a stage's output is the rows [base, end); they lie in the stage's
// buffer from its start. It is remembered beside the scratch (layer.h), so that a piece which
// begins where the thread's last one ended goes on with those rows.

#include "engine/chain.h"

#include <string.h>

#include "kernels/packing.h"

struct rows {
    int32_t base, end;
};

struct chain_state {
    const struct layer_io *io;
    uint64_t run;
    int32_t next; // output row after those that were made
    struct rows made[CHAIN_STAGES_MAX];
};

_Static_assert(sizeof(struct chain_state) <= LAYER_KEPT, "it lies in the kept bytes");

// ---- windows -----------------------------------------------------------------------------------

// Input rows inside the picture that the output rows [from, to) need.
static struct rows needed_by(const struct chain_stage *s, struct rows out)
{
    return (struct rows){
        packing_max(0, out.base * s->stride - s->pad),
        packing_min(s->in_h, (out.end - 1) * s->stride - s->pad + s->reach),
    };
}

// The layer as it looks to one who sees no more than the band.
static struct kernel_conv_shape band_shape(const struct chain_stage *s, struct rows in,
                                           struct rows out)
{
    struct kernel_conv_shape shape = s->conv->shape;
    shape.in_h = in.end - in.base;
    shape.out_h = out.end - out.base;
    shape.pad_top = in.base - (out.base * s->stride - s->pad);
    return shape;
}

// ---- layout ------------------------------------------------------------------------------------

// Most scratch that the kernel wants for any number of rows: it may choose other ways for few.
static size_t stage_scratch(const struct chain_stage *s, int32_t rows)
{
    size_t most = 0;
    for (int32_t n = 1; s->conv && n <= rows; n++) {
        for (int32_t first = 0; first <= s->out_h - n; first += packing_max(1, s->out_h - n)) {
            struct rows out = {first, first + n};
            struct kernel_conv_shape shape = band_shape(s, needed_by(s, out), out);
            size_t bytes = s->conv->kernel->scratch_size(&shape);
            most = bytes > most ? bytes : most;
        }
    }
    return most;
}

size_t chain_bands(struct chain *chain, int32_t band)
{
    chain->band = band;
    size_t bytes = 0;
    int32_t rows = band;
    for (int32_t i = chain->count; i-- > 0;) {
        struct chain_stage *s = &chain->stages[i];
        s->rows = packing_min(rows, s->out_h);
        if (s->rows > CHAIN_ROWS_MAX)
            return SIZE_MAX;
        s->offset = bytes;
        if (i + 1 < chain->count)
            bytes += packing_round_up((size_t)s->rows * s->out_row, 64);
        rows = (s->rows - 1) * s->stride + s->reach;
    }
    return bytes;
}

size_t chain_layout(struct chain *chain, int32_t band)
{
    size_t bands = chain_bands(chain, band), most = 0;
    for (int32_t i = 0; i < chain->count; i++) {
        const struct chain_stage *s = &chain->stages[i];
        size_t bytes = packing_round_up(stage_scratch(s, s->rows), 64);
        most = bytes > most ? bytes : most;
    }
    for (int32_t i = 0; i < chain->count; i++)
        chain->stages[i].offset += most;
    return most + bands;
}

// ---- running -----------------------------------------------------------------------------------

struct run {
    const struct chain *chain;
    const struct layer_io *io;
    char *scratch;
    struct chain_state *state;
};

// Lets go of the rows before `base`.
static void keep_from(const struct run *r, int32_t stage, int32_t base)
{
    const struct chain_stage *s = &r->chain->stages[stage];
    struct rows *made = &r->state->made[stage];
    char *rows = r->scratch + s->offset;
    if (made->end <= base) {
        *made = (struct rows){base, base};
    } else if (made->base < base) {
        memmove(rows, rows + (size_t)(base - made->base) * s->out_row,
                (size_t)(made->end - base) * s->out_row);
        made->base = base;
    }
}

// Where row `row` of a stage's input lies; stage 0 reads the chain's.
static const char *input_row(const struct run *r, int32_t stage, int32_t row)
{
    if (stage == 0)
        return (const char *)r->io->in[0] + (size_t)row * r->chain->stages[0].in_row;
    const struct chain_stage *before = &r->chain->stages[stage - 1];
    return r->scratch + before->offset +
           (size_t)(row - r->state->made[stage - 1].base) * before->out_row;
}

static char *output_row(const struct run *r, int32_t stage, int32_t row)
{
    const struct chain_stage *s = &r->chain->stages[stage];
    if (stage + 1 == r->chain->count)
        return (char *)r->io->out[0] + (size_t)row * s->out_row;
    return r->scratch + s->offset + (size_t)(row - r->state->made[stage].base) * s->out_row;
}

static void run_element(const struct run *r, int32_t stage, struct rows out)
{
    const struct chain_stage *s = &r->chain->stages[stage];
    const char *a = input_row(r, stage, out.base);
    const char *b = (const char *)r->io->in[s->other] + (size_t)out.base * s->out_row;
    size_t n = (size_t)(out.end - out.base) * s->out_row;
    s->element->row(s->element, false, s->other_first ? b : a, s->other_first ? a : b, false,
                    output_row(r, stage, out.base), n);
}

static void run_conv(const struct run *r, int32_t stage, struct rows out)
{
    const struct chain_stage *s = &r->chain->stages[stage];
    struct rows in = needed_by(s, out);
    struct kernel_conv_shape shape = band_shape(s, in, out);
    const struct kernel_conv *kernel = s->conv->kernel;
    kernel->run(&shape, s->conv->packed, (const int8_t *)input_row(r, stage, in.base),
                (int8_t *)output_row(r, stage, out.base), r->scratch, 0, kernel->units(&shape));
}

// The last stage's rows [first, last): from the back what each stage has to add, then from the
// first that has to.
static void run_band(const struct run *r, int32_t first, int32_t last)
{
    struct rows add[CHAIN_STAGES_MAX];
    int32_t stage = r->chain->count - 1;
    add[stage] = (struct rows){first, last};
    for (; stage > 0; stage--) {
        struct rows need = needed_by(&r->chain->stages[stage], add[stage]);
        keep_from(r, stage - 1, need.base);
        add[stage - 1] = (struct rows){r->state->made[stage - 1].end, need.end};
        if (add[stage - 1].base >= need.end)
            break;
    }
    for (; stage < r->chain->count; stage++) {
        r->state->made[stage].end = add[stage].end;
        if (r->chain->stages[stage].conv)
            run_conv(r, stage, add[stage]);
        else
            run_element(r, stage, add[stage]);
    }
}

void chain_run(const void *params, const struct layer_io *io, void *scratch, int32_t first,
               int32_t last)
{
    const struct chain *chain = params;
    struct chain_state *state = (struct chain_state *)(void *)((char *)scratch - LAYER_KEPT);
    struct run r = {chain, io, scratch, state};
    if (state->io != io || state->run != *io->run || state->next != first)
        *state = (struct chain_state){.io = io, .run = *io->run};
    for (int32_t row = first; row < last; row += chain->band) {
        state->next = packing_min(row + chain->band, last);
        run_band(&r, row, state->next);
    }
}
