// SPDX-License-Identifier: Apache-2.0
#include "qmodel/search.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "qmodel/command.h"
#include "qmodel/equalize.h"

// Samples whose channels are looked at to equalize them, unless it should be the best.
#define EQUALIZE_SAMPLES 64

struct search {
    const struct search_options *options;
    const struct draft *real;
    struct range *channels; // of the float draft: for equalizing
    double least;           // squared error of the best so far
    struct search_result *result;
};

static void free_ranges(struct range *ranges, uint32_t count)
{
    for (uint32_t i = 0; ranges && i < count; i++)
        range_finish(&ranges[i]);
    free(ranges);
}

static int no_memory(const struct search *s)
{
    return command_fail(s->options->calibrate.sweep.command, "no memory to quantize the model");
}

// ---- how good a model is ----------------------------------------------------

struct comparing {
    const struct draft *real, *integer;
    int32_t tensor; // the first output, or what it is a reshape of
    float *wanted[SWEEP_LANES];
    double error[SWEEP_LANES];
};

static int compare(void *arg, uint32_t lane, uint32_t sample, uint32_t which, int32_t tensor,
                   const void *data)
{
    struct comparing *c = arg;
    (void)sample;
    if (tensor != c->tensor)
        return 0;
    const struct draft_tensor *t = &c->integer->tensors[tensor];
    size_t n = (size_t)draft_elements(t);
    if (which == 0) {
        memcpy(c->wanted[lane], data, n * sizeof(float));
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        double value = t->type == TENSOR_INT8
                           ? (double)(((const int8_t *)data)[i] - t->zero_point) *
                                 (double)t->scales[0]
                       : t->type == TENSOR_INT16
                           ? (double)((const int16_t *)data)[i] * (double)t->scales[0]
                           : (double)((const float *)data)[i];
        double error = value - (double)c->wanted[lane][i];
        c->error[lane] += error * error;
    }
    return 0;
}

static int32_t seen_output(const struct draft *d)
{
    int32_t tensor = d->outputs[0];
    for (int32_t i; (i = draft_maker(d, tensor)) >= 0;) {
        int32_t code = d->operators[i].code;
        if (code != OP_RESHAPE && code != OP_SQUEEZE && code != OP_EXPAND_DIMS)
            break;
        tensor = d->operators[i].inputs[0];
    }
    return tensor;
}

// Sum of squares of what the outputs differ by.
static int measure(const struct search *s, const struct draft *integer, double *error)
{
    struct comparing c = {.real = s->real, .integer = integer, .tensor = seen_output(s->real)};
    const struct draft *drafts[2] = {s->real, integer};
    struct sweep_options sweep = s->options->calibrate.sweep;
    struct sweep_samples samples;
    int rc = 0;
    sweep.what = "comparing";
    for (uint32_t lane = 0; lane < SWEEP_LANES; lane++)
        if (!(c.wanted[lane] = calloc((size_t)draft_elements(&s->real->tensors[c.tensor]),
                                      sizeof(float))))
            rc = -ENOMEM;
    rc = rc < 0 ? no_memory(s) : sweep_run(&sweep, drafts, 2, compare, &c, &samples);
    *error = 0;
    for (uint32_t lane = 0; lane < SWEEP_LANES; lane++) {
        *error += c.error[lane];
        free(c.wanted[lane]);
    }
    return rc;
}

// ---- one way ----------------------------------------------------------------

static int convert(const struct search *s, const struct draft *base, const struct range *ranges,
                   const struct integer_options *options, struct draft *draft)
{
    struct model_error error;
    if (draft_copy(draft, base) < 0)
        return no_memory(s);
    if (integer_convert(draft, ranges, options, &error) < 0) {
        draft_finish(draft);
        return command_fail(s->options->calibrate.sweep.command, "%s", error.text);
    }
    return 0;
}

// A 16x8 model's weights are rounded for what an int8 model of the same net sees: the inputs differ
// little.
static int refine_model(const struct search *s, const struct draft *base,
                        const struct range *ranges, uint32_t samples,
                        const struct integer_options *integer_options, struct draft *integer)
{
    struct refine_options options = s->options->refine;
    struct integer_options narrow = *integer_options;
    struct draft probe;
    options.sweep = s->options->calibrate.sweep;
    options.sweep.most = samples;
    if (!options.rounding && !options.bias_correction)
        return 0;
    if (!narrow.wide)
        return refine(&options, base, ranges, integer, integer);
    narrow.wide = false;
    int rc = convert(s, base, ranges, &narrow, &probe);
    if (rc == 0) {
        rc = refine(&options, base, ranges, &probe, integer);
        draft_finish(&probe);
    }
    return rc;
}

// Keeps what is better.
static int try_method(struct search *s, const struct draft *base, const struct range *ranges,
                      const struct integer_options *options)
{
    struct draft integer;
    double error = 0;
    int rc = convert(s, base, ranges, options, &integer);
    if (rc != 0)
        return rc;
    rc = refine_model(s, base, ranges, s->result->samples, options, &integer);
    if (rc == 0 && s->options->best)
        rc = measure(s, &integer, &error);
    if (rc != 0 || (s->result->found && error >= s->least)) {
        draft_finish(&integer);
        return rc;
    }
    if (s->result->found)
        draft_finish(&s->result->integer);
    s->result->integer = integer;
    s->result->found = true;
    s->least = error;
    return 0;
}

// Ranges of all methods come from the same histograms.
static int try_methods(struct search *s, const struct draft *base, const struct range *ranges)
{
    static const struct {
        enum calibration method;
        double percentile;
    } methods[] = {{CALIBRATION_MSE, 0}, {CALIBRATION_MINMAX, 0}, {CALIBRATION_PERCENTILE, 99.99}};
    struct integer_options options = s->options->integer;
    if (!s->options->best || s->options->calibration_given || options.wide)
        return try_method(s, base, ranges, &options);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(methods) / sizeof(methods[0]); i++) {
        options.method = methods[i].method;
        options.percentile = methods[i].percentile;
        rc = try_method(s, base, ranges, &options);
    }
    return rc;
}

// `strength` 0: as it is.
static int try_strength(struct search *s, double strength)
{
    struct draft *base = &s->result->bases[s->result->base_count];
    if (draft_copy(base, s->real) < 0)
        return no_memory(s);
    s->result->base_count++;
    if (strength > 0 &&
        equalize(base, s->channels, s->options->integer.wide ? 65535 : 255, strength) < 0)
        return no_memory(s);
    uint32_t count = base->tensor_count;
    struct range *ranges = calloc(count, sizeof(*ranges));
    if (!ranges)
        return no_memory(s);
    int rc = calibrate(base, &s->options->calibrate, ranges, &s->result->samples);
    if (rc == 0)
        rc = try_methods(s, base, ranges);
    free_ranges(ranges, count);
    return rc;
}

static int look_at_channels(struct search *s)
{
    struct calibrate_options options = s->options->calibrate;
    uint32_t samples;
    s->channels = calloc(s->real->tensor_count, sizeof(*s->channels));
    if (!s->channels)
        return no_memory(s);
    options.method = CALIBRATION_MINMAX;
    options.channels = CALIBRATE_CHANNELS;
    options.sweep.most = s->options->best ? 0 : EQUALIZE_SAMPLES;
    options.sweep.what = "equalizing";
    return calibrate(s->real, &options, s->channels, &samples);
}

int search_integer(const struct search_options *options, const struct draft *real,
                   struct search_result *result)
{
    static const double strengths[SEARCH_STRENGTHS] = {0.5, 1, 0};
    struct search s = {.options = options, .real = real, .result = result};
    *result = (struct search_result){0};
    int rc = options->equalization ? look_at_channels(&s) : try_strength(&s, 0);
    for (uint32_t i = 0;
         rc == 0 && options->equalization && i < (options->best ? SEARCH_STRENGTHS : 1); i++)
        rc = try_strength(&s, strengths[i]);
    free_ranges(s.channels, real->tensor_count);
    return rc;
}

void search_finish(struct search_result *result)
{
    if (result->found)
        draft_finish(&result->integer);
    for (uint32_t i = 0; i < result->base_count; i++)
        draft_finish(&result->bases[i]);
    *result = (struct search_result){0};
}
