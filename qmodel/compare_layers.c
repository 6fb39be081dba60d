// SPDX-License-Identifier: Apache-2.0
//
// Where the difference comes from. For a sample B runs and its layers' outputs are kept as numbers;
// A runs as it is (whole); then A runs once more, and whenever a layer of it is done, its output is
// compared with B's and replaced by it: so each layer of A works on the very input that B's layer
// had (own).

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/classify.h"
#include "engine/inspect.h"
#include "qmodel/command.h"
#include "qmodel/comparison.h"

#define SCANNED 4 // samples that channels' factors are estimated with

struct layer {
    struct layer_info info;
    int32_t tensor; // of its output in the file, -1: not known
    bool taken;
};

static uint64_t elements_of(const struct tensor_info *t)
{
    uint64_t n = 1;
    for (int32_t d = 0; d < t->rank; d++)
        n *= (uint64_t)t->dims[d];
    return n;
}

static uint32_t last_axis(const struct tensor_info *t)
{
    return t->rank > 0 ? (uint32_t)t->dims[t->rank - 1] : 1;
}

static bool is_readable(enum tensor_type type)
{
    return type == TENSOR_FLOAT32 || type == TENSOR_INT8 || type == TENSOR_INT16;
}

// ---- pairing ----------------------------------------------------------------

static struct layer *list_layers(const struct model *model)
{
    uint32_t count = model_layer_count(model);
    struct layer *layers = calloc(count + 1, sizeof(*layers));
    for (uint32_t i = 0; layers && i < count; i++) {
        struct value_info value;
        model_layer(model, i, &layers[i].info);
        layers[i].tensor = -1;
        for (uint32_t v = 0; v < model_value_count(model); v++)
            if (model_value(model, v, &value) && value.tensor == layers[i].info.output)
                layers[i].tensor = (int32_t)v;
    }
    return layers;
}

static bool may_pair(const struct layer *a, const struct layer *b)
{
    return !a->taken && a->tensor >= 0 && is_readable(a->info.output->type) &&
           elements_of(a->info.output) == elements_of(b->info.output);
}

// By the output's name; else the next layer of the same operator and size.
static struct layer *find_pair(struct layer *layers, uint32_t count, uint32_t from,
                               const struct layer *b)
{
    for (uint32_t i = 0; i < count; i++)
        if (may_pair(&layers[i], b) &&
            strcmp(layers[i].info.output->name, b->info.output->name) == 0)
            return &layers[i];
    for (uint32_t i = from; i < count; i++)
        if (may_pair(&layers[i], b) && strcmp(layers[i].info.op, b->info.op) == 0)
            return &layers[i];
    return NULL;
}

static int add_pair(struct comparison *c, struct layer *a, const struct layer *b)
{
    struct comparison_layer *layer = &c->layers[c->layer_count];
    a->taken = true;
    *layer = (struct comparison_layer){.name = b->info.output->name,
                                       .op = b->info.op,
                                       .tensors = {a->tensor, b->tensor},
                                       .operators = {a->info.op_index, b->info.op_index},
                                       .elements = elements_of(b->info.output)};
    layer->channels = last_axis(b->info.output);
    layer->values = malloc(layer->elements * sizeof(float));
    if (!layer->values)
        return -ENOMEM;
    c->layer_count++;
    return 0;
}

int comparison_pair(struct comparison *c)
{
    uint32_t counts[2] = {model_layer_count(c->sides[0].model),
                          model_layer_count(c->sides[1].model)};
    struct layer *a = list_layers(c->sides[0].model), *b = list_layers(c->sides[1].model);
    c->layers = calloc(counts[1] + 1, sizeof(*c->layers));
    int rc = a && b && c->layers ? 0 : -ENOMEM;
    for (uint32_t i = 0, from = 0; rc == 0 && i < counts[1]; i++) {
        bool usable = b[i].tensor >= 0 && is_readable(b[i].info.output->type);
        struct layer *pair = usable ? find_pair(a, counts[0], from, &b[i]) : NULL;
        if (pair) {
            rc = add_pair(c, pair, &b[i]);
            from = (uint32_t)(pair - a) + 1;
        } else {
            c->unmatched++;
        }
    }
    free(a);
    free(b);
    return rc < 0 ? command_fail("compare", "no memory for the layers' values") : 0;
}

void comparison_finish_layers(struct comparison *c)
{
    for (uint32_t i = 0; i < c->layer_count; i++) {
        free(c->layers[i].values);
        free(c->layers[i].gains);
        range_finish(&c->layers[i].seen[0]);
        range_finish(&c->layers[i].seen[1]);
    }
    free(c->layers);
    c->layers = NULL;
    c->layer_count = 0;
}

// ---- numbers of a tensor ----------------------------------------------------

static float read_value(const struct tensor_info *t, const void *data, uint64_t i)
{
    switch (t->type) {
    case TENSOR_INT8: return (float)(((const int8_t *)data)[i] - t->zero_point) * t->scale;
    case TENSOR_INT16: return (float)(((const int16_t *)data)[i] - t->zero_point) * t->scale;
    default: return ((const float *)data)[i];
    }
}

static void write_value(const struct tensor_info *t, void *data, uint64_t i, float value)
{
    float limit = t->type == TENSOR_INT8 ? 127 : 32767;
    float step = t->type == TENSOR_FLOAT32 ? 0 : rintf(value / t->scale) + (float)t->zero_point;
    step = step > limit ? limit : step >= -limit - 1 ? step : -limit - 1;
    switch (t->type) {
    case TENSOR_INT8: ((int8_t *)data)[i] = (int8_t)step; break;
    case TENSOR_INT16: ((int16_t *)data)[i] = (int16_t)step; break;
    default: ((float *)data)[i] = value; break;
    }
}

static const struct tensor_info *tensor_of(const struct comparison *c, uint32_t side,
                                           int32_t tensor)
{
    struct value_info value;
    return model_value(c->sides[side].model, (uint32_t)tensor, &value) ? value.tensor : NULL;
}

// ---- the three runs ---------------------------------------------------------

static struct comparison_layer *layer_of(struct comparison *c, uint32_t side, int32_t tensor)
{
    for (uint32_t i = 0; i < c->layer_count; i++)
        if (c->layers[i].tensors[side] == tensor)
            return &c->layers[i];
    return NULL;
}

static void keep_b(void *arg, int32_t tensor, const void *data)
{
    struct comparison *c = arg;
    struct comparison_layer *layer = layer_of(c, 1, tensor);
    if (!layer)
        return;
    const struct tensor_info *t = tensor_of(c, 1, tensor);
    for (uint64_t i = 0; i < layer->elements; i++)
        layer->values[i] = read_value(t, data, i) / (c->scanning ? 1 : comparison_gain(layer, i));
    if (!c->scanning)
        range_add(&layer->seen[1], layer->values, layer->elements, CALIBRATION_MSE);
}

static void add_noise(const struct comparison_layer *layer, const struct tensor_info *t,
                      const void *data, double *signal, double *noise)
{
    double s = 0, n = 0;
    for (uint64_t i = 0; i < layer->elements; i++) {
        double a = (double)read_value(t, data, i), d = a - (double)layer->values[i];
        s += a * a;
        n += d * d;
    }
    *signal += s;
    *noise += n;
}

static void watch_whole(void *arg, int32_t tensor, const void *data)
{
    struct comparison *c = arg;
    struct comparison_layer *layer = layer_of(c, 0, tensor);
    if (!layer)
        return;
    const struct tensor_info *t = tensor_of(c, 0, tensor);
    add_noise(layer, t, data, &layer->whole_signal, &layer->whole_noise);
    if (t->type == TENSOR_FLOAT32)
        range_add(&layer->seen[0], data, layer->elements, CALIBRATION_MSE);
}

// The context's own memory, between two layers: what is written is what the next layers read
// (context.h).
static void watch_own(void *arg, int32_t tensor, const void *data)
{
    struct comparison *c = arg;
    struct comparison_layer *layer = layer_of(c, 0, tensor);
    if (!layer)
        return;
    const struct tensor_info *t = tensor_of(c, 0, tensor);
    add_noise(layer, t, data, &layer->own_signal, &layer->own_noise);
    void *output = (void *)(uintptr_t)data;
    for (uint64_t i = 0; i < layer->elements; i++)
        write_value(t, output, i, layer->values[i]);
}

// As watch_own, with factors that are learnt on the way: those of a layer before the next one
// reads.
static void watch_gains(void *arg, int32_t tensor, const void *data)
{
    struct comparison *c = arg;
    struct comparison_layer *layer = layer_of(c, 0, tensor);
    if (!layer)
        return;
    const struct tensor_info *t = tensor_of(c, 0, tensor);
    for (uint64_t i = 0; i < layer->elements; i++)
        comparison_gains_add(layer, i, read_value(t, data, i), layer->values[i]);
    comparison_gains_solve(layer);
    void *output = (void *)(uintptr_t)data;
    for (uint64_t i = 0; i < layer->elements; i++)
        write_value(t, output, i, layer->values[i] / comparison_gain(layer, i));
}

// A's input becomes what B's steps make of it.
static void give_input(struct comparison *c)
{
    const struct tensor_info *to = model_native_input(c->sides[0].model),
                             *from = model_native_input(c->sides[1].model);
    const void *data = context_native_input(c->sides[1].context);
    void *input = context_native_input(c->sides[0].context);
    for (uint64_t i = 0, n = elements_of(to); i < n && n == elements_of(from); i++)
        write_value(to, input, i, read_value(from, data, i));
}

static int run_watched(struct comparison *c, uint32_t side, uint32_t sample,
                       context_watcher *watcher)
{
    struct comparison_side *s = &c->sides[side];
    int rc = samples_load(&s->samples, sample, s->context);
    if (rc != 0)
        return rc;
    context_watch(s->context, watcher, c);
    context_run(s->context, NULL);
    context_watch(s->context, NULL, NULL);
    return 0;
}

// A on B's input.
static int run_forced(struct comparison *c, uint32_t sample, context_watcher *watcher)
{
    struct comparison_side *a = &c->sides[0], *b = &c->sides[1];
    int rc = samples_load(&b->samples, sample, b->context); // overwritten while it ran, maybe
    if (rc != 0)
        return rc;
    give_input(c);
    context_watch(a->context, watcher, c);
    context_run(a->context, NULL);
    context_watch(a->context, NULL, NULL);
    return 0;
}

int comparison_scan(struct comparison *c)
{
    uint32_t count = c->sides[0].samples.count;
    int rc = 0;
    if (comparison_gains_start(c) < 0)
        return command_fail("compare", "no memory for the channels' factors");
    c->scanning = true;
    for (uint32_t i = 0; rc == 0 && c->rescaled && i < count && i < SCANNED; i++) {
        rc = run_watched(c, 1, i, keep_b);
        if (rc == 0)
            rc = run_forced(c, i, watch_gains);
    }
    c->scanning = false;
    return rc;
}

int comparison_add_layers(struct comparison *c, uint32_t sample)
{
    int rc = run_watched(c, 1, sample, keep_b);
    if (rc == 0)
        rc = run_watched(c, 0, sample, watch_whole);
    if (rc == 0)
        rc = run_forced(c, sample, watch_own);
    c->layer_samples++;
    return rc;
}
