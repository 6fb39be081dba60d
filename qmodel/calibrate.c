// SPDX-License-Identifier: Apache-2.0
#include "qmodel/calibrate.h"

#include <stdlib.h>

#include "qmodel/command.h"
#include "qmodel/correction.h"

struct run {
    const struct draft *draft;
    const struct calibrate_options *options;
    struct range *lanes[SWEEP_LANES]; // the first is the caller's
    uint32_t *channels;               // for each tensor how many are looked at; 0 = none
};

static int observe(void *arg, uint32_t lane, uint32_t sample, uint32_t which, int32_t tensor,
                   const void *data)
{
    struct run *r = arg;
    const struct draft_tensor *t = &r->draft->tensors[tensor];
    struct range *range = &r->lanes[lane][tensor];
    (void)sample, (void)which;
    if (t->type != TENSOR_FLOAT32)
        return 0;
    int rc = range_add(range, data, (size_t)draft_elements(t), r->options->method);
    if (rc == 0 && r->channels[tensor])
        rc = range_add_channels(range, data, (size_t)draft_elements(t), r->channels[tensor]);
    return rc;
}

// Layers that disagree about a tensor's channels (a convolution and, flattened, a fully connected
// layer): the first wins.
static void want_layers(struct run *r)
{
    for (uint32_t i = 0; i < r->draft->operator_count; i++) {
        int32_t tensor = correction_source(r->draft, i);
        if (tensor >= 0 && r->channels[tensor] == 0)
            r->channels[tensor] = correction_channels(r->draft, i);
        if (tensor >= 0 && draft_elements(&r->draft->tensors[tensor]) % r->channels[tensor] != 0)
            r->channels[tensor] = 0;
    }
}

static void want_all(struct run *r)
{
    for (uint32_t i = 0; i < r->draft->tensor_count; i++) {
        const struct draft_tensor *t = &r->draft->tensors[i];
        r->channels[i] = t->rank > 1 ? (uint32_t)t->dims[t->rank - 1] : 0;
    }
}

static int start(struct run *r)
{
    r->channels = calloc(r->draft->tensor_count + 1, sizeof(*r->channels));
    bool all = r->channels;
    for (uint32_t i = 1; i < SWEEP_LANES; i++)
        all = (r->lanes[i] = calloc(r->draft->tensor_count + 1, sizeof(*r->lanes[i]))) && all;
    if (!all)
        return command_fail(r->options->sweep.command, "no memory to calibrate");
    if (r->options->channels == CALIBRATE_LAYERS)
        want_layers(r);
    if (r->options->channels == CALIBRATE_CHANNELS)
        want_all(r);
    return 0;
}

// Lane by lane: sums are rounded in the same order, whoever gathered them.
static int join_lanes(struct run *r)
{
    for (uint32_t lane = 1; lane < SWEEP_LANES; lane++)
        for (uint32_t i = 0; i < r->draft->tensor_count; i++)
            if (range_join(&r->lanes[0][i], &r->lanes[lane][i]) < 0)
                return command_fail(r->options->sweep.command, "no memory for the ranges");
    return 0;
}

static void finish(struct run *r)
{
    for (uint32_t lane = 1; lane < SWEEP_LANES; lane++) {
        for (uint32_t i = 0; r->lanes[lane] && i < r->draft->tensor_count; i++)
            range_finish(&r->lanes[lane][i]);
        free(r->lanes[lane]);
    }
    free(r->channels);
}

// A picture may have any pixel: the range of its tensor is not what these had.
static void bound_input(struct range *in, const struct sweep_samples *samples)
{
    free(in->bins);
    in->bins = NULL;
    in->samples = 1;
    in->low_sum = (double)(in->low = samples->low);
    in->high_sum = (double)(in->high = samples->high);
}

int calibrate(const struct draft *draft, const struct calibrate_options *options,
              struct range *ranges, uint32_t *samples)
{
    struct run r = {.draft = draft, .options = options, .lanes = {ranges}};
    struct sweep_samples seen = {0};
    int rc = start(&r);
    if (rc == 0)
        rc = sweep_run(&options->sweep, &draft, 1, observe, &r, &seen);
    if (rc == 0)
        rc = join_lanes(&r);
    if (rc == 0 && seen.bounded)
        bound_input(&ranges[draft->inputs[0]], &seen);
    *samples = seen.count;
    finish(&r);
    return rc;
}
