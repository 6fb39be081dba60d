// SPDX-License-Identifier: Apache-2.0
//
// Chains against the same layers run one after the other: equal bytes, for swept shapes, kernels of
// every instruction set that this CPU has, bands, threads and cuts between them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/chain.h"
#include "engine/context.h"
#include "engine/inspect.h"
#include "engine/model.h"
#include "engine/team.h"

#define DEFAULT_MODEL "models/efficientnet_lite0_int8.tflite"
#define THREADS_MAX 4

// ---- layers ------------------------------------------------------------------------------------

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 8) * below >> 24);
}

static int8_t *draw_bytes(size_t n)
{
    int8_t *bytes = malloc(n ? n : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (int8_t)(draw(255) - 127);
    return bytes;
}

static struct conv_params make_conv(const struct kernel_conv_shape *shape, uint32_t cpu)
{
    size_t out_c = (size_t)shape->out_c;
    size_t depth = (size_t)(shape->k_h * shape->k_w) *
                   (shape->kind == KERNEL_CONV ? (size_t)shape->in_c : 1);
    struct conv_params p = {*shape, kernel_conv_select(shape, cpu), NULL};
    int8_t *weights = draw_bytes(out_c * depth);
    int32_t *bias = malloc(out_c * sizeof(*bias));
    float *scale = malloc(out_c * sizeof(*scale));
    for (size_t c = 0; c < out_c; c++) {
        bias[c] = (int32_t)draw(2000) - 1000;
        scale[c] = 0.02f / (float)(depth + draw(8));
    }
    p.packed = aligned_alloc(64, (p.kernel->packed_size(shape) + 63) / 64 * 64);
    p.kernel->pack(shape, &(struct kernel_conv_weights){weights, bias, scale}, p.packed);
    free(weights);
    free(bias);
    free(scale);
    return p;
}

// Any function of two operands that tells them apart.
static void row_mix(const void *params, bool swapped, const void *a, const void *b, bool b_scalar,
                    void *out, size_t n)
{
    const int8_t *x = a, *y = b;
    (void)params;
    assert_false(swapped || b_scalar);
    for (size_t i = 0; i < n; i++)
        ((int8_t *)out)[i] = (int8_t)((x[i] >> 1) + (y[i] >> 3));
}

static const struct broadcast_layer mix = {.row = row_mix, .element = 1};

// ---- nets --------------------------------------------------------------------------------------

// A picture, its layers, and what they give one by one.
struct net {
    struct chain chain;
    struct conv_params convs[CHAIN_STAGES_MAX];
    int8_t *input, *other, *expected;
    size_t output_bytes;
};

struct window {
    int32_t k, stride, dilation;
    bool same;
};

// As engine/ops/window.c does it, for one axis.
static int32_t solve(int32_t in, const struct window *w, int32_t *pad)
{
    int32_t reach = (w->k - 1) * w->dilation + 1, out = (in - reach) / w->stride + 1, total;
    *pad = 0;
    if (!w->same)
        return out;
    out = (in - 1) / w->stride + 1;
    total = (out - 1) * w->stride + reach - in;
    *pad = total > 0 ? total / 2 : 0;
    return out;
}

static void add_conv(struct net *net, enum kernel_conv_kind kind, struct kernel_conv_shape in,
                     int32_t out_c, const struct window *w, uint32_t cpu)
{
    struct kernel_conv_shape s = {
        .kind = kind, .batch = 1, .in_h = in.out_h, .in_w = in.out_w, .in_c = in.out_c,
        .out_c = out_c, .k_h = w->k, .k_w = w->k, .stride_h = w->stride, .stride_w = w->stride,
        .dilation_h = w->dilation, .dilation_w = w->dilation, .groups = 1, .depth_multiplier = 1,
        .input_zero_point = (int32_t)draw(100) - 50, .output_zero_point = (int32_t)draw(40) - 20,
        .weight_zero_point = draw(4) ? 0 : 3, .act_min = -128, .act_max = 127,
    };
    s.out_h = solve(s.in_h, w, &s.pad_top);
    s.out_w = solve(s.in_w, w, &s.pad_left);
    int32_t i = net->chain.count++;
    net->convs[i] = make_conv(&s, cpu);
    net->chain.stages[i] = (struct chain_stage){
        .conv = &net->convs[i], .in_h = s.in_h, .out_h = s.out_h,
        .in_row = (size_t)s.in_w * (size_t)s.in_c, .out_row = (size_t)s.out_w * (size_t)s.out_c,
        .stride = w->stride, .reach = (w->k - 1) * w->dilation + 1, .pad = s.pad_top,
    };
}

static void add_mix(struct net *net)
{
    const struct chain_stage *before = &net->chain.stages[net->chain.count - 1];
    net->chain.stages[net->chain.count++] = (struct chain_stage){
        .element = &mix, .other = 1, .other_first = draw(2), .in_h = before->out_h,
        .out_h = before->out_h, .in_row = before->out_row, .out_row = before->out_row,
        .stride = 1, .reach = 1,
    };
}

// Layer by layer, whole pictures.
static int8_t *run_layers(const struct net *net)
{
    int8_t *in = NULL;
    for (int32_t i = 0; i < net->chain.count; i++) {
        const struct chain_stage *s = &net->chain.stages[i];
        size_t n = (size_t)s->out_h * s->out_row;
        int8_t *out = malloc(n);
        if (s->conv) {
            const struct kernel_conv_shape *shape = &s->conv->shape;
            void *scratch = aligned_alloc(64, s->conv->kernel->scratch_size(shape) / 64 * 64 + 64);
            s->conv->kernel->run(shape, s->conv->packed, in ? in : net->input, out, scratch, 0,
                                 s->conv->kernel->units(shape));
            free(scratch);
        } else {
            row_mix(NULL, false, s->other_first ? net->other : in, s->other_first ? in : net->other,
                    false, out, n);
        }
        free(in);
        in = out;
    }
    return in;
}

// expand -> depthwise -> project (-> mix), or a part of it.
static void make_net(struct net *net, uint32_t cpu)
{
    struct window one = {1, 1, 1, true};
    struct window window = {draw(3) ? 3 : 5, 1 + (int32_t)draw(2), draw(6) ? 1 : 2, draw(3) > 0};
    struct kernel_conv_shape s = {.out_h = 9 + (int32_t)draw(24), .out_w = 9 + (int32_t)draw(12)};
    uint32_t parts = draw(5);
    *net = (struct net){.chain.count = 0};
    s.out_c = parts == 4 ? 3 : 1 + (int32_t)draw(40);
    net->input = draw_bytes((size_t)(s.out_h * s.out_w * s.out_c));
    if (parts == 4) // as a network begins
        add_conv(net, KERNEL_CONV, s, 16, &(struct window){3, 2, 1, true}, cpu);
    else if (parts != 1)
        add_conv(net, KERNEL_CONV, s, 8 + (int32_t)draw(100), &one, cpu);
    if (net->chain.count)
        s = net->convs[0].shape;
    int32_t behind = (window.k - 1) * window.dilation;
    window.same = window.same || s.out_h <= behind || s.out_w <= behind;
    add_conv(net, KERNEL_DEPTHWISE, s, s.out_c, &window, cpu);
    s = net->convs[net->chain.count - 1].shape;
    if (parts != 2) {
        add_conv(net, KERNEL_CONV, s, 1 + (int32_t)draw(48), &one, cpu);
        if (draw(2))
            add_mix(net);
    }
    const struct chain_stage *last = &net->chain.stages[net->chain.count - 1];
    net->output_bytes = (size_t)last->out_h * last->out_row;
    net->other = draw_bytes(net->output_bytes);
    net->expected = run_layers(net);
}

static void free_net(struct net *net)
{
    for (int32_t i = 0; i < net->chain.count; i++)
        free(net->convs[i].packed);
    free(net->input);
    free(net->other);
    free(net->expected);
}

// ---- chains ------------------------------------------------------------------------------------

struct job {
    const struct chain *chain;
    struct layer_io io;
    char *scratch[THREADS_MAX];
};

static void run_piece(void *arg, uint32_t member, int32_t first, int32_t last)
{
    struct job *job = arg;
    chain_run(job->chain, &job->io, job->scratch[member] + LAYER_KEPT, first, last);
}

static void check_chain(struct net *net, int32_t band, struct team *team)
{
    size_t scratch = chain_layout(&net->chain, band);
    uint64_t run = 0;
    int8_t *output = malloc(net->output_bytes);
    const void *in[] = {net->input, net->other};
    void *out[] = {output};
    struct job job = {&net->chain, {in, out, &run}, {NULL}};
    for (uint32_t i = 0; i < team_members(team); i++) {
        size_t bytes = (LAYER_KEPT + scratch + 63) / 64 * 64;
        job.scratch[i] = aligned_alloc(64, bytes);
        memset(job.scratch[i], 0, LAYER_KEPT);
        memset(job.scratch[i] + LAYER_KEPT, 0x55, bytes - LAYER_KEPT);
    }
    int32_t rows = net->chain.stages[net->chain.count - 1].out_h;
    for (run = 1; run <= 2; run++) { // what the first run kept is of no use to the second
        memset(output, 0, net->output_bytes);
        team_run(team, rows, run_piece, &job);
        assert_memory_equal(output, net->expected, net->output_bytes);
        net->input[draw((uint32_t)net->chain.stages[0].in_row)] ^= 0x5a;
        free(net->expected);
        net->expected = run_layers(net);
    }
    for (uint32_t i = 0; i < team_members(team); i++)
        free(job.scratch[i]);
    free(output);
}

static void sweep(uint32_t cpu, uint32_t threads, int nets)
{
    struct team *team;
    struct team_options options = {.members = threads};
    assert_int_equal(team_create(&options, &team), 0);
    team_wake(team);
    for (int i = 0; i < nets; i++) {
        struct net net;
        make_net(&net, cpu);
        check_chain(&net, 1 + (int32_t)draw(2), team);
        check_chain(&net, 3 + (int32_t)draw(6), team);
        free_net(&net);
    }
    team_rest(team);
    team_destroy(team);
}

static void all_instruction_sets(void **state)
{
    (void)state;
    uint32_t cpu = kernel_cpu_detect();
    seed = 7;
    sweep(0, 1, 10);
    for (uint32_t bit = 0; bit < 32; bit++)
        if (cpu >> bit & 1)
            sweep(cpu & ((UINT32_C(2) << bit) - 1), 1, 60);
}

static void threads(void **state)
{
    (void)state;
    seed = 99;
    for (uint32_t n = 2; n <= THREADS_MAX; n++)
        sweep(kernel_cpu_detect(), n, 30);
}

// Pieces in any order by one thread, as when it takes some of another's.
static void pieces_out_of_order(void **state)
{
    (void)state;
    seed = 5;
    for (int i = 0; i < 40; i++) {
        struct net net;
        make_net(&net, kernel_cpu_detect());
        int32_t rows = net.chain.stages[net.chain.count - 1].out_h;
        int32_t middle = (int32_t)draw((uint32_t)rows);
        size_t bytes = LAYER_KEPT + chain_layout(&net.chain, 3);
        char *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
        int8_t *output = calloc(1, net.output_bytes);
        uint64_t run = 1;
        memset(scratch, 0, LAYER_KEPT);
        struct layer_io io = {(const void *[]){net.input, net.other}, (void *[]){output}, &run};
        chain_run(&net.chain, &io, scratch + LAYER_KEPT, middle, rows);
        chain_run(&net.chain, &io, scratch + LAYER_KEPT, 0, middle / 2);
        chain_run(&net.chain, &io, scratch + LAYER_KEPT, middle / 2, middle);
        assert_memory_equal(output, net.expected, net.output_bytes);
        // The next run goes on at the row where this one ended, with another picture.
        net.input[net.chain.stages[0].in_row * (size_t)net.chain.stages[0].in_h / 2] ^= 0x5a;
        free(net.expected);
        net.expected = run_layers(&net);
        run = 2;
        chain_run(&net.chain, &io, scratch + LAYER_KEPT, middle, rows);
        chain_run(&net.chain, &io, scratch + LAYER_KEPT, 0, middle);
        assert_memory_equal(output, net.expected, net.output_bytes);
        free(output);
        free(scratch);
        free_net(&net);
    }
}

// ---- models ------------------------------------------------------------------------------------

// The same model with chains for caches of any size, down to one that only two rows fit.
static void models_with_and_without(void **state)
{
    (void)state;
    static const size_t caches[] = {2 << 20, 700 << 10, 300 << 10, 120 << 10};
    struct model_options options = {.cpu = kernel_cpu_detect(), .no_chains = true};
    struct model_error error;
    struct model *whole, *banded;
    struct context *expected, *context;
    assert_int_equal(model_open(DEFAULT_MODEL, &options, &whole, &error), 0);
    assert_int_equal(context_create(whole, 1, &expected), 0);
    size_t in = model_native_input(whole)->bytes, out = model_output(whole, 0)->bytes;
    uint32_t layers = model_layer_count(whole);
    options.no_chains = false;
    for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
        options.cache = caches[i];
        assert_int_equal(model_open(DEFAULT_MODEL, &options, &banded, &error), 0);
        assert_int_equal(context_create(banded, 1, &context), 0);
        int8_t *noise = draw_bytes(in);
        memcpy(context_native_input(expected), noise, in);
        memcpy(context_native_input(context), noise, in);
        context_run(expected, NULL);
        context_run(context, NULL);
        assert_memory_equal(context_output(expected, 0), context_output(context, 0), out);
        assert_true(model_layer_count(banded) < layers);
        assert_true(model_arena_size(banded) < model_arena_size(whole));
        assert_int_equal(model_macs(banded), model_macs(whole));
        free(noise);
        context_destroy(context);
        model_close(banded);
    }
    context_destroy(expected);
    model_close(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_instruction_sets),
        cmocka_unit_test(threads),
        cmocka_unit_test(pieces_out_of_order),
        cmocka_unit_test(models_with_and_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
