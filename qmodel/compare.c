// SPDX-License-Identifier: Apache-2.0
//
// qmodel compare: two models of the same task on the same data. The first is the one to be like.

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/classify.h"
#include "engine/inspect.h"
#include "engine/team.h"
#include "qmodel/command.h"
#include "qmodel/comparison.h"
#include "qmodel/loading.h"
#include "qmodel/progress_bar.h"
#include "qmodel/truth.h"

#define LAYER_SAMPLES 50 // samples that the layers are looked at with, spread over all

// clang-format off
const char command_compare_help[] =
    "usage: qmodel compare A.tflite B.tflite --data WHAT [OPTION...]\n\n"
    "How much of A is left in B: both run on the same data, first outputs are compared; then which\n"
    "layers the difference comes from.\n\n"
    "  --data WHAT      a folder of pictures (or of folders, one a class), a text file with a picture a\n"
    "                   line, a .npy file of float32 tensors [n, ...], or ring:STREAM[:COUNT]: taken live\n"
    "                   from a running qedged\n"
    "  --labels FILE    the right classes, for accuracy: lines \"NAME CLASS\", or one CLASS a line, or a\n"
    "                   .npy file of integers; folders named like classes need no file\n"
    "  --layers N       so many of the worst layers (default 10, 0: do not look at layers)\n"
    "  --html FILE      a report with plots and histograms, in one file\n"
    "  --fit, --mean, --std, --bgr   how pictures become inputs: as in qmodel run\n"
    "  --threads N      threads that share each layer (default 1)\n"
    "  --json           everything as one JSON object; a SQNR is null where there is no difference\n";
// clang-format on

struct options {
    const char *models[2], *data, *labels, *html;
    struct picture_options picture;
    long threads, layers;
    bool json;
};

// ---- command line -----------------------------------------------------------

enum {
    OPT_DATA = 256,
    OPT_LABELS,
    OPT_LAYERS,
    OPT_HTML,
    OPT_FIT,
    OPT_MEAN,
    OPT_STD,
    OPT_BGR,
    OPT_THREADS,
    OPT_JSON
};

static int parse_option(struct options *o, int option)
{
    struct picture_options *p = &o->picture;
    switch (option) {
    case OPT_DATA: o->data = optarg; return 0;
    case OPT_LABELS: o->labels = optarg; return 0;
    case OPT_HTML: o->html = optarg; return 0;
    case OPT_LAYERS: return command_number("compare", "--layers", optarg, 0, 1000, &o->layers);
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
        {"data", required_argument, NULL, OPT_DATA},
        {"labels", required_argument, NULL, OPT_LABELS},
        {"layers", required_argument, NULL, OPT_LAYERS},
        {"html", required_argument, NULL, OPT_HTML},
        {"fit", required_argument, NULL, OPT_FIT},
        {"mean", required_argument, NULL, OPT_MEAN},
        {"std", required_argument, NULL, OPT_STD},
        {"bgr", no_argument, NULL, OPT_BGR},
        {"threads", required_argument, NULL, OPT_THREADS},
        {"json", no_argument, NULL, OPT_JSON},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.threads = 1, .layers = 10};
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":", longs, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return command_bad_option("compare", option, argv[optind - 1]);
        int rc = parse_option(o, option);
        if (rc != 0)
            return rc;
    }
    if (argc - optind != 2)
        return command_usage("compare", "takes two models (try qmodel compare --help)");
    if (picture_option_check("compare", &o->picture) != 0)
        return COMMAND_USAGE;
    if (!o->data)
        return command_usage("compare", "no --data given (try qmodel compare --help)");
    o->models[0] = argv[optind];
    o->models[1] = argv[optind + 1];
    return 0;
}

// ---- opening ----------------------------------------------------------------

static uint32_t output_elements(const struct comparison_side *s)
{
    const struct tensor_info *out = model_output(s->model, 0);
    uint32_t n = 1;
    for (int32_t d = 0; d < out->rank; d++)
        n *= (uint32_t)out->dims[d];
    return n;
}

static int open_side(struct comparison_side *s, const struct options *o, const char *path)
{
    struct model_error error;
    struct model_summary summary;
    s->path = path;
    struct model_options wanted = {.no_chains = o->layers > 0}; // each layer's tensors are seen
    int rc = loading_open_with("compare", path, &wanted, &s->model);
    if (rc == 0)
        rc = samples_open(&s->samples, "compare", o->data, s->model, &o->picture);
    if (rc != 0)
        return rc;
    if (stored_open(&s->stored, path, &error) < 0)
        return command_fail("compare", "%s: %s", path, error.text);
    if (context_create(s->model, (uint32_t)o->threads, &s->context) < 0)
        return command_fail("compare", "%s: no memory to run it", path);
    model_summarize(s->model, &summary);
    s->file_bytes = summary.file_bytes;
    stored_size(&s->stored, &s->weight_bytes, &s->weight_elements);
    s->joules = -1;
    return 0;
}

static void close_side(struct comparison_side *s)
{
    samples_close(&s->samples);
    context_destroy(s->context);
    model_close(s->model);
    stored_finish(&s->stored);
}

static int check(const struct comparison *c)
{
    const struct comparison_side *sides = c->sides;
    if (output_elements(&sides[0]) != output_elements(&sides[1]))
        return command_fail("compare", "the first outputs have %u and %u values",
                            output_elements(&sides[0]), output_elements(&sides[1]));
    if (sides[0].samples.count != sides[1].samples.count)
        return command_fail("compare", "%s: it changed meanwhile", c->data);
    return 0;
}

// ---- running ----------------------------------------------------------------

static void add_outputs(struct comparison *c, int32_t class)
{
    const struct tensor_info *out[2];
    const void *data[2];
    struct classify_hit best[2], five[5];
    for (uint32_t i = 0; i < 2; i++) {
        out[i] = model_output(c->sides[i].model, 0);
        data[i] = context_output(c->sides[i].context, 0);
        classify_top_k(out[i], data[i], 1, &best[i]);
        c->sides[i].right += class >= 0 && best[i].index == (uint32_t) class;
    }
    uint32_t n = output_elements(&c->sides[0]);
    for (uint32_t i = 0; i < n; i++) {
        double a = (double)classify_value(out[0], data[0], i);
        double b = (double)classify_value(out[1], data[1], i);
        c->signal += a * a;
        c->noise += (a - b) * (a - b);
        c->difference += fabs(a - b);
    }
    uint32_t found = classify_top_k(out[1], data[1], 5, five);
    c->same_best += best[1].index == best[0].index;
    for (uint32_t i = 0; i < found; i++)
        c->in_five += five[i].index == best[0].index;
    c->known += class >= 0;
    c->values += n;
    c->samples++;
}

static int run_sample(struct comparison *c, uint32_t index, struct team *team,
                      const struct truth *truth)
{
    for (uint32_t s = 0; s < 2; s++) {
        int rc = samples_load(&c->sides[s].samples, index, c->sides[s].context);
        if (rc != 0)
            return rc;
        comparison_run(&c->sides[s], team);
    }
    add_outputs(c, truth->classes ? truth->classes[index] : -1);
    return 0;
}

static int run_all(struct comparison *c, struct team *team, const struct truth *truth, bool layers)
{
    uint32_t count = c->sides[0].samples.count,
             looked = count < LAYER_SAMPLES ? count : LAYER_SAMPLES;
    struct progress_bar progress;
    int rc = 0;
    progress_bar_start(&progress, "comparing", count);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        rc = run_sample(c, i, team, truth);
        // of every count / looked samples the first
        bool look = layers && (uint64_t)i * looked / count * count / looked <= i &&
                    (i == 0 || (uint64_t)i * looked / count != (uint64_t)(i - 1) * looked / count);
        if (rc == 0 && look)
            rc = comparison_add_layers(c, i);
        progress_bar_step(&progress, i + 1);
    }
    progress_bar_finish(&progress);
    return rc;
}

// ---- results ----------------------------------------------------------------

static int report(const struct options *o, const struct comparison *c)
{
    int rc = 0;
    if (o->html) {
        rc = comparison_write_html(c, (uint32_t)o->layers, o->html);
        if (rc < 0)
            return command_fail("compare", "%s: %s", o->html, strerror(-rc));
    }
    if (o->json)
        return comparison_print_json(c);
    comparison_print(c, (uint32_t)o->layers);
    return COMMAND_OK;
}

static int compare(const struct options *o, struct comparison *c)
{
    struct team *team = NULL;
    struct team_options team_options = {.members = (uint32_t)o->threads};
    struct truth truth = {0};
    int rc = check(c);
    if (rc == 0)
        rc = truth_open(&truth, "compare", o->labels, &c->sides[0].samples,
                        c->sides[model_label_count(c->sides[0].model) ? 0 : 1].model);
    if (rc == 0 && o->layers > 0)
        rc = comparison_pair(c);
    if (rc == 0 && o->layers > 0)
        rc = comparison_scan(c);
    if (rc == 0 && o->threads > 1 && team_create(&team_options, &team) < 0)
        rc = command_fail("compare", "no threads to run the models");
    if (rc == 0)
        rc = run_all(c, team, &truth, o->layers > 0);
    if (rc == 0)
        rc = comparison_measure_costs(c, team);
    team_destroy(team);
    truth_close(&truth);
    return rc == 0 ? report(o, c) : rc;
}

int command_compare(int argc, char **argv)
{
    struct options o;
    int rc = parse(argc, argv, &o);
    if (rc == 0 && o.html)
        rc = command_check_output("compare", o.html, o.models, 2);
    if (rc != 0)
        return rc;
    struct comparison *c = calloc(1, sizeof(*c)); // with its times too large for a stack
    if (!c)
        return command_fail("compare", "no memory");
    c->data = o.data;
    for (uint32_t s = 0; rc == 0 && s < 2; s++)
        rc = open_side(&c->sides[s], &o, o.models[s]);
    if (rc == 0)
        rc = compare(&o, c);
    comparison_finish_layers(c);
    for (uint32_t s = 0; s < 2; s++)
        close_side(&c->sides[s]);
    free(c);
    return rc;
}
