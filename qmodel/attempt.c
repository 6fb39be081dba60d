// SPDX-License-Identifier: Apache-2.0
#include "qmodel/attempt.h"

#include <stdlib.h>

#include "qmodel/command.h"
#include "qmodel/equalize.h"

// Samples whose channels are looked at to equalize them.
#define EQUALIZE_SAMPLES 64

static int no_memory(const struct attempt_options *o)
{
    return command_fail(o->calibrate.sweep.command, "no memory to quantize the model");
}

static void free_ranges(struct range *ranges, uint32_t count)
{
    for (uint32_t i = 0; ranges && i < count; i++)
        range_finish(&ranges[i]);
    free(ranges);
}

// ---- base -------------------------------------------------------------------

static int equalize_draft(const struct attempt_options *o, const struct attempt_plan *plan,
                          const struct draft *real, struct draft *draft)
{
    struct calibrate_options options = o->calibrate;
    struct range *channels = calloc(real->tensor_count, sizeof(*channels));
    uint32_t samples;
    if (!channels)
        return no_memory(o);
    options.method = CALIBRATION_MINMAX;
    options.channels = CALIBRATE_CHANNELS;
    options.sweep.most = EQUALIZE_SAMPLES;
    options.sweep.what = "equalizing";
    int rc = calibrate(real, &options, channels, &samples);
    if (rc == 0 && equalize(draft, channels, o->integer.wide ? 65535 : 255, plan->strength) < 0)
        rc = no_memory(o);
    free_ranges(channels, real->tensor_count);
    return rc;
}

static int make_base(const struct attempt_options *o, const struct attempt_plan *plan,
                     const struct draft *real, struct draft *base)
{
    if (draft_copy(base, real) < 0)
        return no_memory(o);
    int rc = plan->strength > 0 ? equalize_draft(o, plan, real, base) : 0;
    if (rc != 0)
        draft_finish(base);
    return rc;
}

// ---- integer ----------------------------------------------------------------

struct making {
    const struct attempt_options *options;
    const struct attempt_plan *plan;
    const struct draft *base;
    const struct range *ranges;
    uint32_t samples;
};

static int convert(const struct making *m, const struct integer_options *options,
                   struct draft *draft)
{
    struct model_error error;
    if (draft_copy(draft, m->base) < 0)
        return no_memory(m->options);
    if (integer_convert(draft, m->ranges, options, &error) < 0) {
        draft_finish(draft);
        return command_fail(m->options->calibrate.sweep.command, "%s", error.text);
    }
    return 0;
}

// A 16x8 model's weights are rounded for what an int8 model of the same net sees: the inputs differ
// little.
static int refine_model(const struct making *m, const struct integer_options *integer_options,
                        struct draft *integer)
{
    struct refine_options options = {.sweep = m->options->calibrate.sweep,
                                     .rounding = m->plan->rounding,
                                     .bias_correction = m->options->integer.bias_correction,
                                     .per_input = m->plan->per_input};
    struct integer_options narrow = *integer_options;
    struct draft probe;
    options.sweep.most = m->samples;
    if (!options.rounding && !options.bias_correction)
        return 0;
    if (!narrow.wide)
        return refine(&options, m->base, m->ranges, integer, integer);
    narrow.wide = false;
    int rc = convert(m, &narrow, &probe);
    if (rc == 0) {
        rc = refine(&options, m->base, m->ranges, &probe, integer);
        draft_finish(&probe);
    }
    return rc;
}

static int make_integer(const struct making *m, struct draft *integer)
{
    struct integer_options options = m->options->integer;
    options.method = m->plan->method;
    options.percentile = m->plan->percentile;
    int rc = convert(m, &options, integer);
    if (rc != 0)
        return rc;
    rc = refine_model(m, &options, integer);
    if (rc != 0)
        draft_finish(integer);
    return rc;
}

// ---- both -------------------------------------------------------------------

int attempt_make(const struct attempt_options *o, const struct attempt_plan *plan,
                 const struct draft *real, struct attempt *attempt)
{
    struct attempt_options options = *o;
    options.calibrate.method = plan->method;
    *attempt = (struct attempt){0};
    int rc = make_base(o, plan, real, &attempt->base);
    if (rc != 0)
        return rc;
    uint32_t count = attempt->base.tensor_count;
    struct range *ranges = calloc(count, sizeof(*ranges));
    rc = ranges ? calibrate(&attempt->base, &options.calibrate, ranges, &attempt->samples)
                : no_memory(o);
    if (rc == 0)
        rc = make_integer(&(struct making){o, plan, &attempt->base, ranges, attempt->samples},
                          &attempt->integer);
    free_ranges(ranges, count);
    attempt->made = rc == 0;
    if (rc != 0)
        draft_finish(&attempt->base);
    return rc;
}

void attempt_finish(struct attempt *attempt)
{
    if (attempt->made) {
        draft_finish(&attempt->integer);
        draft_finish(&attempt->base);
    }
    *attempt = (struct attempt){0};
}
