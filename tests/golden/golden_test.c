// SPDX-License-Identifier: Apache-2.0
//
// Runs every case of the golden lists through the engine and compares with what LiteRT's default
// kernels gave (tests/oracle/make_golden.py wrote the lists and describes their format). No Python,
// no LiteRT.
//
// A case's input comes from the same generator as there: words "noise SEED", "blocks SEED SIZE",
// "pixels FILE" or "raw FILE"; see tests/oracle/inputs.py.

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/context.h"
#include "engine/model.h"
#include "kernels/kernels.h"

#define LINE_MAX_BYTES (1 << 20)

struct golden {
    const char *list;
    char model_path[512];
    char source[512];
    bool missing;            // the model's file is not here
    bool ran;                // the current case's inputs were made and the model ran
    double within;
    uint32_t output;         // which output the next "output" line is for
    struct model *model;
    struct context *context;
    unsigned cases, failed, skipped;
};

// ---- inputs ------------------------------------------------------------------------------------

static uint8_t stream_next(uint32_t *state)
{
    uint32_t s = *state;
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    *state = s;
    return (uint8_t)(s >> 24);
}

static size_t element_count(const struct tensor_info *info)
{
    size_t count = 1;
    for (int32_t i = 0; i < info->rank; i++)
        count *= (size_t)info->dims[i];
    return count;
}

// One random byte as element `i` of a tensor.
static void put_random(const struct tensor_info *info, void *data, size_t i, uint8_t byte)
{
    switch (info->type) {
    case TENSOR_INT8:
    case TENSOR_UINT8:
        ((uint8_t *)data)[i] = byte;
        break;
    case TENSOR_INT16:
        ((int16_t *)data)[i] = (int16_t)((byte - 128) * 128);
        break;
    default:
        ((float *)data)[i] = (float)(byte - 128) / 64.0f;
    }
}

static void put_pixel(const struct tensor_info *info, void *data, size_t i, uint8_t byte)
{
    if (info->type == TENSOR_FLOAT32)
        ((float *)data)[i] = ((float)byte - 127.5f) / 127.5f;
    else
        ((uint8_t *)data)[i] = info->type == TENSOR_INT8 ? byte ^ 0x80u : byte;
}

static void fill_noise(const struct tensor_info *info, void *data, uint32_t *state)
{
    size_t count = element_count(info);
    for (size_t i = 0; i < count; i++)
        put_random(info, data, i, stream_next(state));
}

// Squares of size x size pixels, each channel of each square one byte of the stream.
static bool fill_blocks(const struct tensor_info *info, void *data, uint32_t seed, int32_t size)
{
    if (info->rank != 4 || size < 1)
        return false;
    int32_t height = info->dims[1], width = info->dims[2], channels = info->dims[3];
    int32_t columns = (width + size - 1) / size, rows = (height + size - 1) / size;
    size_t cells = (size_t)rows * (size_t)columns * (size_t)channels;
    uint8_t *grid = malloc(cells);
    if (!grid)
        return false;
    for (size_t i = 0; i < cells; i++)
        grid[i] = stream_next(&seed);
    size_t at = 0;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            for (int32_t c = 0; c < channels; c++, at++)
                put_random(info, data, at, grid[((y / size) * columns + x / size) * channels + c]);
    free(grid);
    return true;
}

static bool fill_file(const struct tensor_info *info, void *data, const char *path, bool pixels)
{
    size_t want = pixels ? element_count(info) : info->bytes;
    uint8_t *content = malloc(want + 1);
    FILE *file = fopen(path, "rb");
    bool ok = content && file && fread(content, 1, want + 1, file) == want;
    for (size_t i = 0; ok && pixels && i < want; i++)
        put_pixel(info, data, i, content[i]);
    if (ok && !pixels)
        memcpy(data, content, want);
    if (file)
        fclose(file);
    free(content);
    return ok;
}

static bool fill_input(const struct golden *golden, const struct tensor_info *info, void *data,
                       uint32_t *state)
{
    char path[512];
    unsigned seed, size;
    if (sscanf(golden->source, "noise %u", &seed) == 1) {
        fill_noise(info, data, state);
        return true;
    }
    if (sscanf(golden->source, "blocks %u %u", &seed, &size) == 2)
        return fill_blocks(info, data, seed, (int32_t)size);
    if (sscanf(golden->source, "pixels %511s", path) == 1)
        return fill_file(info, data, path, true);
    if (sscanf(golden->source, "raw %511s", path) == 1)
        return fill_file(info, data, path, false);
    return false;
}

static bool set_inputs(const struct golden *golden)
{
    unsigned seed = 0;
    sscanf(golden->source, "noise %u", &seed);
    uint32_t state = seed;
    bool ok = true;
    for (uint32_t i = 0; ok && i < model_input_count(golden->model); i++) {
        const struct tensor_info *info = model_input(golden->model, i);
        void *data = calloc(1, info->bytes ? info->bytes : 1);
        ok = data && fill_input(golden, info, data, &state);
        if (ok)
            context_set_input(golden->context, i, data);
        free(data);
    }
    return ok;
}

// ---- comparing ---------------------------------------------------------------------------------

static bool hex_bytes(const char *text, uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        out[i] = (uint8_t)byte;
    }
    return text[2 * count] == '\0';
}

static double element(const struct tensor_info *info, const void *data, size_t i)
{
    switch (info->type) {
    case TENSOR_INT8:
        return ((const int8_t *)data)[i];
    case TENSOR_UINT8:
        return ((const uint8_t *)data)[i];
    case TENSOR_INT16:
        return ((const int16_t *)data)[i];
    case TENSOR_INT32:
        return ((const int32_t *)data)[i];
    default:
        return (double)((const float *)data)[i];
    }
}

static bool compare(const struct golden *golden, const struct tensor_info *info, const void *got,
                    const void *want)
{
    size_t count = element_count(info), wrong = 0, worst_at = 0;
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(element(info, got, i) - element(info, want, i));
        wrong += !(difference <= golden->within);
        if (!(difference <= worst)) {
            worst = difference;
            worst_at = i;
        }
    }
    if (wrong == 0)
        return true;
    printf(
        "%s: %s: output %u: %zu of %zu differ by more than %g; worst at %zu: got %g, LiteRT %g\n",
        golden->model_path, golden->source, golden->output, wrong, count, golden->within, worst_at,
        element(info, got, worst_at), element(info, want, worst_at));
    return false;
}

static bool check_output(const struct golden *golden, const char *hex)
{
    if (golden->output >= model_output_count(golden->model)) {
        printf("%s: has no output %u\n", golden->model_path, golden->output);
        return false;
    }
    const struct tensor_info *info = model_output(golden->model, golden->output);
    uint8_t *want = malloc(info->bytes ? info->bytes : 1);
    bool ok = want && hex_bytes(hex, want, info->bytes);
    if (!ok)
        printf("%s: output %u has %zu bytes, the list another number\n", golden->model_path,
               golden->output, info->bytes);
    else
        ok = compare(golden, info, context_output(golden->context, golden->output), want);
    free(want);
    return ok;
}

// ---- the lists ---------------------------------------------------------------------------------

static void model_done(struct golden *golden)
{
    context_destroy(golden->context);
    model_close(golden->model);
    golden->context = NULL;
    golden->model = NULL;
}

static bool model_begin(struct golden *golden, char *words)
{
    model_done(golden);
    sscanf(words, "%511s", golden->model_path);
    FILE *file = fopen(golden->model_path, "rb");
    golden->missing = !file && strncmp(golden->model_path, "../", 3) == 0;
    if (file)
        fclose(file);
    if (golden->missing)
        return true;
    struct model_options options = {.cpu = kernel_cpu_detect()};
    const char *limit = getenv("QEDGE_CPU"), *bad;
    uint32_t mask;
    if (limit && kernel_cpu_parse(limit, &mask, &bad) == 0)
        options.cpu &= mask;
    struct model_error error = {""};
    int status = model_open(golden->model_path, &options, &golden->model, &error);
    if (status == 0)
        status = context_create(golden->model, 1, &golden->context);
    if (status)
        printf("%s: %s (%d)\n", golden->model_path, error.text, status);
    return status == 0;
}

static bool case_begin(struct golden *golden, const char *source)
{
    snprintf(golden->source, sizeof(golden->source), "%s", source);
    golden->output = 0;
    golden->ran = false;
    if (golden->missing) {
        golden->skipped++;
        return true;
    }
    golden->cases++;
    if (!golden->context)
        return false;
    if (!set_inputs(golden)) {
        printf("%s: cannot make the input \"%s\"\n", golden->model_path, source);
        return false;
    }
    context_run(golden->context, NULL);
    golden->ran = true;
    return true;
}

static bool take_line(struct golden *golden, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0')
        return true;
    if (strncmp(line, "model ", 6) == 0)
        return model_begin(golden, line + 6);
    if (strncmp(line, "case ", 5) == 0)
        return case_begin(golden, line + 5);
    if (sscanf(line, "within %lf", &golden->within) == 1)
        return true;
    if (strncmp(line, "output ", 7) == 0) {
        bool ok = !golden->ran || check_output(golden, line + 7);
        golden->output++;
        return ok;
    }
    printf("%s: not understood: %.40s\n", golden->list, line);
    return false;
}

static bool run_list(const char *path)
{
    struct golden golden = {.list = path};
    FILE *file = fopen(path, "r");
    char *line = malloc(LINE_MAX_BYTES);
    if (!file || !line) {
        printf("%s: cannot be read\n", path);
        golden.failed = 1;
    }
    while (file && line && fgets(line, LINE_MAX_BYTES, file))
        golden.failed += !take_line(&golden, line);
    model_done(&golden);
    free(line);
    if (file)
        fclose(file);
    printf("%s: %u cases, %u failed, %u skipped\n", path, golden.cases, golden.failed,
           golden.skipped);
    return golden.failed == 0 && golden.cases + golden.skipped > 0;
}

int main(int argc, char **argv)
{
    static const char *const lists[] = {
        "tests/golden/operators.txt", "tests/golden/default_model.txt", "tests/golden/shared.txt"};
    bool ok = true;
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            ok = run_list(argv[i]) && ok;
        return ok ? 0 : 1;
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        ok = run_list(lists[i]) && ok;
    return ok ? 0 : 1;
}
