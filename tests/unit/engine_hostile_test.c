// SPDX-License-Identifier: Apache-2.0
//
// Small models made by hand that ask for too much, or for what no model has: each is refused with
// its line, or runs and touches nothing that is not its own.

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/context.h"
#include "engine/inspect.h"
#include "engine/tflite_writer.h"
#include "kernels/kernels.h"

// ---- models ------------------------------------------------------------------------------------

static const float step = 0.5f;

static int32_t add_tensor(struct draft *d, int32_t type, int32_t rank, const int32_t *dims,
                          const void *data)
{
    struct draft_tensor t = {.name = "t", .type = type, .rank = rank, .data = data};
    memcpy(t.dims, dims, (size_t)rank * sizeof(*dims));
    if (type == TENSOR_INT8) {
        t.scales = &step;
        t.scale_count = 1;
    }
    t.data_bytes = data ? (size_t)draft_elements(&t) * (type == TENSOR_INT8 ? 1 : 4) : 0;
    int32_t index = draft_add_tensor(d, &t);
    assert_true(index >= 0);
    return index;
}

static int32_t add_int8(struct draft *d, const int32_t dims[4], const void *data)
{
    return add_tensor(d, TENSOR_INT8, 4, dims, data);
}

static void add_operator(struct draft *d, int32_t code, const struct graph_options *options,
                         uint32_t input_count, const int32_t *inputs, int32_t output)
{
    struct draft_operator op = {.code = code, .version = 1, .name = operator_name(code),
                                .input_count = input_count, .output_count = 1, .options = *options};
    op.inputs = store_take_array(&d->store, input_count, sizeof(*inputs));
    op.outputs = store_take_array(&d->store, 1, sizeof(output));
    assert_true(op.inputs && op.outputs);
    memcpy(op.inputs, inputs, input_count * sizeof(*inputs));
    op.outputs[0] = output;
    assert_int_equal(draft_append_operator(d, &op), 0);
}

// Writes the draft, which is finished then, and opens it.
static int open_draft(struct draft *d, int32_t input, int32_t output,
                      const struct model_options *options, struct model **model,
                      struct model_error *error)
{
    uint8_t *bytes;
    size_t size;
    d->inputs = &input, d->outputs = &output;
    d->input_count = d->output_count = 1;
    assert_int_equal(tflite_write(d, &bytes, &size), 0);
    draft_finish(d);
    *model = NULL;
    *error = (struct model_error){{0}};
    int rc = model_open_memory(bytes, size, options, model, error);
    free(bytes);
    return rc;
}

static struct model *open_good(struct draft *d, int32_t input, int32_t output)
{
    struct model *model;
    struct model_error error;
    struct model_options options = {.cpu = kernel_cpu_detect()};
    if (open_draft(d, input, output, &options, &model, &error) < 0)
        fail_msg("%s", error.text);
    return model;
}

// ---- tests -------------------------------------------------------------------------------------

// 2^24 + 3 is no float: a position rounds to one behind the last.
static void resize_of_more_than_a_float_counts(void **state)
{
    (void)state;
    struct draft d = {0};
    const int32_t wide[4] = {1, 1, (1 << 24) + 4, 1}, size[2] = {1, 2}, pair[1] = {2};
    int32_t in = add_int8(&d, wide, NULL), out = add_int8(&d, (int32_t[]){1, 1, 2, 1}, NULL);
    int32_t inputs[2] = {in, add_tensor(&d, TENSOR_INT32, 1, pair, size)};
    struct graph_options options = {.align_corners = true};
    add_operator(&d, OP_RESIZE_BILINEAR, &options, 2, inputs, out);
    struct model *model = open_good(&d, in, out);
    struct context *context;
    assert_int_equal(context_create(model, 1, &context), 0);
    int8_t *picture = context_native_input(context);
    picture[0] = 7;
    picture[wide[2] - 1] = 100;
    context_run(context, NULL);
    const int8_t *ends = context_output(context, 0);
    assert_int_equal(ends[0], 7);
    assert_int_equal(ends[1], 100);
    context_destroy(context);
    model_close(model);
}

// A constant whose windows overlap is not worked out at load: 2^24 values under windows of 2^23
// were a matter of days.
static void pool_of_a_constant_is_left_to_run(void **state)
{
    (void)state;
    struct draft d = {0};
    static const int8_t values[16];
    const int32_t dims[4] = {1, 4, 4, 1};
    int32_t in = add_int8(&d, dims, NULL), out = add_int8(&d, dims, NULL);
    int32_t given = add_int8(&d, dims, values), pooled = add_int8(&d, dims, NULL);
    struct graph_options options = {.filter_h = 3, .filter_w = 3, .stride_h = 1, .stride_w = 1};
    add_operator(&d, OP_AVERAGE_POOL_2D, &options, 1, &given, pooled);
    int32_t inputs[2] = {in, pooled};
    add_operator(&d, OP_ADD, &options, 2, inputs, out);
    struct model *model = open_good(&d, in, out);
    struct layer_info layer;
    assert_int_equal(model_layer_count(model), 2);
    model_layer(model, 0, &layer);
    assert_string_equal(layer.op, "AVERAGE_POOL_2D");
    model_close(model);
}

// A row of layers that all have the same weights.
static int open_many(int32_t side, int32_t layers, const struct model_options *options,
                     struct model **model, struct model_error *error)
{
    struct draft d = {0};
    struct graph_options none = {0};
    const int32_t row[2] = {1, side}, square[2] = {side, side};
    int8_t *weights = store_take_array(&d.store, (size_t)side * (size_t)side, 1);
    assert_non_null(weights);
    int32_t shared = add_tensor(&d, TENSOR_INT8, 2, square, weights);
    int32_t in = add_tensor(&d, TENSOR_INT8, 2, row, NULL), from = in;
    for (int32_t i = 0; i < layers; i++) {
        int32_t out = add_tensor(&d, TENSOR_INT8, 2, row, NULL);
        add_operator(&d, OP_FULLY_CONNECTED, &none, 3, (int32_t[]){from, shared, GRAPH_ABSENT}, out);
        from = out;
    }
    return open_draft(&d, in, from, options, model, error);
}

static void shared_weights_do_not_take_all_memory(void **state)
{
    (void)state;
    struct model *model;
    struct model_error error;
    struct model_options options = {.memory_max = 8 << 20};
    assert_int_equal(open_many(256, 200, &options, &model, &error), -ENOTSUP);
    assert_non_null(strstr(error.text, "FULLY_CONNECTED"));
    assert_non_null(strstr(error.text, "the limit is 8 MiB"));
    assert_int_equal(open_many(256, 20, &options, &model, &error), 0);
    model_close(model);
}

static int32_t add_uint8(struct draft *d, const int32_t dims[4], const void *data)
{
    int32_t index = add_tensor(d, TENSOR_UINT8, 4, dims, NULL);
    struct draft_tensor *t = &d->tensors[index];
    t->scales = &step;
    t->scale_count = 1;
    t->zero_point = 128;
    t->data = data;
    t->data_bytes = data ? (size_t)draft_elements(t) : 0;
    return index;
}

// A legacy constant that is worked out stays what the file calls it.
static void folded_uint8_is_uint8(void **state)
{
    (void)state;
    struct draft d = {0};
    static const uint8_t row[3] = {1, 2, 200};
    const int32_t dims[4] = {1, 1, 3, 1}, turned[4] = {1, 3, 1, 1}, four[1] = {4};
    static const int32_t order[4] = {0, 2, 1, 3};
    int32_t in = add_uint8(&d, turned, NULL), given = add_uint8(&d, dims, row);
    int32_t made = add_uint8(&d, turned, NULL), out = add_uint8(&d, (int32_t[]){1, 6, 1, 1}, NULL);
    int32_t both[2] = {given, add_tensor(&d, TENSOR_INT32, 1, four, order)};
    struct graph_options options = {.axis = 1};
    add_operator(&d, OP_TRANSPOSE, &options, 2, both, made);
    add_operator(&d, OP_CONCATENATION, &options, 2, (int32_t[]){in, made}, out);
    struct model *model = open_good(&d, in, out);
    struct context *context;
    assert_int_equal(context_create(model, 1, &context), 0);
    context_set_input(context, 0, (const uint8_t[]){7, 8, 9});
    context_run(context, NULL);
    assert_memory_equal(context_output(context, 0), ((const uint8_t[]){7, 8, 9, 1, 2, 200}), 6);
    context_destroy(context);
    model_close(model);
}

// uint8 to int8 of the same numbers: other bytes.
static void quantized_uint8_constant_is_int8(void **state)
{
    (void)state;
    struct draft d = {0};
    struct graph_options options = {.axis = 2};
    static const uint8_t row[3] = {1, 128, 200};
    const int32_t dims[4] = {1, 1, 3, 1};
    int32_t in = add_int8(&d, dims, NULL), given = add_uint8(&d, dims, row);
    int32_t made = add_int8(&d, dims, NULL), out = add_int8(&d, (int32_t[]){1, 1, 6, 1}, NULL);
    add_operator(&d, OP_QUANTIZE, &options, 1, &given, made);
    add_operator(&d, OP_CONCATENATION, &options, 2, (int32_t[]){in, made}, out);
    struct model *model = open_good(&d, in, out);
    struct context *context;
    assert_int_equal(context_create(model, 1, &context), 0);
    context_set_input(context, 0, (const int8_t[]){7, 8, 9});
    context_run(context, NULL);
    assert_memory_equal(context_output(context, 0), ((const int8_t[]){7, 8, 9, -127, 0, 72}), 6);
    context_destroy(context);
    model_close(model);
}

// LiteRT refuses it too.
static void zero_points_are_as_many_as_scales(void **state)
{
    (void)state;
    struct draft d = {0};
    struct graph_options none = {0};
    const int32_t dims[4] = {1, 1, 1, 1};
    int32_t in = add_int8(&d, dims, NULL), out = add_int8(&d, dims, NULL);
    add_operator(&d, OP_RELU, &none, 1, &in, out);
    uint8_t *bytes, *found, one_zero[16] = {1}; // count 1, no padding, the number 0
    size_t size;
    d.inputs = &in, d.outputs = &out;
    d.input_count = d.output_count = 1;
    d.tensors[in].zero_point = 3;
    one_zero[4] = 3;
    assert_int_equal(tflite_write(&d, &bytes, &size), 0);
    draft_finish(&d);
    struct model *model;
    struct model_error error;
    struct model_options options = {0};
    found = memmem(bytes, size, one_zero, 12);
    assert_non_null(found);
    *found = 2;
    assert_int_equal(model_open_memory(bytes, size, &options, &model, &error), -EINVAL);
    assert_non_null(strstr(error.text, "2 zero points for 1 scales"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resize_of_more_than_a_float_counts),
        cmocka_unit_test(pool_of_a_constant_is_left_to_run),
        cmocka_unit_test(shared_weights_do_not_take_all_memory),
        cmocka_unit_test(folded_uint8_is_uint8),
        cmocka_unit_test(quantized_uint8_constant_is_int8),
        cmocka_unit_test(zero_points_are_as_many_as_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
