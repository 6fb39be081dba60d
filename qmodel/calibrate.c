// SPDX-License-Identifier: Apache-2.0
#include "qmodel/calibrate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "engine/context.h"
#include "engine/team.h"
#include "engine/tflite_writer.h"
#include "qmodel/command.h"
#include "qmodel/correction.h"
#include "qmodel/samples.h"

struct run {
    const struct draft *draft;
    const struct calibrate_options *options;
    struct range *ranges;
    struct model *model;
    struct context *context;
    struct team *team;
    struct samples samples;
    uint32_t *channels; // for each tensor how many means are wanted; 0 = none
    int rc;         // of range_add: the first that failed
    int32_t failed; // its tensor
};

static void observe(void *arg, int32_t tensor, const void *data)
{
    struct run *r = arg;
    const struct draft_tensor *t = &r->draft->tensors[tensor];
    if (t->type != TENSOR_FLOAT32 || r->rc < 0)
        return;
    r->rc = range_add(&r->ranges[tensor], data, (size_t)draft_elements(t), r->options->method);
    r->failed = tensor;
    if (r->rc == 0 && r->channels[tensor])
        r->rc = range_add_means(&r->ranges[tensor], data, (size_t)draft_elements(t), r->channels[tensor]);
}

// Layers that disagree about a tensor's channels (a convolution and, flattened, a fully connected layer): the first wins.
static void want_means(struct run *r)
{
    for (uint32_t i = 0; r->options->means && i < r->draft->operator_count; i++) {
        int32_t tensor = correction_source(r->draft, i);
        if (tensor >= 0 && r->channels[tensor] == 0)
            r->channels[tensor] = correction_channels(r->draft, i);
        if (tensor >= 0 && draft_elements(&r->draft->tensors[tensor]) % r->channels[tensor] != 0)
            r->channels[tensor] = 0;
    }
}

static void show_progress(uint32_t done, uint32_t count, uint64_t start)
{
    if (!isatty(STDERR_FILENO))
        return;
    uint64_t spent = clock_now_ns() - start;
    fprintf(stderr, "\rcalibrating: %u of %u, %.0f s left ", done, count,
            (double)spent / 1e9 / done * (count - done));
    if (done == count)
        fprintf(stderr, "\r\033[K");
}

static int run_sample(struct run *r, uint32_t index)
{
    int rc = samples_load(&r->samples, index, r->context);
    if (rc != 0)
        return rc;
    observe(r, r->draft->inputs[0], context_native_input(r->context));
    context_run(r->context, r->team);
    if (r->rc == 0)
        return 0;
    const char *name = r->draft->tensors[r->failed].name;
    if (r->rc == -ENOMEM)
        return command_fail(r->options->command, "no memory for the range of '%s'", name);
    return command_fail(r->options->command, "sample %u: tensor '%s' has a value that is not finite", index, name);
}

static int run_all(struct run *r)
{
    uint64_t start = clock_now_ns();
    context_watch(r->context, observe, r);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < r->samples.count; i++) {
        rc = run_sample(r, i);
        if (rc == 0)
            show_progress(i + 1, r->samples.count, start);
    }
    struct range *in = &r->ranges[r->draft->inputs[0]];
    float low, high;
    if (rc == 0 && samples_bounds(&r->samples, &low, &high)) {
        free(in->bins);
        in->bins = NULL;
        in->samples = 1;
        in->low_sum = (double)(in->low = low);
        in->high_sum = (double)(in->high = high);
    }
    return rc;
}

static int open_model(struct run *r)
{
    uint8_t *bytes;
    size_t size;
    struct model_error error;
    int rc = tflite_write(r->draft, &bytes, &size);
    if (rc < 0)
        return command_fail(r->options->command, "writing the float model: %s", strerror(-rc));
    rc = model_open_memory(bytes, size, &(struct model_options){0}, &r->model, &error);
    free(bytes);
    return rc < 0 ? command_fail(r->options->command, "%s", error.text) : 0;
}

int calibrate(const struct draft *draft, const struct calibrate_options *options, struct range *ranges,
              uint32_t *samples)
{
    struct run r = {.draft = draft, .options = options, .ranges = ranges};
    struct team_options team = {.members = options->threads};
    r.channels = calloc(draft->tensor_count + 1, sizeof(*r.channels));
    if (!r.channels)
        return command_fail(options->command, "no memory to calibrate");
    want_means(&r);
    int rc = open_model(&r);
    if (rc != 0) {
        free(r.channels);
        return rc;
    }
    rc = samples_open(&r.samples, options->command, options->data, r.model, &options->picture);
    if (rc == 0) {
        if (context_create(r.model, options->threads, &r.context) < 0 ||
            (options->threads > 1 && team_create(&team, &r.team) < 0))
            rc = command_fail(options->command, "no memory or threads to run the model");
        else
            rc = run_all(&r);
        *samples = r.samples.count;
        samples_close(&r.samples);
    }
    team_destroy(r.team);
    context_destroy(r.context);
    model_close(r.model);
    free(r.channels);
    return rc;
}
