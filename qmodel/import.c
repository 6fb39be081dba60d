// SPDX-License-Identifier: Apache-2.0
//
// qmodel import MODEL.onnx -o MODEL.tflite

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/model_impl.h"
#include "qmodel/command.h"
#include "qmodel/draft_file.h"
#include "qmodel/onnx_import.h"

const char command_import_help[] =
    "usage: qmodel import MODEL.onnx -o MODEL.tflite [--input-shape N,C,H,W]\n"
    "Writes an ONNX model as .tflite: feed-forward nets for pictures, as PyTorch and others export them.\n"
    "  -o FILE               the model to write\n"
    "  --input-shape LIST    the input's size where the file leaves it open\n"
    "\n"
    "Pictures are N, H, W, C in the new file, inputs and outputs too. Batch norms and constant factors are folded into the\n"
    "weights. QuantizeLinear/DequantizeLinear pairs and QLinear operators become int8 operators with their own scales\n"
    "(uint8 where weights have a zero point); float models are for qmodel quantize. An operator that is not supported is named.\n";

struct options {
    const char *model, *output;
    struct onnx_import_options import;
};

static int parse_shape(struct options *o, const char *text)
{
    const char *at = text;
    for (o->import.rank = 0; o->import.rank < TENSOR_RANK_MAX; at++) {
        char *end;
        long size = strtol(at, &end, 10);
        if (end == at || size < 1 || size > 65536 || (*end && *end != ','))
            break;
        o->import.shape[o->import.rank++] = (int32_t)size;
        at = end;
        if (!*end)
            return 0;
    }
    return command_usage("import", "--input-shape takes up to %d sizes from 1 to 65536, not '%s'",
                         TENSOR_RANK_MAX, text);
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"output", required_argument, NULL, 'o'},
        {"input-shape", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    memset(o, 0, sizeof(*o));
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":o:", longs, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return command_bad_option("import", option, argv[optind - 1]);
        if (option == 'o')
            o->output = optarg;
        else if (parse_shape(o, optarg) != 0)
            return COMMAND_USAGE;
    }
    if (optind == argc)
        return command_usage("import", "no model given (try qmodel import --help)");
    if (argc - optind > 1)
        return command_usage("import", "more than one model: '%s'", argv[optind + 1]);
    o->model = argv[optind];
    return o->output ? 0 : command_usage("import", "no file to write: -o MODEL.tflite");
}

static int read_draft(const struct options *o, struct draft *draft, struct model_error *error)
{
    void *data;
    size_t size;
    int rc = model_read_file(o->model, &data, &size, error);
    if (rc < 0)
        return rc;
    rc = onnx_import(data, size, &o->import, draft, error);
    munmap(data, size);
    return rc;
}

int command_import(int argc, char **argv)
{
    struct options o;
    struct draft draft;
    struct model_error error;
    size_t size;
    int rc = parse(argc, argv, &o);
    if (rc != 0)
        return rc;
    rc = command_check_output("import", o.output, &o.model, 1);
    if (rc != 0)
        return rc;
    if (read_draft(&o, &draft, &error) < 0)
        return command_fail("import", "%s: %s", o.model, error.text);
    rc = draft_file_write("import", o.model, &draft, o.output, &size);
    if (rc == 0)
        printf("%s: %zu bytes, %u operators\n", o.output, size, draft.operator_count);
    draft_finish(&draft);
    return rc;
}
