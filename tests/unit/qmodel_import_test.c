// SPDX-License-Identifier: Apache-2.0
//
// Small ONNX models imported, written, loaded and run: the answers are those of onnxruntime, the
// broken ones give the line that names what is wrong. tests/oracle/make_onnx_golden.py wrote
// tests/golden/onnx and describes its list.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/context.h"
#include "engine/tflite_writer.h"
#include "kernels/kernels.h"
#include "qmodel/onnx_import.h"

#define FOLDER "tests/golden/onnx"

static uint8_t *read_file(const char *name, const char *ending, size_t *size)
{
    char path[256];
    snprintf(path, sizeof(path), FOLDER "/%s%s", name, ending);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

static struct model *open_imported(const char *name)
{
    size_t size, written;
    uint8_t *onnx = read_file(name, ".onnx", &size), *tflite;
    struct model_error error;
    struct draft draft;
    struct model *model;
    if (onnx_import(onnx, size, NULL, &draft, &error) < 0)
        fail_msg("%s: %s", name, error.text);
    free(onnx);
    assert_int_equal(tflite_write(&draft, &tflite, &written), 0);
    draft_finish(&draft);
    if (model_open_memory(tflite, written, &(struct model_options){.cpu = kernel_cpu_detect()},
                          &model, &error) < 0)
        fail_msg("%s, written: %s", name, error.text);
    free(tflite);
    return model;
}

static double at(const struct tensor_info *info, const void *data, size_t i)
{
    switch (info->type) {
    case TENSOR_FLOAT32: return (double)((const float *)data)[i];
    case TENSOR_INT8: return ((const int8_t *)data)[i];
    default: return ((const uint8_t *)data)[i];
    }
}

static void check_answer(const char *name, double tolerance)
{
    size_t size;
    uint8_t *bytes = read_file(name, ".bin", &size);
    struct model *model = open_imported(name);
    struct context *context;
    const struct tensor_info *in = model_input(model, 0), *out = model_output(model, 0);
    if (size != in->bytes + out->bytes)
        fail_msg("%s: %zu + %zu bytes, not %zu", name, in->bytes, out->bytes, size);
    assert_int_equal(context_create(model, 1, &context), 0);
    context_set_input(context, 0, bytes);
    context_run(context, NULL);
    size_t element = out->type == TENSOR_FLOAT32 ? 4 : 1;
    for (size_t i = 0; i < out->bytes / element; i++) {
        double got = at(out, context_output(context, 0), i), want = at(out, bytes + in->bytes, i);
        if (!(fabs(got - want) <= tolerance))
            fail_msg("%s: element %zu is %g, not %g (within %g)", name, i, got, want, tolerance);
    }
    context_destroy(context);
    model_close(model);
    free(bytes);
}

static void check_refusal(const char *name, const char *words)
{
    size_t size;
    uint8_t *onnx = read_file(name, ".onnx", &size);
    struct draft draft;
    struct model_error error = {{0}};
    int rc = onnx_import(onnx, size, NULL, &draft, &error);
    free(onnx);
    if (rc == 0)
        fail_msg("%s was imported", name);
    assert_true(rc == -EINVAL || rc == -ENOTSUP || rc == -ENOMEM);
    if (!strstr(error.text, words) || strchr(error.text, '\n'))
        fail_msg("%s: no '%s' in '%s'", name, words, error.text);
}

static void go_through_list(bool broken)
{
    char line[256], name[64];
    int count = 0;
    FILE *list = fopen(FOLDER "/list.txt", "r");
    assert_non_null(list);
    while (fgets(line, sizeof(line), list)) {
        line[strcspn(line, "\n")] = 0;
        assert_int_equal(sscanf(line, "%63s", name), 1);
        bool bad = strncmp(name, "bad_", 4) == 0;
        if (bad != broken)
            continue;
        if (bad)
            check_refusal(name, line + strlen(name) + 1);
        else
            check_answer(name, strtod(line + strlen(name), NULL));
        count++;
    }
    fclose(list);
    assert_true(count >= 15);
}

static void test_answers(void **state)
{
    (void)state;
    go_through_list(false);
}

static void test_refusals(void **state)
{
    (void)state;
    go_through_list(true);
}

// ---- bytes that are no ONNX file --------------------------------------------

static int import_bytes(const void *bytes, size_t size, struct model_error *error)
{
    struct draft draft;
    int rc = onnx_import(bytes, size, NULL, &draft, error);
    if (rc == 0)
        draft_finish(&draft);
    return rc;
}

static void test_not_onnx(void **state)
{
    struct model_error error;
    (void)state;
    assert_int_equal(import_bytes("", 0, &error), -EINVAL);
    assert_int_equal(import_bytes("\x08\x07", 2, &error), -EINVAL);
    assert_non_null(strstr(error.text, "no graph"));
    assert_int_equal(import_bytes("TFL3 is something else", 22, &error), -EINVAL);
    assert_non_null(strstr(error.text, "not an ONNX file"));
}

// A graph of a million empty nodes is 2 MB here and would be a hundred times that in memory.
static void test_many_nodes(void **state)
{
    enum { NODES = 1000000, BODY = 2 * NODES };
    uint8_t *bytes = malloc(BODY + 16);
    struct model_error error;
    size_t at = 0;
    (void)state;
    bytes[at++] = 0x3a; // graph, length as a varint
    for (uint32_t rest = BODY; rest; rest >>= 7)
        bytes[at++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
    for (int i = 0; i < NODES; i++) {
        bytes[at++] = 0x0a; // node
        bytes[at++] = 0;
    }
    int rc = import_bytes(bytes, at, &error);
    free(bytes);
    assert_int_equal(rc, -ENOMEM);
    assert_non_null(strstr(error.text, "memory"));
}

// Every cut of a good file is refused, or (at the border of a field) a smaller model.
static void test_cut_short(void **state)
{
    size_t size;
    uint8_t *onnx = read_file("squeeze_excite_rows", ".onnx", &size);
    struct model_error error;
    int refused = 0;
    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + !cut);
        memcpy(exact, onnx, cut);
        error.text[0] = 0;
        int rc = import_bytes(exact, cut, &error);
        assert_true(rc == 0 || error.text[0]);
        refused += rc < 0;
        free(exact);
    }
    assert_true(refused > (int)size * 9 / 10);
    free(onnx);
}

static void test_given_shape(void **state)
{
    size_t size;
    uint8_t *onnx = read_file("bad_free", ".onnx", &size);
    struct onnx_import_options options = {.rank = 4, .shape = {1, 3, 9, 4}};
    struct model_error error;
    struct draft draft;
    (void)state;
    assert_int_equal(onnx_import(onnx, size, &options, &draft, &error), 0);
    assert_int_equal(draft.tensors[draft.inputs[0]].dims[1], 9);
    draft_finish(&draft);
    options.shape[1] = 4;
    assert_int_equal(onnx_import(onnx, size, &options, &draft, &error), -EINVAL);
    assert_non_null(strstr(error.text, "dimension 1 of input 'x' is 3, not 4"));
    options.rank = 3;
    assert_int_equal(onnx_import(onnx, size, &options, &draft, &error), -EINVAL);
    free(onnx);
}

// What an importer is for: batch norms and activations are gone, nothing is left between integers.
static void check_operators(const char *name, const int32_t *codes, uint32_t count)
{
    size_t size;
    uint8_t *onnx = read_file(name, ".onnx", &size);
    struct model_error error;
    struct draft draft;
    assert_int_equal(onnx_import(onnx, size, NULL, &draft, &error), 0);
    assert_int_equal(draft.operator_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(draft.operators[i].code, codes[i]);
    draft_finish(&draft);
    free(onnx);
}

static void test_operators(void **state)
{
    (void)state;
    check_operators("conv_norm_relu", (int32_t[]){OP_CONV_2D, OP_DEPTHWISE_CONV_2D}, 2);
    check_operators(
        "flatten_gemm",
        (int32_t[]){OP_CONV_2D, OP_MAX_POOL_2D, OP_RESHAPE, OP_RELU, OP_FULLY_CONNECTED}, 5);
    check_operators("hard_swish_of_two", (int32_t[]){OP_HARD_SWISH}, 1);
    check_operators("picture_last", (int32_t[]){OP_CONV_2D}, 1);
    check_operators("q_int8",
                    (int32_t[]){OP_QUANTIZE, OP_CONV_2D, OP_DEPTHWISE_CONV_2D, OP_ADD,
                                OP_MAX_POOL_2D, OP_RESHAPE, OP_FULLY_CONNECTED, OP_DEQUANTIZE},
                    8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_not_onnx),  cmocka_unit_test(test_many_nodes),
        cmocka_unit_test(test_cut_short), cmocka_unit_test(test_given_shape),
        cmocka_unit_test(test_operators),
    };
    return cmocka_run_group_tests_name("qmodel import", tests, NULL, NULL);
}
