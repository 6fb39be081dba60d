// SPDX-License-Identifier: Apache-2.0
#include "qmodel/judge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "qmodel/command.h"

struct comparing {
    const struct draft *integer;
    int32_t tensor; // the first output, or what it is a reshape of
    float *wanted[SWEEP_LANES];
    struct verdict *verdict;
};

static double value_at(const struct draft_tensor *t, const void *data, size_t i)
{
    if (t->type == TENSOR_INT8)
        return (double)(((const int8_t *)data)[i] - t->zero_point) * (double)t->scales[0];
    if (t->type == TENSOR_INT16)
        return (double)((const int16_t *)data)[i] * (double)t->scales[0];
    return (double)((const float *)data)[i];
}

static int compare(void *arg, uint32_t lane, uint32_t sample, uint32_t which, int32_t tensor,
                   const void *data)
{
    struct comparing *c = arg;
    if (tensor != c->tensor)
        return 0;
    const struct draft_tensor *t = &c->integer->tensors[tensor];
    size_t n = (size_t)draft_elements(t);
    if (which == 0) {
        memcpy(c->wanted[lane], data, n * sizeof(float));
        return 0;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double error = value_at(t, data, i) - (double)c->wanted[lane][i];
        sum += error * error;
    }
    c->verdict->errors[c->verdict->count + sample] = sum;
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

int judge_model(const struct sweep_options *options, const struct draft *real,
                const struct draft *integer, struct verdict *verdict)
{
    struct comparing c = {.integer = integer, .tensor = seen_output(real), .verdict = verdict};
    const struct draft *drafts[2] = {real, integer};
    struct sweep_options sweep = *options;
    struct sweep_samples samples = {0};
    int rc = 0;
    sweep.what = "comparing";
    sweep.most = JUDGE_MOST;
    for (uint32_t lane = 0; lane < SWEEP_LANES; lane++)
        if (!(c.wanted[lane] =
                  calloc((size_t)draft_elements(&real->tensors[c.tensor]), sizeof(float))))
            rc = -ENOMEM;
    rc = rc < 0 ? command_fail(options->command, "no memory to compare the models")
                : sweep_run(&sweep, drafts, 2, compare, &c, &samples);
    for (uint32_t lane = 0; lane < SWEEP_LANES; lane++)
        free(c.wanted[lane]);
    if (verdict->count == 0)
        verdict->first = samples.count;
    for (uint32_t i = 0; i < samples.count; i++) // in their order, whatever thread ran them
        verdict->total += verdict->errors[verdict->count++];
    return rc;
}

// Sum of what `other` errs more.
static double sum_gains(const struct verdict *verdict, const struct verdict *other, uint32_t from,
                        uint32_t to)
{
    double sum = 0;
    for (uint32_t i = from; i < to; i++)
        sum += other->errors[i] - verdict->errors[i];
    return sum;
}

bool judge_is_better(const struct verdict *verdict, const struct verdict *other)
{
    double n = (double)verdict->count, squares = 0;
    double first = sum_gains(verdict, other, 0, verdict->first),
           second = sum_gains(verdict, other, verdict->first, verdict->count);
    if (n < 2 || first <= 0 || second <= 0)
        return false;
    double mean = (first + second) / n;
    for (uint32_t i = 0; i < verdict->count; i++) {
        double off = other->errors[i] - verdict->errors[i] - mean;
        squares += off * off;
    }
    return mean > JUDGE_DEVIATIONS * sqrt(squares / (n * (n - 1)));
}
