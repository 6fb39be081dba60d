// SPDX-License-Identifier: Apache-2.0
//
// qmodel compare: two models of the same task on the same data. The first is the one to be like.

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json.h"
#include "engine/classify.h"
#include "engine/inspect.h"
#include "engine/team.h"
#include "qmodel/command.h"
#include "qmodel/loading.h"
#include "qmodel/samples.h"

// clang-format off
const char command_compare_help[] =
    "usage: qmodel compare A.tflite B.tflite --data WHAT [OPTION...]\n\n"
    "How much of A is left in B: both run on the same data, first outputs are compared.\n\n"
    "  --data WHAT      a folder of pictures, a text file with a picture a line, or a .npy file of\n"
    "                   float32 tensors [n, ...]\n"
    "  --fit, --mean, --std, --bgr   how pictures become inputs: as in qmodel run\n"
    "  --threads N      threads that share each layer (default 1)\n"
    "  --json           one JSON object; sqnr_db is null when the outputs are equal\n";
// clang-format on

struct options {
    const char *models[2], *data;
    struct picture_options picture;
    long threads;
    bool json;
};

struct side {
    const char *path;
    struct model *model;
    struct context *context;
    struct samples samples;
    uint64_t *times_ns; // one a sample
};

struct result {
    uint32_t samples, same_best, in_five;
    double signal, noise, difference; // sums of A^2, (A-B)^2, |A-B|
    uint64_t values;
};

// ---- command line ------------------------------------------------------------------------------

enum { OPT_DATA = 256, OPT_FIT, OPT_MEAN, OPT_STD, OPT_BGR, OPT_THREADS, OPT_JSON };

static int parse_option(struct options *o, int option)
{
    struct picture_options *p = &o->picture;
    switch (option) {
    case OPT_DATA: o->data = optarg; return 0;
    case OPT_FIT: return picture_option_fit("compare", optarg, &p->fit);
    case OPT_MEAN:
        return picture_option_values("compare", "--mean", optarg, p->mean, &p->mean_count);
    case OPT_STD: return picture_option_values("compare", "--std", optarg, p->std, &p->std_count);
    case OPT_BGR: p->bgr = true; return 0;
    case OPT_THREADS: return command_number("compare", "--threads", optarg, 1, 64, &o->threads);
    case OPT_JSON: o->json = true; return 0;
    }
    return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"data", required_argument, NULL, OPT_DATA}, {"fit", required_argument, NULL, OPT_FIT},
        {"mean", required_argument, NULL, OPT_MEAN}, {"std", required_argument, NULL, OPT_STD},
        {"bgr", no_argument, NULL, OPT_BGR},         {"threads", required_argument, NULL, OPT_THREADS},
        {"json", no_argument, NULL, OPT_JSON},       {NULL, 0, NULL, 0},
    };
    *o = (struct options){.threads = 1};
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":", longs, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return command_usage("compare", "%s '%s' (try qmodel compare --help)",
                                 option == ':' ? "no value after" : "unknown option",
                                 argv[optind - 1]);
        int rc = parse_option(o, option);
        if (rc != 0)
            return rc;
    }
    if (argc - optind != 2)
        return command_usage("compare", "takes two models (try qmodel compare --help)");
    for (uint32_t c = 0; c < o->picture.std_count; c++)
        if (!(o->picture.std[c] > 0))
            return command_usage("compare", "--std must be above 0");
    if (!o->data)
        return command_usage("compare", "no --data given (try qmodel compare --help)");
    o->models[0] = argv[optind];
    o->models[1] = argv[optind + 1];
    return 0;
}

// ---- running -----------------------------------------------------------------------------------

static uint32_t output_elements(const struct side *s)
{
    const struct tensor_info *out = model_output(s->model, 0);
    uint32_t n = 1;
    for (int32_t d = 0; d < out->rank; d++)
        n *= (uint32_t)out->dims[d];
    return n;
}

static int open_side(struct side *s, const struct options *o, const char *path)
{
    s->path = path;
    int rc = loading_open("compare", path, &s->model);
    if (rc == 0)
        rc = samples_open(&s->samples, "compare", o->data, s->model, &o->picture);
    if (rc != 0)
        return rc;
    s->times_ns = calloc(s->samples.count, sizeof(*s->times_ns));
    if (!s->times_ns || context_create(s->model, (uint32_t)o->threads, &s->context) < 0)
        return command_fail("compare", "%s: no memory to run it", path);
    return 0;
}

static void close_side(struct side *s)
{
    samples_close(&s->samples);
    context_destroy(s->context);
    model_close(s->model);
    free(s->times_ns);
}

static void add_outputs(struct result *r, const struct side *sides)
{
    const struct tensor_info *out[2];
    const void *data[2];
    struct classify_hit best, five[5];
    for (uint32_t i = 0; i < 2; i++) {
        out[i] = model_output(sides[i].model, 0);
        data[i] = context_output(sides[i].context, 0);
    }
    uint32_t n = output_elements(&sides[0]);
    for (uint32_t i = 0; i < n; i++) {
        double a = (double)classify_value(out[0], data[0], i);
        double b = (double)classify_value(out[1], data[1], i);
        r->signal += a * a;
        r->noise += (a - b) * (a - b);
        r->difference += fabs(a - b);
    }
    classify_top_k(out[0], data[0], 1, &best);
    uint32_t found = classify_top_k(out[1], data[1], 5, five);
    r->same_best += five[0].index == best.index;
    for (uint32_t i = 0; i < found; i++)
        r->in_five += five[i].index == best.index;
    r->values += n;
    r->samples++;
}

static int run_all(struct side *sides, struct team *team, struct result *r)
{
    for (uint32_t i = 0; i < sides[0].samples.count; i++) {
        for (uint32_t s = 0; s < 2; s++) {
            int rc = samples_load(&sides[s].samples, i, sides[s].context);
            if (rc != 0)
                return rc;
            uint64_t start = clock_now_ns();
            context_run(sides[s].context, team);
            sides[s].times_ns[i] = clock_now_ns() - start;
        }
        add_outputs(r, sides);
    }
    return 0;
}

// ---- results -----------------------------------------------------------------------------------

static int compare_times(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double time_us(const struct side *s, uint32_t samples, uint32_t percent)
{
    return (double)s->times_ns[(uint64_t)(samples - 1) * percent / 100] / 1000;
}

static size_t file_bytes(const struct side *s)
{
    struct model_summary summary;
    model_summarize(s->model, &summary);
    return summary.file_bytes;
}

static void print_text(const struct result *r, const struct side *sides)
{
    for (uint32_t s = 0; s < 2; s++)
        printf("%c: %s: %zu bytes, %.0f us (p99 %.0f us)\n", (int)('A' + s), sides[s].path,
               file_bytes(&sides[s]), time_us(&sides[s], r->samples, 50),
               time_us(&sides[s], r->samples, 99));
    printf("size:            B has %.1f %% of A's bytes\n",
           100.0 * (double)file_bytes(&sides[1]) / (double)file_bytes(&sides[0]));
    printf("same best class: %u of %u\n", r->same_best, r->samples);
    printf("A's best in B's best five: %u of %u\n", r->in_five, r->samples);
    printf("mean difference: %.3g\n", r->difference / (double)r->values);
    if (r->noise > 0)
        printf("SQNR:            %.2f dB\n", 10 * log10(r->signal / r->noise));
    else
        printf("SQNR:            the outputs are equal\n");
}

static int print_json(const struct result *r, const struct side *sides)
{
    char buffer[16384];
    struct json_writer json;
    json_write_init(&json, buffer, sizeof(buffer));
    json_write_object_begin(&json);
    for (uint32_t s = 0; s < 2; s++) {
        json_write_key(&json, s ? "b" : "a");
        json_write_object_begin(&json);
        json_write_member_string(&json, "path", sides[s].path);
        json_write_member_u64(&json, "file_bytes", file_bytes(&sides[s]));
        json_write_member_fixed(&json, "median_us", time_us(&sides[s], r->samples, 50), 1);
        json_write_member_fixed(&json, "p99_us", time_us(&sides[s], r->samples, 99), 1);
        json_write_object_end(&json);
    }
    json_write_member_u64(&json, "samples", r->samples);
    json_write_member_u64(&json, "same_best", r->same_best);
    json_write_member_u64(&json, "best_in_five", r->in_five);
    json_write_key(&json, "mean_difference");
    json_write_double(&json, r->difference / (double)r->values);
    json_write_key(&json, "sqnr_db");
    json_write_double(&json, 10 * log10(r->signal / r->noise));
    json_write_object_end(&json);
    if (json_write_finish(&json) < 0)
        return command_fail("compare", "the paths are too long to print");
    puts(buffer);
    return 0;
}

static int compare(const struct options *o, struct side *sides)
{
    struct result result = {0};
    struct team *team = NULL;
    struct team_options team_options = {.members = (uint32_t)o->threads};
    if (output_elements(&sides[0]) != output_elements(&sides[1]))
        return command_fail("compare", "the first outputs have %u and %u values",
                            output_elements(&sides[0]), output_elements(&sides[1]));
    if (sides[0].samples.count != sides[1].samples.count)
        return command_fail("compare", "%s: it changed meanwhile", o->data);
    if (o->threads > 1 && team_create(&team_options, &team) < 0)
        return command_fail("compare", "no threads to run the models");
    int rc = run_all(sides, team, &result);
    team_destroy(team);
    if (rc != 0)
        return rc;
    for (uint32_t s = 0; s < 2; s++)
        qsort(sides[s].times_ns, result.samples, sizeof(uint64_t), compare_times);
    if (o->json)
        return print_json(&result, sides);
    print_text(&result, sides);
    return COMMAND_OK;
}

int command_compare(int argc, char **argv)
{
    struct options o;
    struct side sides[2] = {{0}};
    int rc = parse(argc, argv, &o);
    for (uint32_t s = 0; rc == 0 && s < 2; s++)
        rc = open_side(&sides[s], &o, o.models[s]);
    if (rc == 0)
        rc = compare(&o, sides);
    for (uint32_t s = 0; s < 2; s++)
        close_side(&sides[s]);
    return rc;
}
