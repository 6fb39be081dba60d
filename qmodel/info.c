// SPDX-License-Identifier: Apache-2.0
//
// qmodel info: what a model takes and gives, what the engine makes of it, and where it puts it.

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "engine/inspect.h"
#include "qmodel/command.h"
#include "qmodel/info_weights.h"
#include "qmodel/loading.h"

// clang-format off
const char command_info_help[] =
    "usage: qmodel info [--json] [--weights LAYER [--all]] MODEL.tflite\n\n"
    "Prints inputs, outputs, metadata; the layers that are left to run after folding and\n"
    "fusing, with their multiply-accumulates, packed weights and the kernel that this\n"
    "machine's CPU (or QEDGE_CPU) gets; and the memory plan: each tensor's place in the\n"
    "arena and the layers between which it lives (-1: before the run).\n\n"
    "  --weights LAYER  instead: scale, zero point, axis, scheme and stored values of that layer's\n"
    "                   weights; LAYER is the operator's number or (part of) the name of its output\n"
    "  --all            every channel and value, not only the first ones\n"
    "  --json           JSON; sizes in bytes\n";
// clang-format on

// ---- text -------------------------------------------------------------------

static void print_ends(const struct model *model)
{
    char text[160], native[160];
    for (uint32_t i = 0; i < model_input_count(model); i++) {
        const struct tensor_info *t = model_input(model, i);
        printf("input %u:  %s '%s'\n", i, loading_tensor_text(t, text, sizeof(text)), t->name);
    }
    const struct tensor_info *in = model_native_input(model);
    printf("runs on:  %s\n", loading_tensor_text(in, native, sizeof(native)));
    for (uint32_t i = 0; i < model_output_count(model); i++) {
        const struct tensor_info *t = model_output(model, i);
        printf("output %u: %s '%s'\n", i, loading_tensor_text(t, text, sizeof(text)), t->name);
    }
}

static void print_line(const char *key, const char *text)
{
    if (text)
        printf("%s: %s\n", key, text);
}

static void print_summary(const struct model *model, const struct model_summary *s, const char *cpu)
{
    float mean[4], std[4];
    uint32_t channels = model_normalisation(model, mean, std);
    print_line("name", s->name);
    print_line("version", s->version);
    print_line("author", s->author);
    print_line("license", s->license);
    for (uint32_t c = 0; c < channels; c++)
        printf("%s(%g, %g)%s", c ? " " : "normalisation (mean, std): ", (double)mean[c],
               (double)std[c], c + 1 == channels ? "\n" : "");
    if (model_label_count(model))
        printf("labels: %u, from '%s' to '%s'\n", model_label_count(model), model_label(model, 0),
               model_label(model, model_label_count(model) - 1));
    printf("operators: %u in the file, %u layers to run, %.1f million multiply-accumulates\n",
           s->operators, s->layers, (double)s->macs / 1e6);
    printf("memory: file %zu, packed weights %zu, arena %zu, scratch %zu bytes a thread\n",
           s->file_bytes, s->packed_bytes, s->arena_bytes, s->scratch_bytes);
    printf("cpu: %s\n", cpu);
}

static void print_layers(const struct model *model)
{
    printf("\n%5s %-20s %-28s %10s %9s %6s  %s\n", "layer", "operator", "kernel", "kMAC", "packed",
           "units", "output");
    for (uint32_t i = 0; i < model_layer_count(model); i++) {
        struct layer_info layer;
        char text[160];
        model_layer(model, i, &layer);
        printf("%5u %-20s %-28s %10.1f %9zu %6d  %s\n", i, layer.op, layer.kernel,
               (double)layer.macs / 1e3, layer.packed_bytes, layer.units,
               loading_tensor_text(layer.output, text, sizeof(text)));
    }
}

static void print_plan(const struct model *model)
{
    printf("\n%6s %9s %9s %9s  %s\n", "tensor", "offset", "bytes", "layers", "type");
    for (uint32_t i = 0; i < model_value_count(model); i++) {
        struct value_info v;
        char text[160], life[32];
        if (!model_value(model, i, &v))
            continue;
        loading_tensor_text(v.tensor, text, sizeof(text));
        snprintf(life, sizeof(life), "%d..%d", v.first, v.last);
        if (v.constant)
            printf("%6u %9s %9zu %9s  %s\n", i, "constant", v.tensor->bytes, "", text);
        else
            printf("%6u %9zu %9zu %9s  %s%s\n", i, v.offset, v.tensor->bytes, life, text,
                   v.alias ? " (shared)" : "");
    }
}

// ---- JSON -------------------------------------------------------------------

static void write_tensor(struct json_writer *json, const struct tensor_info *t)
{
    json_write_object_begin(json);
    json_write_member_string(json, "name", t->name);
    json_write_member_string(json, "type", tensor_type_text(t->type));
    json_write_key(json, "shape");
    json_write_array_begin(json);
    for (int32_t d = 0; d < t->rank; d++)
        json_write_i64(json, t->dims[d]);
    json_write_array_end(json);
    json_write_key(json, "scale");
    json_write_double(json, (double)t->scale);
    json_write_member_i64(json, "zero_point", t->zero_point);
    json_write_member_u64(json, "bytes", t->bytes);
    json_write_object_end(json);
}

static void write_values(struct json_writer *json, const char *key, const float *values,
                         uint32_t count)
{
    json_write_key(json, key);
    json_write_array_begin(json);
    for (uint32_t i = 0; i < count; i++)
        json_write_double(json, (double)values[i]);
    json_write_array_end(json);
}

static void write_summary(struct json_writer *json, const struct model *model,
                          const struct model_summary *s, const char *path, const char *cpu)
{
    float mean[4], std[4];
    uint32_t channels = model_normalisation(model, mean, std);
    json_write_member_string(json, "model", path);
    json_write_member_string(json, "cpu", cpu);
    json_write_member_string(json, "name", s->name);
    json_write_member_u64(json, "labels", model_label_count(model));
    write_values(json, "mean", mean, channels);
    write_values(json, "std", std, channels);
    json_write_member_u64(json, "operators", s->operators);
    json_write_member_u64(json, "macs", s->macs);
    json_write_member_u64(json, "file_bytes", s->file_bytes);
    json_write_member_u64(json, "packed_bytes", s->packed_bytes);
    json_write_member_u64(json, "arena_bytes", s->arena_bytes);
    json_write_member_u64(json, "scratch_bytes", s->scratch_bytes);
    json_write_key(json, "inputs");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < model_input_count(model); i++)
        write_tensor(json, model_input(model, i));
    json_write_array_end(json);
    json_write_key(json, "native_input");
    write_tensor(json, model_native_input(model));
    json_write_key(json, "outputs");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < model_output_count(model); i++)
        write_tensor(json, model_output(model, i));
    json_write_array_end(json);
}

static void write_layers(struct json_writer *json, const struct model *model)
{
    json_write_key(json, "layers");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < model_layer_count(model); i++) {
        struct layer_info layer;
        model_layer(model, i, &layer);
        json_write_object_begin(json);
        json_write_member_u64(json, "operator", layer.op_index);
        json_write_member_string(json, "op", layer.op);
        json_write_member_string(json, "kernel", layer.kernel);
        json_write_member_u64(json, "macs", layer.macs);
        json_write_member_u64(json, "packed_bytes", layer.packed_bytes);
        json_write_key(json, "output");
        write_tensor(json, layer.output);
        json_write_object_end(json);
    }
    json_write_array_end(json);
}

static void write_plan(struct json_writer *json, const struct model *model)
{
    json_write_key(json, "plan");
    json_write_array_begin(json);
    for (uint32_t i = 0; i < model_value_count(model); i++) {
        struct value_info v;
        if (!model_value(model, i, &v) || v.constant)
            continue;
        json_write_object_begin(json);
        json_write_member_u64(json, "tensor", i);
        json_write_member_u64(json, "offset", v.offset);
        json_write_member_u64(json, "bytes", v.tensor->bytes);
        json_write_member_i64(json, "first", v.first);
        json_write_member_i64(json, "last", v.last);
        json_write_member_bool(json, "shared", v.alias);
        json_write_object_end(json);
    }
    json_write_array_end(json);
}

static int print_json(const struct model *model, const struct model_summary *s, const char *path,
                      const char *cpu)
{
    size_t size = 65536 + (size_t)model_layer_count(model) * 2048 +
                  (size_t)model_value_count(model) * 256 +
                  (size_t)(model_input_count(model) + model_output_count(model)) * 2048;
    cleanup_free char *buffer = malloc(size);
    struct json_writer json;
    if (!buffer)
        return command_fail("info", "no memory to print");
    json_write_init(&json, buffer, size);
    json_write_object_begin(&json);
    write_summary(&json, model, s, path, cpu);
    write_layers(&json, model);
    write_plan(&json, model);
    json_write_object_end(&json);
    if (json_write_finish(&json) < 0)
        return command_fail("info", "the result is too long to print");
    puts(buffer);
    return 0;
}

// ---- command ----------------------------------------------------------------

int command_info(int argc, char **argv)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"weights", required_argument, NULL, 'w'},
                                          {"all", no_argument, NULL, 'a'},
                                          {NULL, 0, NULL, 0}};
    bool as_json = false, all = false;
    const char *layer = NULL;
    opterr = 0;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, ":", longs, NULL)) != -1;) {
        if (option == ':' || option == '?')
            return command_bad_option("info", option, argv[optind - 1]);
        as_json = as_json || option == 'j';
        all = all || option == 'a';
        layer = option == 'w' ? optarg : layer;
    }
    if (all && !layer)
        return command_usage("info", "--all belongs to --weights");
    if (optind + 1 != argc)
        return command_usage("info", "expected one model (try qmodel info --help)");
    if (layer)
        return info_weights(argv[optind], layer, all, as_json);
    struct model *model;
    struct model_summary summary;
    char cpu_text[128];
    uint32_t cpu;
    int rc = loading_cpu("info", &cpu);
    if (rc == 0)
        rc = loading_open("info", argv[optind], &model);
    if (rc != 0)
        return rc;
    loading_cpu_text(cpu, cpu_text, sizeof(cpu_text));
    model_summarize(model, &summary);
    if (as_json) {
        rc = print_json(model, &summary, argv[optind], cpu_text);
    } else {
        printf("%s\n", argv[optind]);
        print_ends(model);
        print_summary(model, &summary, cpu_text);
        print_layers(model);
        print_plan(model);
    }
    model_close(model);
    return rc;
}
