// SPDX-License-Identifier: Apache-2.0
//
// overhead_bench   what a run costs besides its products: nets of 64 layers that have next to none.
//
// The nets are made here, in memory. Printed: the shortest and the median time of one run on one
// thread. Each layer's own few values are in it, so the engine's share is less than what is printed
// (budget: 5 us for 64).

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/context.h"
#include "engine/draft.h"
#include "engine/model.h"
#include "engine/schema.h"
#include "engine/tflite_writer.h"
#include "kernels/kernels.h"

enum { LAYERS = 64, WIDTH = 16, RUNS = 20001 };

static const float scale = 0.5f;
static int8_t weights[WIDTH * WIDTH];
static int32_t bias[WIDTH];

struct net {
    struct draft draft;
    struct draft_tensor tensors[LAYERS + 3];
    struct draft_operator operators[LAYERS];
    int32_t inputs[LAYERS][3], outputs[LAYERS], ends[2];
};

static struct draft_tensor tensor_of(const char *name, int32_t type, int32_t rank, int32_t rows)
{
    return (struct draft_tensor){.name = name, .type = type, .rank = rank, .dims = {rows, WIDTH},
                                 .scales = &scale, .scale_count = 1};
}

// Values 0 .. LAYERS are activations; a fully connected layer reads the last two as weights and
// bias, an ADD the value before the last.
static void net_init(struct net *net, int32_t code)
{
    memset(net, 0, sizeof(*net));
    for (int i = 0; i <= LAYERS; i++)
        net->tensors[i] = tensor_of("value", TENSOR_INT8, 2, 1);
    net->tensors[LAYERS + 1] = tensor_of("weights", TENSOR_INT8, 2, WIDTH);
    net->tensors[LAYERS + 1].data = weights;
    net->tensors[LAYERS + 1].data_bytes = sizeof(weights);
    net->tensors[LAYERS + 2] = tensor_of("bias", TENSOR_INT32, 1, WIDTH);
    net->tensors[LAYERS + 2].data = bias;
    net->tensors[LAYERS + 2].data_bytes = sizeof(bias);
    bool connected = code == OP_FULLY_CONNECTED;
    for (int i = 0; i < LAYERS; i++) {
        net->outputs[i] = i + 1;
        net->inputs[i][0] = i;
        net->inputs[i][1] = connected ? LAYERS + 1 : i > 0 ? i - 1 : 0;
        net->inputs[i][2] = LAYERS + 2;
        net->operators[i] = (struct draft_operator){
            .code = code,
            .version = connected ? 4 : 2,
            .name = connected ? "FULLY_CONNECTED" : "ADD",
            .input_count = connected ? 3 : 2,
            .output_count = 1,
            .inputs = net->inputs[i],
            .outputs = &net->outputs[i],
        };
    }
    net->ends[1] = LAYERS;
    net->draft = (struct draft){
        .tensors = net->tensors, .tensor_count = LAYERS + 3,
        .operators = net->operators, .operator_count = LAYERS,
        .inputs = &net->ends[0], .input_count = 1, .outputs = &net->ends[1], .output_count = 1,
    };
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void time_runs(struct context *context, const char *name)
{
    static double times[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double start = now_us();
        context_run(context, NULL);
        times[i] = now_us() - start;
    }
    qsort(times, RUNS, sizeof(times[0]), compare_times);
    printf("%d x %s of %d: shortest run %.2f us, median %.2f us\n", LAYERS, name, WIDTH, times[0],
           times[RUNS / 2]);
}

static int bench_net(int32_t code, const char *name)
{
    static struct net net;
    struct model_options options = {.cpu = kernel_cpu_detect()};
    struct model_error error = {""};
    struct model *model = NULL;
    struct context *context = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    net_init(&net, code);
    int rc = tflite_write(&net.draft, &bytes, &size);
    if (rc == 0)
        rc = model_open_memory(bytes, size, &options, &model, &error);
    if (rc == 0)
        rc = context_create(model, 1, &context);
    if (rc == 0)
        time_runs(context, name);
    else
        fprintf(stderr, "overhead_bench: %s: %s\n", name, error.text);
    context_destroy(context);
    model_close(model);
    free(bytes);
    return rc;
}

int main(void)
{
    return bench_net(OP_FULLY_CONNECTED, "FULLY_CONNECTED") < 0 || bench_net(OP_ADD, "ADD") < 0;
}
