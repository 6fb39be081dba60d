// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an ONNX file: refused with one line, or a draft whose .tflite file our own reader
// takes, or refuses with a line, and runs when it is small.

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "engine/context.h"
#include "engine/inspect.h"
#include "engine/tflite_writer.h"
#include "kernels/kernels.h"
#include "qmodel/onnx_import.h"

#define ARENA_MAX ((size_t)16 << 20)
#define MACS_MAX 3000000ull

static void fuzz_start(void)
{
}

static void run(const struct model *model)
{
    struct context *context;
    size_t bytes = 0;
    for (uint32_t i = 0; i < model_layer_count(model); i++) {
        struct layer_info layer;
        model_layer(model, i, &layer);
        bytes += layer.output->bytes;
    }
    if (model_macs(model) > MACS_MAX || bytes > ARENA_MAX ||
        context_create(model, 1, &context) < 0)
        return;
    for (uint32_t i = 0; i < model_input_count(model); i++) {
        uint8_t *input = calloc(1, model_input(model, i)->bytes + 1);
        if (input)
            context_set_input(context, i, input);
        free(input);
    }
    context_run(context, NULL);
    context_destroy(context);
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    struct draft draft;
    struct model_error error = {{0}};
    int status = onnx_import(data, size, NULL, &draft, &error);
    if (status < 0) {
        fuzz_require(status == -EINVAL || status == -ENOTSUP || status == -ENOMEM);
        fuzz_require(error.text[0] && !strchr(error.text, '\n'));
        return;
    }
    uint8_t *bytes = NULL;
    size_t written = 0;
    struct model *model = NULL;
    struct model_options options = {.cpu = kernel_cpu_detect(), .arena_max = ARENA_MAX};
    if (tflite_write(&draft, &bytes, &written) == 0) {
        status = model_open_memory(bytes, written, &options, &model, &error);
        fuzz_require(status == 0 || (error.text[0] && !strchr(error.text, '\n')));
        if (status == 0) {
            run(model);
            model_close(model);
        }
    }
    free(bytes);
    draft_finish(&draft);
}
