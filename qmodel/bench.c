// SPDX-License-Identifier: Apache-2.0
//
// qmodel bench: times a model. The input is the same noise every time; what is timed is
// context_run.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/machine.h"
#include "engine/context.h"
#include "engine/inspect.h"
#include "engine/team.h"
#include "qmodel/command.h"
#include "qmodel/loading.h"

#define BENCH_RUNS_MAX 1000000
#define BENCH_DEFAULT_NS 1000000000ull

// clang-format off
const char command_bench_help[] =
    "usage: qmodel bench [OPTION...] MODEL.tflite\n\n"
    "Times the model on noise, without reading or converting pictures.\n\n"
    "  --threads N   threads that share each layer (default 1)\n"
    "  --runs N      timed runs after one tenth as many untimed ones (default: as many as\n"
    "                fit a second, at least 10)\n"
    "  --cache KIB   run layers in bands of rows as for a CPU with so much second-level cache\n"
    "                (default: this one's), 0: each layer on its own\n"
    "  --layers      each layer's shortest time and speed too\n"
    "  --json        JSON; times in microseconds: min_us, median_us, p99_us\n\n"
    "A line THROTTLED (JSON: throttled, null where it can not be told) says that heat or low voltage\n"
    "held the machine back meanwhile.\n";
// clang-format on

struct options {
    const char *model;
    long threads, runs, cache_kib; // cache: -1 = this CPU's
    bool layers, json;
};

struct timing {
    uint64_t *runs_ns; // sorted
    size_t count;
    uint64_t *layers_ns; // least of the timed runs; NULL when not asked for
    bool throttle_known;
    uint32_t throttled; // what held the machine back meanwhile, FIRMWARE_UNDER_VOLTAGE …
};

// ---- command line -----------------------------------------------------------

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"threads", required_argument, NULL, 't'}, {"runs", required_argument, NULL, 'r'},
        {"cache", required_argument, NULL, 'c'},   {"layers", no_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},          {NULL, 0, NULL, 0},
    };
    *o = (struct options){.threads = 1, .cache_kib = -1};
    opterr = 0;
    optind = 1;
    for (int option, rc = 0; (option = getopt_long(argc, argv, ":", longs, NULL)) != -1;) {
        switch (option) {
        case 't': rc = command_number("bench", "--threads", optarg, 1, 64, &o->threads); break;
        case 'r':
            rc = command_number("bench", "--runs", optarg, 1, BENCH_RUNS_MAX, &o->runs);
            break;
        case 'c': rc = command_number("bench", "--cache", optarg, 0, 1 << 20, &o->cache_kib); break;
        case 'l': o->layers = true; break;
        case 'j': o->json = true; break;
        default: rc = command_bad_option("bench", option, argv[optind - 1]);
        }
        if (rc != 0)
            return rc;
    }
    if (optind + 1 != argc)
        return command_usage("bench", "expected one model (try qmodel bench --help)");
    o->model = argv[optind];
    return 0;
}

// ---- timing -----------------------------------------------------------------

static void fill_noise(const struct model *model, struct context *context)
{
    const struct tensor_info *in = model_native_input(model);
    uint8_t *bytes = context_native_input(context);
    uint32_t state = 1;
    for (size_t i = 0; i < in->bytes; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    // Any bytes are int8 values; floats must be numbers of a usual size.
    if (in->type == TENSOR_FLOAT32)
        for (size_t i = 0; i < in->bytes / sizeof(float); i++)
            ((float *)(void *)bytes)[i] = (float)bytes[i * sizeof(float)] / 127.5f - 1.0f;
}

static uint64_t time_run(const struct model *model, struct context *context, struct team *team)
{
    fill_noise(model, context);
    uint64_t start = clock_now_ns();
    context_run(context, team);
    return clock_now_ns() - start;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static long choose_runs(const struct model *model, struct context *context, struct team *team,
                        long wanted)
{
    if (wanted)
        return wanted;
    time_run(model, context, team);
    uint64_t ns = time_run(model, context, team) + 1;
    uint64_t fit = BENCH_DEFAULT_NS / ns;
    return fit < 10 ? 10 : fit > 10000 ? 10000 : (long)fit;
}

// A machine that is held back by heat or low voltage gives times that say little about it.
static void watch_begin(struct machine *machine)
{
    const char *root = getenv("QEDGE_ROOT");
    machine_init(machine, &firmware_device, root ? root : "");
    machine_sample(machine, clock_now_ns());
}

static void watch_end(struct machine *machine, struct timing *t)
{
    uint32_t before = machine->throttle.since_boot;
    machine_sample(machine, clock_now_ns());
    t->throttle_known = machine->throttle.source != NULL;
    t->throttled = machine->throttle.since_start | (machine->throttle.since_boot & ~before);
    machine_finish(machine);
}

static int measure(const struct options *o, const struct model *model, struct context *context,
                   struct team *team, struct timing *t)
{
    long runs = choose_runs(model, context, team, o->runs);
    uint32_t layers = model_layer_count(model);
    cleanup_free uint64_t *profile = calloc(layers + 1, sizeof(*profile));
    t->runs_ns = calloc((size_t)runs, sizeof(*t->runs_ns));
    t->layers_ns = o->layers ? calloc(layers + 1, sizeof(*t->layers_ns)) : NULL;
    if (!profile || !t->runs_ns || (o->layers && !t->layers_ns))
        return command_fail("bench", "no memory for %ld runs", runs);
    long warm_up = runs / 10 + (team ? CONTEXT_TRIAL_RUNS : 1);
    for (long i = 0; i < warm_up; i++)
        time_run(model, context, team);
    struct machine machine;
    watch_begin(&machine);
    context_profile(context, o->layers ? profile : NULL);
    for (long i = 0; i < runs; i++) {
        t->runs_ns[i] = time_run(model, context, team);
        for (uint32_t l = 0; o->layers && l < layers; l++)
            t->layers_ns[l] = i == 0 || profile[l] < t->layers_ns[l] ? profile[l] : t->layers_ns[l];
    }
    watch_end(&machine, t);
    t->count = (size_t)runs;
    qsort(t->runs_ns, t->count, sizeof(*t->runs_ns), compare);
    return 0;
}

// ---- results ----------------------------------------------------------------

static double quantile_us(const struct timing *t, double part)
{
    return (double)t->runs_ns[(size_t)((double)(t->count - 1) * part + 0.5)] / 1000;
}

static const char *shape_text(const struct tensor_info *tensor, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (int32_t d = 0; d < tensor->rank && length < size; d++)
        length += (size_t)snprintf(text + length, size - length, "%s%d", d ? "x" : "",
                                   tensor->dims[d]);
    return text;
}

static void print_text(const struct options *o, const struct model *model, const struct timing *t,
                       const char *cpu)
{
    double median = quantile_us(t, 0.5);
    printf("%s: %ld thread%s, %s, %zu runs\n", o->model, o->threads, o->threads == 1 ? "" : "s",
           cpu, t->count);
    printf("min %.1f us, median %.1f us, p99 %.1f us, %.1f GMAC/s\n", quantile_us(t, 0), median,
           quantile_us(t, 0.99), (double)model_macs(model) / (median * 1000));
    if (t->throttled) {
        char causes[80];
        machine_describe(t->throttled, causes, sizeof(causes));
        printf("THROTTLED: the machine was held back meanwhile (%s)\n", causes);
    }
    for (uint32_t i = 0; t->layers_ns && i < model_layer_count(model); i++) {
        struct layer_info layer;
        char shape[64];
        model_layer(model, i, &layer);
        double us = (double)t->layers_ns[i] / 1000;
        if (i == 0)
            printf("\n%5s %-20s %-16s %-28s %10s %8s\n", "layer", "operator", "output", "kernel",
                   "min us", "GMAC/s");
        printf("%5u %-20s %-16s %-28s %10.1f", i, layer.op,
               shape_text(layer.output, shape, sizeof(shape)), layer.kernel, us);
        if (layer.macs)
            printf(" %8.1f\n", (double)layer.macs / (us * 1000));
        else
            printf(" %8s\n", "-");
    }
}

static void write_layers(struct json_writer *json, const struct model *model,
                         const struct timing *t)
{
    json_write_key(json, "layers");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < model_layer_count(model); i++) {
        struct layer_info layer;
        char shape[64];
        model_layer(model, i, &layer);
        json_write_object_begin(json);
        json_write_member_u64(json, "operator", layer.op_index);
        json_write_member_string(json, "op", layer.op);
        json_write_member_string(json, "output_shape",
                                 shape_text(layer.output, shape, sizeof(shape)));
        json_write_member_string(json, "kernel", layer.kernel);
        json_write_member_u64(json, "macs", layer.macs);
        json_write_member_fixed(json, "min_us", (double)t->layers_ns[i] / 1000, 3);
        json_write_object_end(json);
    }
    json_write_array_end(json);
}

static int print_json(const struct options *o, const struct model *model, const struct timing *t,
                      const char *cpu)
{
    size_t size = 4096 + (size_t)model_layer_count(model) * 512;
    cleanup_free char *buffer = malloc(size);
    struct json_writer json;
    if (!buffer)
        return command_fail("bench", "no memory to print");
    json_write_init(&json, buffer, size);
    json_write_object_begin(&json);
    json_write_member_string(&json, "model", o->model);
    json_write_member_string(&json, "cpu", cpu);
    json_write_member_i64(&json, "threads", o->threads);
    json_write_member_u64(&json, "runs", t->count);
    json_write_member_u64(&json, "macs", model_macs(model));
    json_write_member_fixed(&json, "min_us", quantile_us(t, 0), 3);
    json_write_member_fixed(&json, "median_us", quantile_us(t, 0.5), 3);
    json_write_member_fixed(&json, "p99_us", quantile_us(t, 0.99), 3);
    json_write_key(&json, "throttled");
    if (t->throttle_known)
        json_write_bool(&json, t->throttled != 0);
    else
        json_write_null(&json);
    if (t->layers_ns)
        write_layers(&json, model, t);
    json_write_object_end(&json);
    if (json_write_finish(&json) < 0)
        return command_fail("bench", "the result is too long to print");
    puts(buffer);
    return 0;
}

int command_bench(int argc, char **argv)
{
    struct options o;
    struct model *model;
    struct context *context = NULL;
    struct team *team = NULL;
    struct timing timing = {0};
    uint32_t cpu;
    char cpu_text[128];
    int rc = parse(argc, argv, &o);
    if (rc == 0)
        rc = loading_cpu("bench", &cpu);
    struct model_options wanted = {
        .no_chains = o.cache_kib == 0,
        .cache = o.cache_kib > 0 ? (size_t)o.cache_kib << 10 : 0,
    };
    if (rc == 0)
        rc = loading_open_with("bench", o.model, &wanted, &model);
    if (rc != 0)
        return rc;
    loading_cpu_text(cpu, cpu_text, sizeof(cpu_text));
    struct team_options team_options = {.members = (uint32_t)o.threads};
    if (context_create(model, (uint32_t)o.threads, &context) < 0 ||
        (o.threads > 1 && team_create(&team_options, &team) < 0))
        rc = command_fail("bench", "%s: no memory or threads to run it", o.model);
    else
        rc = measure(&o, model, context, team, &timing);
    if (rc == 0 && o.json)
        rc = print_json(&o, model, &timing, cpu_text);
    else if (rc == 0)
        print_text(&o, model, &timing, cpu_text);
    free(timing.runs_ns);
    free(timing.layers_ns);
    team_destroy(team);
    context_destroy(context);
    model_close(model);
    return rc;
}
