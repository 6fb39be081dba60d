// SPDX-License-Identifier: Apache-2.0
//
// qmodel quantize: float .tflite in, quantized .tflite out. The stages are in files of their own.

#include <errno.h>
#include <stdio.h>

#include "qmodel/boundary.h"
#include "qmodel/clean.h"
#include "qmodel/command.h"
#include "qmodel/draft_file.h"
#include "qmodel/quantize_options.h"
#include "qmodel/search.h"
#include "qmodel/weights.h"

// Below this many elements int8 weights save less than their scales and the quantizing of the input
// cost.
#define QUANTIZE_DYNAMIC_LEAST 1024

// Is every activation float (or integer, as shapes are)? A quantized model is not quantized again.
static int check_float(const struct draft *d, struct model_error *error)
{
    for (uint32_t i = 0; i < d->tensor_count; i++) {
        const struct draft_tensor *t = &d->tensors[i];
        if (t->type != TENSOR_FLOAT32 && t->type != TENSOR_INT32 && t->type != TENSOR_INT64)
            return model_fail(error, -EINVAL, "it is quantized already: tensor %u '%s' is %s", i,
                              t->name, tensor_type_name(t->type));
    }
    return weights_check(d, error);
}

static int fail(const struct quantize_options *o, const struct model_error *error)
{
    return command_fail("quantize", "%s: %s", o->model, error->text);
}

static int write_model(const struct quantize_options *o, struct draft *d)
{
    size_t size;
    if (draft_compact(d) < 0)
        return command_fail("quantize", "%s: no memory to write it", o->model);
    int rc = draft_file_write("quantize", o->model, d, o->output, &size);
    if (rc == 0)
        printf("%s: %zu bytes, %.1f %% of %s\n", o->output, size,
               100.0 * (double)size / (double)d->file_bytes, o->model);
    return rc;
}

// Operators that stay float, by name or because they have no other form.
static int keep_floats(const struct quantize_options *o, struct draft *d)
{
    struct model_error error;
    if (o->keep && boundary_keep(d, o->keep, &error) < 0)
        return fail(o, &error);
    if (integer_check(d, o->search.attempt.integer.wide, o->allow_float, &error) < 0)
        return fail(o, &error);
    for (uint32_t i = 0; i < d->operator_count; i++)
        if (d->operators[i].keep)
            printf("stays float: %s '%s'\n", d->operators[i].name,
                   d->tensors[d->operators[i].outputs[0]].name);
    return 0;
}

static void print_search(const struct quantize_options *o, const struct search_result *result)
{
    printf("calibrated with %u samples\n", result->attempt.samples);
    if (!o->search.best)
        return;
    if (result->held == 0)
        printf("best is fast: with fewer than %d samples none can be held out to choose by\n",
               SEARCH_LEAST);
    else if (!result->other)
        printf("best is fast: nothing was clearly nearer to the float model on %u samples held "
               "out\n",
               result->held);
    else
        printf("best: %.1f dB nearer to the float model than fast on %u samples held out\n",
               result->gain, result->held);
}

static int apply_integer(const struct quantize_options *o, struct draft *d)
{
    struct model_error error;
    struct search_result result;
    int rc = keep_floats(o, d);
    if (rc != 0)
        return rc;
    rc = search_integer(&o->search, d, &result);
    if (rc == 0 &&
        integer_set_edges(&result.attempt.integer, &o->search.attempt.integer, &error) < 0)
        rc = fail(o, &error);
    if (rc == 0)
        rc = write_model(o, &result.attempt.integer);
    if (rc == 0)
        print_search(o, &result);
    search_finish(&result);
    return rc;
}

static int apply(const struct quantize_options *o, struct draft *d)
{
    struct model_error error;
    int rc = o->method == QUANTIZE_NONE ? 0 : check_float(d, &error);
    if (rc == 0 && clean_draft(d) < 0)
        return command_fail("quantize", "no memory to clean the model");
    if (rc == 0 && quantize_is_integer(o->method))
        return apply_integer(o, d);
    if (rc == 0 && o->method == QUANTIZE_FLOAT16)
        rc = weights_to_half(d, &error);
    if (rc == 0 && o->method == QUANTIZE_DYNAMIC)
        rc = weights_to_dynamic(d, o->search.attempt.integer.per_tensor, QUANTIZE_DYNAMIC_LEAST,
                                &error);
    return rc < 0 ? fail(o, &error) : write_model(o, d);
}

int command_quantize(int argc, char **argv)
{
    struct quantize_options o;
    struct draft draft;
    struct model_error error;
    int rc = quantize_options_parse(argc, argv, &o);
    if (rc != 0)
        return rc;
    rc = command_check_output("quantize", o.output, &o.model, 1);
    if (rc != 0)
        return rc;
    if (draft_open(&draft, o.model, &error) < 0)
        return fail(&o, &error);
    rc = apply(&o, &draft);
    draft_finish(&draft);
    return rc;
}
