// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a .tflite file: refused with one line, or loaded and run. A small accepted model is
// run once and its outputs are read. Its length says with which kernels, and whether its layers run
// in bands: with the cache that this machine has the nets that fit a fuzzer's input never would.

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "engine/context.h"
#include "engine/inspect.h"
#include "engine/model.h"
#include "kernels/kernels.h"

#define ARENA_MAX ((size_t)16 << 20)
#define MACS_MAX 3000000ull
#define CACHE_SMALL 512 // bytes

static void fuzz_start(void)
{
}

static void read_all(const void *bytes, size_t size)
{
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
}

// Layers that count no multiplications may still touch much memory.
static int is_small(const struct model *model)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < model_layer_count(model); i++) {
        struct layer_info layer;
        model_layer(model, i, &layer);
        bytes += layer.output->bytes;
    }
    return model_macs(model) <= MACS_MAX && bytes <= ARENA_MAX;
}

static void run(const struct model *model)
{
    struct context *context;
    if (!is_small(model) || context_create(model, 1, &context) < 0)
        return;
    for (uint32_t i = 0; i < model_input_count(model); i++) {
        size_t size = model_input(model, i)->bytes;
        uint8_t *input = malloc(size ? size : 1);
        for (size_t k = 0; input && k < size; k++)
            input[k] = (uint8_t)(k * 37 + 11);
        if (input)
            context_set_input(context, i, input);
        free(input);
    }
    context_run(context, NULL);
    for (uint32_t i = 0; i < model_output_count(model); i++)
        read_all(context_output(context, i), model_output(model, i)->bytes);
    context_destroy(context);
}

static struct model_options options_for(size_t size)
{
    static const uint32_t rows[] = {UINT32_MAX, 0, KERNEL_CPU_AVX2 | KERNEL_CPU_NEON, UINT32_MAX};
    return (struct model_options){.cpu = kernel_cpu_detect() & rows[size / 2 % 4],
                                  .arena_max = ARENA_MAX,
                                  .cache = size % 2 ? CACHE_SMALL : 0};
}

static void fuzz_one(const uint8_t *data, size_t size)
{
    struct model_options options = options_for(size);
    struct model_error error = {{0}};
    struct model *model = NULL;
    int status = model_open_memory(data, size, &options, &model, &error);
    if (status < 0) {
        fuzz_require(status == -EINVAL || status == -ENOTSUP || status == -ENOMEM);
        fuzz_require(error.text[0] && !strchr(error.text, '\n'));
        return;
    }
    for (uint32_t i = 0; i < model_label_count(model); i++)
        read_all(model_label(model, i), strlen(model_label(model, i)));
    run(model);
    model_close(model);
}
