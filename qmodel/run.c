// SPDX-License-Identifier: Apache-2.0
//
// qmodel run: pictures in, the best classes out; or raw tensors in and out.

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "engine/classify.h"
#include "engine/team.h"
#include "qmodel/command.h"
#include "qmodel/frame_option.h"
#include "qmodel/label_list.h"
#include "qmodel/loading.h"
#include "qmodel/picture_input.h"
#include "qmodel/raw_tensors.h"

#define RUN_TOP_MAX 100
#define RUN_JSON_MAX (64u << 10)

// clang-format off
const char command_run_help[] =
    "usage: qmodel run [OPTION...] MODEL.tflite PICTURE...\n"
    "       qmodel run MODEL.tflite --input IN.bin --output OUT.bin\n\n"
    "Classifies pictures (JPEG, PNG, BMP, PGM, PPM) and prints the best classes of the\n"
    "first output.\n\n"
    "  --top-k N        how many classes (default 5, at most 100)\n"
    "  --labels FILE    class names, one a line (default: from the model's metadata)\n"
    "  --fit HOW        crop: largest centred part of the right shape (default);\n"
    "                   stretch; letterbox\n"
    "  --mean A[,B,C]   value = (pixel - mean) / std; pixels are 0 to 255 (default: from\n"
    "  --std A[,B,C]    the metadata; without any, floats from -1 to 1, and for quantized\n"
    "                   inputs the pixel itself as the stored value)\n"
    "  --bgr            the model wants blue first\n"
    "  --frame F:WxH    the files are raw camera frames (v4l2-ctl --stream-to) of format F:\n"
    "                   YUYV, UYVY, NV12, YU12, GREY, RGB3 ...; :bt709, :full may follow;\n"
    "                   or MJPG: JPEGs, decoded as qedged decodes a camera's\n"
    "  --threads N      threads that share each layer (default 1)\n"
    "  --json           one JSON object a picture, one a line\n\n"
    "  --input FILE     raw tensors instead of pictures: all inputs in the file's order and\n"
    "                   types, one after the other; a longer file holds several sets and is\n"
    "                   run set by set\n"
    "  --output FILE    all outputs, likewise\n";
// clang-format on

struct options {
    const char *model, *labels, *input, *output;
    struct picture_options picture;
    long top_k, threads;
    bool json;
    char **pictures;
    int picture_count;
};

// ---- command line -----------------------------------------------------------

enum {
    OPT_TOP_K = 256,
    OPT_LABELS,
    OPT_FIT,
    OPT_MEAN,
    OPT_STD,
    OPT_BGR,
    OPT_FRAME,
    OPT_THREADS,
    OPT_JSON,
    OPT_INPUT,
    OPT_OUTPUT
};

static int parse_option(struct options *o, int option)
{
    switch (option) {
    case OPT_TOP_K: return command_number("run", "--top-k", optarg, 1, RUN_TOP_MAX, &o->top_k);
    case OPT_LABELS: o->labels = optarg; return 0;
    case OPT_FIT: return picture_option_fit("run", optarg, &o->picture.fit);
    case OPT_MEAN:
        return picture_option_values("run", "--mean", optarg, o->picture.mean,
                                     &o->picture.mean_count);
    case OPT_STD:
        return picture_option_values("run", "--std", optarg, o->picture.std, &o->picture.std_count);
    case OPT_BGR: o->picture.bgr = true; return 0;
    case OPT_FRAME: return frame_option_parse("run", optarg, &o->picture.frame);
    case OPT_THREADS: return command_number("run", "--threads", optarg, 1, 64, &o->threads);
    case OPT_JSON: o->json = true; return 0;
    case OPT_INPUT: o->input = optarg; return 0;
    case OPT_OUTPUT: o->output = optarg; return 0;
    }
    return 0;
}

static int check_options(const struct options *o)
{
    if (picture_option_check("run", &o->picture) != 0)
        return COMMAND_USAGE;
    if (!o->model)
        return command_usage("run", "no model given (try qmodel run --help)");
    if (!o->input != !o->output)
        return command_usage("run", "--input and --output go together");
    if (o->input && o->picture_count)
        return command_usage("run", "give pictures or --input, not both");
    if (!o->input && !o->picture_count)
        return command_usage("run", "no picture given (try qmodel run --help)");
    return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"top-k", required_argument, NULL, OPT_TOP_K},
        {"labels", required_argument, NULL, OPT_LABELS},
        {"fit", required_argument, NULL, OPT_FIT},
        {"mean", required_argument, NULL, OPT_MEAN},
        {"std", required_argument, NULL, OPT_STD},
        {"bgr", no_argument, NULL, OPT_BGR},
        {"frame", required_argument, NULL, OPT_FRAME},
        {"threads", required_argument, NULL, OPT_THREADS},
        {"json", no_argument, NULL, OPT_JSON},
        {"input", required_argument, NULL, OPT_INPUT},
        {"output", required_argument, NULL, OPT_OUTPUT},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.top_k = 5, .threads = 1};
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":", longs, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return command_bad_option("run", option, argv[optind - 1]);
        int rc = parse_option(o, option);
        if (rc != 0)
            return rc;
    }
    if (optind < argc)
        o->model = argv[optind++];
    o->pictures = argv + optind;
    o->picture_count = argc - optind;
    return check_options(o);
}

// ---- results ----------------------------------------------------------------

struct result {
    const char *picture;
    uint64_t inference_ns;
    uint32_t count;
    struct classify_hit hits[RUN_TOP_MAX];
};

static void print_text(const struct result *r, const struct label_list *labels)
{
    printf("%s\n", r->picture);
    for (uint32_t i = 0; i < r->count; i++) {
        const char *label = label_list_get(labels, r->hits[i].index);
        printf("  %8.4f  %5u  %s\n", (double)r->hits[i].score, r->hits[i].index,
               label ? label : "");
    }
}

static int print_json(const struct result *r, const struct label_list *labels)
{
    static char buffer[RUN_JSON_MAX];
    struct json_writer json;
    json_write_init(&json, buffer, sizeof(buffer));
    json_write_object_begin(&json);
    json_write_member_string(&json, "picture", r->picture);
    json_write_member_fixed(&json, "inference_us", (double)r->inference_ns / 1000, 1);
    json_write_key(&json, "top");
    json_write_array_begin(&json);
    for (uint32_t i = 0; i < r->count; i++) {
        json_write_object_begin(&json);
        json_write_member_u64(&json, "index", r->hits[i].index);
        json_write_member_string(&json, "label", label_list_get(labels, r->hits[i].index));
        json_write_key(&json, "score");
        json_write_double(&json, (double)r->hits[i].score);
        json_write_object_end(&json);
    }
    json_write_array_end(&json);
    json_write_object_end(&json);
    if (json_write_finish(&json) < 0)
        return command_fail("run", "%s: the labels are too long to print", r->picture);
    puts(buffer);
    return 0;
}

// ---- running ----------------------------------------------------------------

static int classify(const struct options *o, const struct model *model, struct context *context,
                    struct team *team, const struct label_list *labels)
{
    struct convert_target target;
    int failed = 0;
    if (picture_input_target(model, &o->picture, &target) < 0)
        return command_fail(
            "run", "%s: its input is not one picture of 1 or 3 channels (raw tensors: --input)",
            o->model);
    for (int i = 0; i < o->picture_count; i++) {
        struct result result = {.picture = o->pictures[i]};
        struct picture_error error;
        if (picture_input_load(&target, &o->picture.frame, o->pictures[i], context, &error) < 0) {
            failed = command_fail("run", "%s", error.text);
            continue;
        }
        uint64_t start = clock_now_ns();
        context_run(context, team);
        result.inference_ns = clock_now_ns() - start;
        result.count = classify_top_k(model_output(model, 0), context_output(context, 0),
                                      (uint32_t)o->top_k, result.hits);
        if (!o->json)
            print_text(&result, labels);
        else if (print_json(&result, labels) != 0)
            failed = COMMAND_FAILED;
    }
    return failed;
}

// Right picture, wrong labels: the commonest mistake with a model of somebody else.
static void warn_of_labels(const struct options *o, const struct label_list *labels,
                           const struct tensor_info *output)
{
    uint32_t classes = 1;
    for (int32_t i = 0; i < output->rank; i++)
        classes *= (uint32_t)output->dims[i];
    if (o->labels && labels->count != classes)
        fprintf(stderr, "qmodel run: warning: %s: %u labels, but %s has %u classes\n", o->labels,
                labels->count, o->model, classes);
}

static int run_all(const struct options *o, const struct model *model, struct context *context,
                   struct team *team)
{
    if (o->input) {
        const char *read[] = {o->input, o->model};
        int refused = command_check_output("run", o->output, read, 2);
        return refused ? refused : raw_tensors_run("run", model, context, team, o->input, o->output);
    }
    struct label_list labels;
    int rc = label_list_init(&labels, model, o->labels);
    if (rc < 0)
        return command_fail("run", "%s: %s", o->labels,
                            rc == -EILSEQ ? "not a text file with a label a line" : strerror(-rc));
    warn_of_labels(o, &labels, model_output(model, 0));
    rc = classify(o, model, context, team, &labels);
    label_list_finish(&labels);
    return rc;
}

int command_run_model(int argc, char **argv)
{
    struct options o;
    struct model *model;
    struct context *context = NULL;
    struct team *team = NULL;
    int rc = parse(argc, argv, &o);
    if (rc == 0)
        rc = loading_open("run", o.model, &model);
    if (rc != 0)
        return rc;
    struct team_options team_options = {.members = (uint32_t)o.threads};
    if (context_create(model, (uint32_t)o.threads, &context) < 0 ||
        (o.threads > 1 && team_create(&team_options, &team) < 0))
        rc = command_fail("run", "%s: no memory or threads to run it", o.model);
    else
        rc = run_all(&o, model, context, team);
    team_destroy(team);
    context_destroy(context);
    model_close(model);
    return rc;
}
