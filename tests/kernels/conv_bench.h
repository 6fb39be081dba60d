// SPDX-License-Identifier: Apache-2.0
//
// Layers of real nets, and the time each row needs for them: GMAC/s and percent of the measured
// peak.

#ifndef QEDGE_TESTS_KERNELS_CONV_BENCH_H
#define QEDGE_TESTS_KERNELS_CONV_BENCH_H

#include "tests/kernels/harness.h"
#include "tests/kernels/peak.h"

struct conv_bench_layer {
    const char *name;
    enum kernel_conv_kind kind;
    int32_t side, in_c, out_c, k, stride;
};

static const struct conv_bench_layer conv_bench_layers[] = {
    {"first 224 3>32 s2", KERNEL_CONV, 224, 3, 32, 3, 2},
    {"first 96 3>8 s2", KERNEL_CONV, 96, 3, 8, 3, 2},
    {"1x1 112 32>16", KERNEL_CONV, 112, 32, 16, 1, 1},
    {"1x1 112 16>96", KERNEL_CONV, 112, 16, 96, 1, 1},
    {"1x1 112 32>64", KERNEL_CONV, 112, 32, 64, 1, 1},
    {"1x1 56 24>144", KERNEL_CONV, 56, 24, 144, 1, 1},
    {"1x1 56 144>24", KERNEL_CONV, 56, 144, 24, 1, 1},
    {"1x1 56 128>128", KERNEL_CONV, 56, 128, 128, 1, 1},
    {"1x1 28 192>32", KERNEL_CONV, 28, 192, 32, 1, 1},
    {"1x1 28 256>256", KERNEL_CONV, 28, 256, 256, 1, 1},
    {"1x1 14 64>384", KERNEL_CONV, 14, 64, 384, 1, 1},
    {"1x1 14 384>64", KERNEL_CONV, 14, 384, 64, 1, 1},
    {"1x1 14 480>80", KERNEL_CONV, 14, 480, 80, 1, 1},
    {"1x1 14 512>512", KERNEL_CONV, 14, 512, 512, 1, 1},
    {"1x1 7 960>160", KERNEL_CONV, 7, 960, 160, 1, 1},
    {"1x1 7 1024>1024", KERNEL_CONV, 7, 1024, 1024, 1, 1},
    {"fc 1024>1001", KERNEL_CONV, 1, 1024, 1001, 1, 1},
    {"first 32 3>16", KERNEL_CONV, 32, 3, 16, 3, 1},
    {"3x3 32 16>16", KERNEL_CONV, 32, 16, 16, 3, 1},
    {"3x3 32 16>32 s2", KERNEL_CONV, 32, 16, 32, 3, 2},
    {"3x3 16 32>32", KERNEL_CONV, 16, 32, 32, 3, 1},
    {"3x3 16 32>64 s2", KERNEL_CONV, 16, 32, 64, 3, 2},
    {"3x3 8 64>64", KERNEL_CONV, 8, 64, 64, 3, 1},
    {"1x1 32 16>32 s2", KERNEL_CONV, 32, 16, 32, 1, 2},
    {"1x1 16 32>64 s2", KERNEL_CONV, 16, 32, 64, 1, 2},
    {"3x3 56 64>64", KERNEL_CONV, 56, 64, 64, 3, 1},
    {"3x3 14 256>256 s2", KERNEL_CONV, 14, 256, 256, 3, 2},
    {"dw3 112 32 s1", KERNEL_DEPTHWISE, 112, 32, 32, 3, 1},
    {"dw3 56 128 s1", KERNEL_DEPTHWISE, 56, 128, 128, 3, 1},
    {"dw3 56 144 s1", KERNEL_DEPTHWISE, 56, 144, 144, 3, 1},
    {"dw3 28 192 s1", KERNEL_DEPTHWISE, 28, 192, 192, 3, 1},
    {"dw3 14 512 s1", KERNEL_DEPTHWISE, 14, 512, 512, 3, 1},
    {"dw3 7 960 s1", KERNEL_DEPTHWISE, 7, 960, 960, 3, 1},
    {"dw3 112 64 s2", KERNEL_DEPTHWISE, 112, 64, 64, 3, 2},
    {"dw3 14 512 s2", KERNEL_DEPTHWISE, 14, 512, 512, 3, 2},
    {"dw5 28 240 s1", KERNEL_DEPTHWISE, 28, 240, 240, 5, 1},
    {"dw5 14 480 s1", KERNEL_DEPTHWISE, 14, 480, 480, 5, 1},
    {"dw5 56 144 s2", KERNEL_DEPTHWISE, 56, 144, 144, 5, 2},
};

// TFLite's SAME padding; zero points and clamps as in a real layer.
static inline struct kernel_conv_shape conv_bench_shape(const struct conv_bench_layer *layer)
{
    int32_t out = (layer->side + layer->stride - 1) / layer->stride;
    int32_t pad = (out - 1) * layer->stride + layer->k - layer->side;
    return (struct kernel_conv_shape){
        .kind = layer->kind, .batch = 1,
        .in_h = layer->side, .in_w = layer->side, .in_c = layer->in_c,
        .out_h = out, .out_w = out, .out_c = layer->out_c,
        .k_h = layer->k, .k_w = layer->k,
        .stride_h = layer->stride, .stride_w = layer->stride, .dilation_h = 1, .dilation_w = 1,
        .pad_top = pad > 0 ? pad / 2 : 0, .pad_left = pad > 0 ? pad / 2 : 0,
        .groups = 1, .depth_multiplier = 1,
        .input_zero_point = -128, .output_zero_point = -128, .act_min = -128, .act_max = 127,
    };
}

struct conv_bench_buffers {
    int8_t *input, *output, *weights;
    int32_t *bias;
    float *scale;
    void *packed, *scratch;
};

static inline void *conv_bench_alloc(size_t size)
{
    void *data = aligned_alloc(64, (size + 127) / 64 * 64);
    if (!data)
        exit(1);
    memset(data, 0, size);
    return data;
}

static inline struct conv_bench_buffers conv_bench_prepare(const struct kernel_conv *row,
                                                           const struct kernel_conv_shape *s)
{
    size_t in = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
    size_t out = (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c;
    size_t depth = (size_t)s->k_h * (size_t)s->k_w * (s->kind == KERNEL_CONV ? (size_t)s->in_c : 1);
    size_t n = (size_t)s->out_c;
    struct conv_bench_buffers b = {
        .input = conv_bench_alloc(in), .output = conv_bench_alloc(out),
        .weights = conv_bench_alloc(depth * n), .bias = conv_bench_alloc(n * 4),
        .scale = conv_bench_alloc(n * 4), .packed = conv_bench_alloc(row->packed_size(s)),
        .scratch = conv_bench_alloc(row->scratch_size(s)),
    };
    for (size_t i = 0; i < in; i++)
        b.input[i] = (int8_t)harness_random();
    for (size_t i = 0; i < depth * n; i++)
        b.weights[i] = (int8_t)harness_random();
    for (size_t c = 0; c < n; c++)
        b.scale[c] = 1.0f / (float)(depth * 40);
    struct kernel_conv_weights weights = {b.weights, b.bias, b.scale};
    row->pack(s, &weights, b.packed);
    return b;
}

static inline void conv_bench_release(struct conv_bench_buffers *b)
{
    void *all[] = {b->input, b->output, b->weights, b->bias, b->scale, b->packed, b->scratch};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

// Shortest of as many runs as fit into about 40 ms.
static inline double conv_bench_seconds(const struct kernel_conv *row,
                                        const struct kernel_conv_shape *s)
{
    struct conv_bench_buffers b = conv_bench_prepare(row, s);
    int32_t units = row->units(s);
    double best = 1e9, end = harness_now() + 0.04;
    for (int runs = 0; runs < 3 || harness_now() < end; runs++) {
        double start = harness_now();
        row->run(s, b.packed, b.input, b.output, b.scratch, 0, units);
        double took = harness_now() - start;
        best = took < best ? took : best;
    }
    conv_bench_release(&b);
    return best;
}

static inline int conv_bench(const struct kernel_conv *const *rows, size_t count)
{
    printf("%-20s %-28s %10s %9s %7s\n", "layer", "row", "us", "GMAC/s", "peak");
    for (size_t i = 0; i < sizeof conv_bench_layers / sizeof conv_bench_layers[0]; i++) {
        struct kernel_conv_shape shape = conv_bench_shape(&conv_bench_layers[i]);
        double macs = (double)shape.out_h * shape.out_w * shape.out_c * shape.k_h * shape.k_w;
        macs *= shape.kind == KERNEL_CONV ? shape.in_c : 1;
        for (size_t r = 0; r < count; r++) {
            if (!harness_wants(rows[r]->name, rows[r]->cpu) || !rows[r]->accepts(&shape))
                continue;
            if (rows[r]->cpu == 0 && harness.filter[0] == '\0' && count > 2)
                continue; // the definition is slow and not meant to be timed
            double seconds = conv_bench_seconds(rows[r], &shape), rate = macs / seconds * 1e-9;
            double peak = peak_gmacs(rows[r]->cpu);
            printf("%-20s %-28s %10.2f %9.2f", conv_bench_layers[i].name, rows[r]->name,
                   seconds * 1e6, rate);
            if (peak > 0)
                printf(" %6.1f%%", 100 * rate / peak);
            printf("\n");
            fflush(stdout);
        }
    }
    return 0;
}

#endif
