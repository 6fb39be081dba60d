// SPDX-License-Identifier: Apache-2.0
#include "qmodel/quantize_options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qmodel/command.h"

const char command_quantize_help[] =
    "usage: qmodel quantize IN.tflite -o OUT.tflite --method METHOD [OPTION...]\n\n"
    "  --method METHOD  none      the float file written anew: batch norms, constants, activations folded\n"
    "                   float16   weights in 16 bits, arithmetic in float\n"
    "                   dynamic   weights in 8 bits a channel, activations quantized while running\n"
    "                   int8      weights and activations in 8 bits; needs --data\n"
    "                   int16x8   weights in 8, activations in 16 bits; needs --data\n"
    "  -o, --output F   the file to write; it appears complete or not at all\n"
    "  --per-tensor     one scale for all channels of a layer's weights (for comparison; loses accuracy)\n\n"
    "int8 and int16x8 only:\n"
    "  --data WHAT      representative inputs, 100 or more: a folder of pictures, a text file with a picture a line,\n"
    "                   a .npy file of float32 tensors [n, ...], or ring:STREAM[:COUNT]: taken live from qedged\n"
    "  --calibration C  from the values seen to the range that 255 steps cover: minmax: all of them;\n"
    "                   moving-average: the mean of each sample's ends; percentile:P: without the share beyond P %\n"
    "                   at both ends; mse: the least square error (default)\n"
    "                   entropy: the least divergence of the distributions\n"
    "  --effort E       fast (default) or best: several ways, judged on data they were not fitted to; fast's if\n"
    "                   none is clearly nearer to the float model\n"
    "  --rounding R     learned (default): a layer's weights are rounded together, for what the data shows; nearest\n"
    "  --weight-clipping C    none (default): a channel's steps reach its largest weight; mse: to where they err least\n"
    "  --no-equalization      leave each channel of an activation as large as it is\n"
    "  --no-bias-correction   leave biases as they are (see qmodel(1))\n"
    "  --input-type T   int8 (default), uint8 or float32; int16x8: float32 (default) or int16: what goes in\n"
    "  --output-type T  likewise: what comes out\n"
    "  --allow-float    an operator without an integer form stays float, between DEQUANTIZE and QUANTIZE\n"
    "  --keep-float LAYER,...        layers that stay float, by the names of their outputs\n"
    "  --fit, --mean, --std, --bgr   how pictures become inputs: as in qmodel run\n"
    "  --threads N      threads for running the float model (default: the CPUs, at most 4); do not change the result\n\n"
    "Labels and normalisation in the file's metadata and its signatures are carried over. The same input gives the\n"
    "same bytes.\n";

// Words whose meaning depends on the method, which may come behind them.
struct command_line {
    struct quantize_options *options;
    const char *edge_names[2]; // --input-type, --output-type; NULL = not given
    const char *option;        // the name of the one at hand
    const char *int8_option;   // one that only int8 and int16x8 have; NULL = none was given
};

static int parse_method(const char *text, enum quantize_method *method)
{
    static const char *const names[] = {[QUANTIZE_NONE] = "none",
                                        [QUANTIZE_FLOAT16] = "float16",
                                        [QUANTIZE_DYNAMIC] = "dynamic",
                                        [QUANTIZE_INT8] = "int8",
                                        [QUANTIZE_INT16X8] = "int16x8"};
    for (size_t i = QUANTIZE_NONE; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], text) == 0) {
            *method = (enum quantize_method)i;
            return 0;
        }
    return command_usage("quantize",
                         "--method takes none, float16, dynamic, int8 or int16x8, not '%s'", text);
}

static int parse_calibration(const char *text, struct integer_options *o)
{
    static const char *const names[] = {[CALIBRATION_MINMAX] = "minmax",
                                        [CALIBRATION_AVERAGE] = "moving-average",
                                        [CALIBRATION_MSE] = "mse",
                                        [CALIBRATION_ENTROPY] = "entropy"};
    char *end;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i] && strcmp(names[i], text) == 0) {
            o->method = (enum calibration)i;
            return 0;
        }
    o->method = CALIBRATION_PERCENTILE;
    if (strncmp(text, "percentile:", 11) == 0) {
        o->percentile = strtod(text + 11, &end);
        if (end != text + 11 && *end == '\0' && o->percentile > 50 && o->percentile <= 100)
            return 0;
        return command_usage("quantize", "a percentile is above 50 and at most 100, not '%s'",
                             text + 11);
    }
    return command_usage(
        "quantize",
        "--calibration takes minmax, moving-average, percentile:P, mse or entropy, not '%s'", text);
}

static int parse_choice(const char *option, const char *text, const char *no, const char *yes,
                        bool *chosen)
{
    *chosen = strcmp(text, yes) == 0;
    return *chosen || strcmp(text, no) == 0
               ? 0
               : command_usage("quantize", "%s takes %s or %s, not '%s'", option, no, yes, text);
}

bool quantize_is_integer(enum quantize_method method)
{
    return method == QUANTIZE_INT8 || method == QUANTIZE_INT16X8;
}

// What a type's name means depends on the method: "int8" is not int16x8's.
static int solve_type(const char *option, const char *text, bool wide, enum integer_edge *edge)
{
    const char *inner = wide ? "int16" : "int8";
    *edge = wide ? EDGE_IS_FLOAT : EDGE_IS_INNER;
    if (!text)
        return 0;
    if (strcmp(text, "float32") == 0)
        *edge = EDGE_IS_FLOAT;
    else if (strcmp(text, inner) == 0)
        *edge = EDGE_IS_INNER;
    else if (strcmp(text, "uint8") == 0 && !wide)
        *edge = EDGE_IS_UINT8;
    else
        return command_usage("quantize", "%s takes %s%s or float32 here, not '%s'", option, inner,
                             wide ? "" : ", uint8", text);
    return 0;
}

// Options whose meaning or default the method decides.
static int solve_options(const struct command_line *line)
{
    struct search_options *search = &line->options->search;
    struct integer_options *integer = &search->attempt.integer;
    bool wide = integer->wide = line->options->method == QUANTIZE_INT16X8;
    int rc = solve_type("--input-type", line->edge_names[0], wide, &integer->input);
    if (rc == 0)
        rc = solve_type("--output-type", line->edge_names[1], wide, &integer->output);
    if (rc == 0 && wide && search->calibration_given && integer->method == CALIBRATION_MSE)
        return command_usage("quantize",
                             "--calibration mse is for int8: 65535 steps need no cutting");
    if (wide && !search->calibration_given)
        integer->method = CALIBRATION_MINMAX;
    search->attempt.calibrate.method = integer->method;
    search->attempt.calibrate.channels = CALIBRATE_LAYERS;
    return rc;
}

enum {
    OPT_METHOD = 256,
    OPT_PER_TENSOR,
    OPT_DATA,
    OPT_CALIBRATION,
    OPT_INPUT_TYPE,
    OPT_OUTPUT_TYPE,
    OPT_FIT,
    OPT_MEAN,
    OPT_STD,
    OPT_BGR,
    OPT_THREADS,
    OPT_NO_CORRECTION,
    OPT_EFFORT,
    OPT_ROUNDING,
    OPT_NO_EQUALIZATION,
    OPT_CLIPPING,
    OPT_ALLOW_FLOAT,
    OPT_KEEP_FLOAT
};

static int parse_int8_option(struct command_line *line, int option)
{
    struct quantize_options *o = line->options;
    struct integer_options *integer = &o->search.attempt.integer;
    struct sweep_options *sweep = &o->search.attempt.calibrate.sweep;
    struct picture_options *picture = &sweep->picture;
    long threads;
    int rc;
    line->int8_option = line->option;
    switch (option) {
    case OPT_DATA: sweep->data = optarg; return 0;
    case OPT_CALIBRATION:
        o->search.calibration_given = true;
        return parse_calibration(optarg, integer);
    case OPT_INPUT_TYPE: line->edge_names[0] = optarg; return 0;
    case OPT_OUTPUT_TYPE: line->edge_names[1] = optarg; return 0;
    case OPT_FIT: return picture_option_fit("quantize", optarg, &picture->fit);
    case OPT_MEAN:
        return picture_option_values("quantize", "--mean", optarg, picture->mean,
                                     &picture->mean_count);
    case OPT_STD:
        return picture_option_values("quantize", "--std", optarg, picture->std,
                                     &picture->std_count);
    case OPT_ALLOW_FLOAT: o->allow_float = true; return 0;
    case OPT_KEEP_FLOAT: o->keep = optarg; return 0;
    case OPT_NO_EQUALIZATION: o->search.equalization = false; return 0;
    case OPT_EFFORT: return parse_choice("--effort", optarg, "fast", "best", &o->search.best);
    case OPT_ROUNDING:
        return parse_choice("--rounding", optarg, "nearest", "learned", &o->search.rounding);
    case OPT_CLIPPING:
        return parse_choice("--weight-clipping", optarg, "none", "mse", &integer->clipped);
    case OPT_NO_CORRECTION: integer->bias_correction = false; return 0;
    case OPT_BGR: picture->bgr = true; return 0;
    case OPT_THREADS:
        rc = command_number("quantize", "--threads", optarg, 1, 64, &threads);
        sweep->threads = (uint32_t)threads;
        return rc;
    }
    return 0;
}

static int parse_option(struct command_line *line, int option)
{
    struct quantize_options *o = line->options;
    switch (option) {
    case 'o': o->output = optarg; return 0;
    case OPT_METHOD: return parse_method(optarg, &o->method);
    case OPT_PER_TENSOR: o->search.attempt.integer.per_tensor = true; return 0;
    }
    return parse_int8_option(line, option);
}

static int check_options(const struct command_line *line, int left)
{
    const struct quantize_options *o = line->options;
    const struct sweep_options *sweep = &o->search.attempt.calibrate.sweep;
    if (!o->model)
        return command_usage("quantize", "no model given (try qmodel quantize --help)");
    if (left)
        return command_usage("quantize", "more than one model given (try qmodel quantize --help)");
    if (!o->output)
        return command_usage("quantize",
                             "no output given: -o OUT.tflite (try qmodel quantize --help)");
    if (o->method == QUANTIZE_UNSET)
        return command_usage("quantize", "no --method given (try qmodel quantize --help)");
    if (picture_option_check("quantize", &sweep->picture) != 0)
        return COMMAND_USAGE;
    if (quantize_is_integer(o->method) && !sweep->data)
        return command_usage(
            "quantize", "--method int8 or int16x8 needs --data: inputs like those it will see");
    if (!quantize_is_integer(o->method) && line->int8_option)
        return command_usage("quantize", "--%s is for --method int8 and int16x8 only",
                             line->int8_option);
    return 0;
}

static void set_defaults(struct quantize_options *o)
{
    struct sweep_options *sweep = &o->search.attempt.calibrate.sweep;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    memset(o, 0, sizeof(*o));
    sweep->command = "quantize";
    sweep->what = "calibrating";
    sweep->threads = cpus < 1 ? 1 : cpus > 4 ? 4 : (uint32_t)cpus;
    o->search.attempt.integer.method = CALIBRATION_MSE;
    o->search.attempt.integer.bias_correction = true;
    o->search.rounding = true;
    o->search.equalization = true;
}

int quantize_options_parse(int argc, char **argv, struct quantize_options *o)
{
    static const struct option longs[] = {
        {"method", required_argument, NULL, OPT_METHOD},
        {"output", required_argument, NULL, 'o'},
        {"per-tensor", no_argument, NULL, OPT_PER_TENSOR},
        {"data", required_argument, NULL, OPT_DATA},
        {"calibration", required_argument, NULL, OPT_CALIBRATION},
        {"input-type", required_argument, NULL, OPT_INPUT_TYPE},
        {"output-type", required_argument, NULL, OPT_OUTPUT_TYPE},
        {"fit", required_argument, NULL, OPT_FIT},
        {"mean", required_argument, NULL, OPT_MEAN},
        {"std", required_argument, NULL, OPT_STD},
        {"bgr", no_argument, NULL, OPT_BGR},
        {"threads", required_argument, NULL, OPT_THREADS},
        {"effort", required_argument, NULL, OPT_EFFORT},
        {"rounding", required_argument, NULL, OPT_ROUNDING},
        {"allow-float", no_argument, NULL, OPT_ALLOW_FLOAT},
        {"keep-float", required_argument, NULL, OPT_KEEP_FLOAT},
        {"weight-clipping", required_argument, NULL, OPT_CLIPPING},
        {"no-equalization", no_argument, NULL, OPT_NO_EQUALIZATION},
        {"no-bias-correction", no_argument, NULL, OPT_NO_CORRECTION},
        {NULL, 0, NULL, 0},
    };
    struct command_line line = {.options = o};
    int at = 0;
    set_defaults(o);
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":o:", longs, &at)) != -1;) {
        if (option == ':' || option == '?')
            return command_bad_option("quantize", option, argv[optind - 1]);
        line.option = longs[at].name;
        int rc = parse_option(&line, option);
        if (rc != 0)
            return rc;
    }
    if (optind < argc)
        o->model = argv[optind++];
    int rc = check_options(&line, argc - optind);
    return rc ? rc : solve_options(&line);
}
