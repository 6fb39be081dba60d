// SPDX-License-Identifier: Apache-2.0
//
// qmodel quantize: float .tflite in, quantized .tflite out. The stages are in files of their own.

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "engine/tflite_writer.h"
#include "qmodel/command.h"
#include "qmodel/output_file.h"
#include "qmodel/weights.h"

// Below this many elements int8 weights save less than their scales and the quantizing of the input cost.
#define QUANTIZE_DYNAMIC_LEAST 1024

const char command_quantize_help[] =
    "usage: qmodel quantize IN.tflite -o OUT.tflite --method METHOD [OPTION...]\n\n"
    "  --method METHOD  none      the float file written anew: constants folded, dead tensors dropped\n"
    "                   float16   weights in 16 bits, arithmetic in float\n"
    "                   dynamic   weights in 8 bits a channel, activations quantized while running\n"
    "  -o, --output F   the file to write; it appears complete or not at all\n"
    "  --per-tensor     one scale for all channels of a layer's weights (for comparison; loses accuracy)\n\n"
    "Labels and normalisation in the file's metadata are carried over. The same input gives the same bytes.\n";

enum method { METHOD_UNSET, METHOD_NONE, METHOD_FLOAT16, METHOD_DYNAMIC };

struct options {
    const char *model, *output;
    enum method method;
    bool per_tensor;
};

// ---- command line --------------------------------------------------------------------------------

static int parse_method(const char *text, enum method *method)
{
    static const char *const names[] = {[METHOD_NONE] = "none", [METHOD_FLOAT16] = "float16",
                                        [METHOD_DYNAMIC] = "dynamic"};
    for (size_t i = METHOD_NONE; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], text) == 0) {
            *method = (enum method)i;
            return 0;
        }
    return command_usage("quantize", "--method takes none, float16 or dynamic, not '%s'", text);
}

enum { OPT_METHOD = 256, OPT_PER_TENSOR };

static int parse_option(struct options *o, int option)
{
    switch (option) {
    case 'o': o->output = optarg; return 0;
    case OPT_METHOD: return parse_method(optarg, &o->method);
    case OPT_PER_TENSOR: o->per_tensor = true; return 0;
    }
    return 0;
}

static int check_options(const struct options *o, int left)
{
    if (!o->model)
        return command_usage("quantize", "no model given (try qmodel quantize --help)");
    if (left)
        return command_usage("quantize", "more than one model given (try qmodel quantize --help)");
    if (!o->output)
        return command_usage("quantize", "no output given: -o OUT.tflite (try qmodel quantize --help)");
    if (o->method == METHOD_UNSET)
        return command_usage("quantize", "no --method given (try qmodel quantize --help)");
    return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"method", required_argument, NULL, OPT_METHOD},
        {"output", required_argument, NULL, 'o'},
        {"per-tensor", no_argument, NULL, OPT_PER_TENSOR},
        {NULL, 0, NULL, 0},
    };
    memset(o, 0, sizeof(*o));
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":o:", longs, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return command_usage("quantize", "%s '%s' (try qmodel quantize --help)",
                                 option == ':' ? "no value after" : "unknown option", argv[optind - 1]);
        int rc = parse_option(o, option);
        if (rc != 0)
            return rc;
    }
    if (optind < argc)
        o->model = argv[optind++];
    return check_options(o, argc - optind);
}

// ---- stages --------------------------------------------------------------------------------------

// Is every activation float (or integer, as shapes are)? A quantized model is not quantized again.
static int check_float(const struct draft *d, struct model_error *error)
{
    for (uint32_t i = 0; i < d->tensor_count; i++) {
        const struct draft_tensor *t = &d->tensors[i];
        if (t->type != TENSOR_FLOAT32 && t->type != TENSOR_INT32 && t->type != TENSOR_INT64)
            return model_fail(error, -EINVAL, "it is quantized already: tensor %u '%s' is %s", i, t->name,
                              tensor_type_name(t->type));
    }
    return weights_check(d, error);
}

static int apply(const struct options *o, struct draft *d, struct model_error *error)
{
    int rc = o->method == METHOD_NONE ? 0 : check_float(d, error);
    if (rc < 0)
        return rc;
    switch (o->method) {
    case METHOD_FLOAT16: return weights_to_half(d, error);
    case METHOD_DYNAMIC: return weights_to_dynamic(d, o->per_tensor, QUANTIZE_DYNAMIC_LEAST, error);
    default: return 0;
    }
}

// What is written must load: the engine checks it before the file appears.
static int make_bytes(struct draft *d, uint8_t **bytes, size_t *size, struct model_error *error)
{
    struct model *model;
    int rc = draft_compact(d);
    if (rc == 0)
        rc = tflite_write(d, bytes, size);
    if (rc < 0)
        return model_fail(error, rc, "the quantized model: %s", strerror(-rc));
    rc = model_open_memory(*bytes, *size, &(struct model_options){0}, &model, error);
    if (rc == 0)
        model_close(model);
    return rc;
}

static int write_model(const struct options *o, struct draft *d)
{
    struct model_error error;
    cleanup_free uint8_t *bytes = NULL;
    size_t size = 0;
    if (make_bytes(d, &bytes, &size, &error) < 0)
        return command_fail("quantize", "%s: %s", o->model, error.text);
    int rc = output_file_write(o->output, bytes, size);
    if (rc < 0)
        return command_fail("quantize", "%s: %s", o->output, strerror(-rc));
    printf("%s: %zu bytes, %.1f %% of %s\n", o->output, size, 100.0 * (double)size / (double)d->file_bytes, o->model);
    return COMMAND_OK;
}

int command_quantize(int argc, char **argv)
{
    struct options o;
    struct draft draft;
    struct model_error error;
    int rc = parse(argc, argv, &o);
    if (rc != 0)
        return rc;
    if (draft_open(&draft, o.model, &error) < 0)
        return command_fail("quantize", "%s: %s", o.model, error.text);
    if (apply(&o, &draft, &error) < 0)
        rc = command_fail("quantize", "%s: %s", o.model, error.text);
    else
        rc = write_model(&o, &draft);
    draft_finish(&draft);
    return rc;
}
