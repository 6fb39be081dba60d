// SPDX-License-Identifier: Apache-2.0
#include "qmodel/refine.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qmodel/command.h"
#include "qmodel/correction.h"
#include "qmodel/moments.h"
#include "qmodel/rounding.h"
#include "qmodel/weights.h"

#define MOMENTS_MEMORY (32u << 20)

struct refining {
    const struct refine_options *options;
    const struct draft *real, *probe;
    const struct range *ranges;
    struct draft *integer;
    // What the workers share: layers of one sweep.
    struct moments *moments;
    uint32_t count, next;
    pthread_mutex_t lock;
    int rc;
    // Of one sweep for means: for each tensor of the probe sums of its channels, in steps.
    int64_t **sums;
    uint64_t *rows;
};

static int no_memory(const struct refining *r)
{
    return command_fail(r->options->sweep.command, "no memory to round the weights");
}

// The float operator that an integer one was, or -1.
static int32_t real_layer(const struct refining *r, const struct draft_operator *op)
{
    return (uint32_t)op->outputs[0] < r->real->tensor_count ? draft_maker(r->real, op->outputs[0])
                                                            : -1;
}

// ---- rounding ---------------------------------------------------------------

static int round_layer(struct refining *r, const struct moments *m)
{
    const struct draft_operator *seen = &r->probe->operators[m->layer];
    int32_t from = real_layer(r, seen), to = draft_maker(r->integer, seen->outputs[0]);
    if (from < 0 || to < 0)
        return 0;
    const struct draft_operator *layer = &r->integer->operators[to];
    const struct draft_tensor *rounded = &r->integer->tensors[layer->inputs[1]];
    const struct draft_tensor *weights = &r->real->tensors[r->real->operators[from].inputs[1]];
    return rounding_layer(m, layer, weights, rounded, (int8_t *)(uintptr_t)rounded->data);
}

static void *work(void *arg)
{
    struct refining *r = arg;
    for (;;) {
        pthread_mutex_lock(&r->lock);
        uint32_t at = r->next++;
        bool stop = r->rc < 0;
        pthread_mutex_unlock(&r->lock);
        if (at >= r->count || stop)
            return NULL;
        int rc = round_layer(r, &r->moments[at]);
        pthread_mutex_lock(&r->lock);
        r->rc = rc < 0 ? rc : r->rc;
        pthread_mutex_unlock(&r->lock);
    }
}

// A thread that cannot be made is not missed: the caller does what is left.
static int round_layers(struct refining *r, struct moments *moments, uint32_t count)
{
    pthread_t threads[SWEEP_LANES];
    uint32_t started = 0, most = r->options->sweep.threads < 2 ? r->options->sweep.threads : 2;
    r->moments = moments;
    r->count = count;
    r->next = 0;
    while (started + 1 < most && pthread_create(&threads[started], NULL, work, r) == 0)
        started++;
    work(r);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return r->rc < 0 ? no_memory(r) : 0;
}

static int round_some(struct refining *r, struct moments *moments, uint32_t count)
{
    struct sweep_options sweep = r->options->sweep;
    sweep.what = "rounding";
    int rc = moments_gather(moments, count, r->probe, &sweep, r->options->per_input);
    if (rc == 0)
        rc = round_layers(r, moments, count);
    for (uint32_t i = 0; i < count; i++)
        moments_finish(&moments[i]);
    return rc;
}

static int round_all(struct refining *r)
{
    struct moments *moments = calloc(r->probe->operator_count + 1, sizeof(*moments));
    uint32_t count = 0, first = 0;
    int rc = moments ? 0 : no_memory(r);
    for (uint32_t i = 0; rc == 0 && i < r->probe->operator_count; i++)
        count += moments_plan(&moments[count], r->probe, i) &&
                 real_layer(r, &r->probe->operators[i]) >= 0;
    while (rc == 0 && first < count) {
        uint32_t n = 0;
        for (size_t bytes = 0; first + n < count && (n == 0 || bytes <= MOMENTS_MEMORY); n++)
            bytes += moments_bytes(&moments[first + n]);
        rc = round_some(r, moments + first, n);
        first += n;
    }
    free(moments);
    return rc;
}

// ---- biases -----------------------------------------------------------------

static int observe(void *arg, uint32_t lane, uint32_t sample, uint32_t which, int32_t tensor,
                   const void *data)
{
    struct refining *r = arg;
    const struct draft_tensor *t = &r->integer->tensors[tensor];
    (void)lane, (void)sample, (void)which;
    if ((uint32_t)tensor >= r->real->tensor_count || !r->sums[tensor] || t->type != TENSOR_INT8)
        return 0;
    uint32_t channels = r->ranges[tensor].channels, rows = (uint32_t)draft_elements(t) / channels;
    int32_t *sums = calloc(channels, sizeof(*sums));
    if (!sums)
        return -ENOMEM;
    const int8_t *q = data;
    for (uint32_t row = 0; row < rows; row++, q += channels)
        for (uint32_t c = 0; c < channels; c++)
            sums[c] += q[c];
    pthread_mutex_lock(&r->lock);
    for (uint32_t c = 0; c < channels; c++)
        r->sums[tensor][c] += sums[c] - (int64_t)rows * t->zero_point;
    r->rows[tensor] += rows;
    pthread_mutex_unlock(&r->lock);
    free(sums);
    return 0;
}

// Mean inputs in the integer model, NULL where it was not seen. For free().
static double *integer_means(const struct refining *r, int32_t source)
{
    if (!r->sums || !r->sums[source] || r->rows[source] == 0)
        return NULL;
    uint32_t channels = r->ranges[source].channels;
    double *means = malloc(channels * sizeof(*means));
    for (uint32_t c = 0; means && c < channels; c++)
        means[c] = (double)r->sums[source][c] / (double)r->rows[source] *
                   (double)r->integer->tensors[source].scales[0];
    return means;
}

static int set_bias(struct refining *r, uint32_t index)
{
    const struct draft_operator *op = &r->integer->operators[index];
    int32_t from = weights_are(op, 1) ? real_layer(r, op) : -1,
            source = correction_source(r->integer, index);
    if (from < 0 || op->keep || op->input_count < 3 || op->inputs[2] == GRAPH_ABSENT ||
        (uint32_t)source >= r->real->tensor_count)
        return 0;
    const struct draft_operator *layer = &r->real->operators[from];
    const struct draft_tensor *real = &r->real->tensors[layer->inputs[2]],
                              *bias = &r->integer->tensors[op->inputs[2]];
    float *values = malloc(real->data_bytes);
    double *means = integer_means(r, source);
    if (!values) {
        free(means);
        return no_memory(r);
    }
    memcpy(values, real->data, real->data_bytes);
    if (correction_apply(op, &r->real->tensors[layer->inputs[1]],
                         &r->integer->tensors[op->inputs[1]], &r->ranges[source], means, values))
        correction_store(values, bias, (void *)(uintptr_t)bias->data);
    free(means);
    free(values);
    return 0;
}

static int set_biases(struct refining *r)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < r->integer->operator_count; i++)
        rc = set_bias(r, i);
    return rc;
}

static int want_sums(struct refining *r)
{
    r->sums = calloc(r->real->tensor_count + 1, sizeof(*r->sums));
    r->rows = calloc(r->real->tensor_count + 1, sizeof(*r->rows));
    if (!r->sums || !r->rows)
        return no_memory(r);
    for (uint32_t i = 0; i < r->integer->operator_count; i++) {
        int32_t source = correction_source(r->integer, i);
        if (source < 0 || (uint32_t)source >= r->real->tensor_count || !r->ranges[source].sums ||
            r->sums[source])
            continue;
        r->sums[source] = calloc(r->ranges[source].channels, sizeof(**r->sums));
        if (!r->sums[source])
            return no_memory(r);
    }
    return 0;
}

static int correct_biases(struct refining *r)
{
    const struct draft *integer = r->integer;
    struct sweep_options sweep = r->options->sweep;
    struct sweep_samples samples;
    sweep.what = "correcting";
    int rc = want_sums(r);
    if (rc == 0 && r->probe == r->integer)
        rc = sweep_run(&sweep, &integer, 1, observe, r, &samples);
    if (rc == 0)
        rc = set_biases(r);
    for (uint32_t i = 0; r->sums && i < r->real->tensor_count; i++)
        free(r->sums[i]);
    free(r->sums);
    free(r->rows);
    r->sums = NULL;
    r->rows = NULL;
    return rc;
}

// ---- both -------------------------------------------------------------------

int refine(const struct refine_options *options, const struct draft *real,
           const struct range *ranges, const struct draft *probe, struct draft *integer)
{
    struct refining r = {.options = options,
                         .real = real,
                         .probe = probe,
                         .ranges = ranges,
                         .integer = integer,
                         .lock = PTHREAD_MUTEX_INITIALIZER};
    int rc = options->rounding ? round_all(&r) : 0;
    // The second time with what the first changed in the layers before.
    for (uint32_t i = 0; rc == 0 && options->bias_correction && i < (probe == integer ? 2 : 1); i++)
        rc = correct_biases(&r);
    pthread_mutex_destroy(&r.lock);
    return rc;
}
