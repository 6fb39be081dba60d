// SPDX-License-Identifier: Apache-2.0
//
// Signatures of a model that is written anew: they follow what they name, and a file that lies
// about them is refused.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/tflite_writer.h"

#define NET "tests/golden/float/net.tflite"

static char long_name[SIGNATURE_NAME_MAX + 2];

static void open_net(struct draft *d)
{
    struct model_error error;
    if (draft_open(d, NET, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(d->signatures.count, 0);
    assert_int_equal(d->input_count, 1);
    assert_int_equal(d->output_count, 1);
}

// `count` signatures, each with the model's input under two names and its output under one.
static void sign(struct draft *d, struct signature *list, uint32_t count)
{
    static struct signature_entry inputs[] = {{"image", 0}, {"again", 0}},
                                  outputs[] = {{"scores", 0}};
    for (uint32_t i = 0; i < count; i++)
        list[i] = (struct signature){i ? "second" : "serving_default", inputs, outputs, 2, 1};
    d->signatures = (struct signatures){list, count};
}

// The bytes of a draft in a buffer of exactly their size.
static uint8_t *written(const struct draft *d, size_t *size)
{
    uint8_t *bytes;
    assert_int_equal(tflite_write(d, &bytes, size), 0);
    return bytes;
}

static int read_signatures(uint8_t *bytes, size_t size, struct signatures *s, struct store *store,
                           struct model_error *error)
{
    struct flat flat = {.data = bytes, .size = (uint32_t)size};
    struct graph graph;
    int rc = graph_read(&graph, &flat, store, error);
    return rc < 0 ? rc : signatures_read(s, &flat, &graph, store, error);
}

static int open_bytes(const uint8_t *bytes, size_t size, struct draft *d, struct model_error *error)
{
    char path[] = "/tmp/qedge-signature-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    int rc = draft_open(d, path, error);
    unlink(path);
    return rc;
}

static void check_signature(const struct signature *s, const char *key)
{
    assert_string_equal(s->key, key);
    assert_int_equal(s->input_count, 2);
    assert_int_equal(s->output_count, 1);
    assert_string_equal(s->inputs[0].name, "image");
    assert_string_equal(s->inputs[1].name, "again");
    assert_string_equal(s->outputs[0].name, "scores");
    assert_int_equal(s->inputs[0].place + s->inputs[1].place + s->outputs[0].place, 0);
}

// The output gets an operator behind it: the signature names what comes out now.
static void signatures_follow_the_output(void **state)
{
    (void)state;
    struct draft d, again;
    struct signature list[2];
    struct model_error error;
    size_t size;
    open_net(&d);
    sign(&d, list, 2);
    struct draft_tensor made = d.tensors[d.outputs[0]];
    made.name = "after";
    int32_t index = draft_add_tensor(&d, &made);
    assert_true(index >= 0);
    assert_int_equal(draft_insert_operator(&d, d.operator_count, OP_RELU, d.outputs[0], index), 0);
    d.outputs[0] = index;
    uint8_t *bytes = written(&d, &size);
    if (open_bytes(bytes, size, &again, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(again.signatures.count, 2);
    check_signature(&again.signatures.list[0], "serving_default");
    check_signature(&again.signatures.list[1], "second");
    assert_string_equal(again.tensors[again.outputs[0]].name, "after");
    draft_finish(&again);
    draft_finish(&d);
    free(bytes);
}

static void without_signatures_nothing_is_written(void **state)
{
    (void)state;
    struct draft d;
    size_t size, signed_size;
    struct signature list[1];
    open_net(&d);
    uint8_t *bytes = written(&d, &size);
    free(bytes);
    sign(&d, list, 1);
    bytes = written(&d, &signed_size);
    free(bytes);
    assert_true(signed_size > size && signed_size < size + 256);
    draft_finish(&d);
}

// Writes `list` as the signatures of the net and expects that reading fails with `code` and a line
// with `word`.
static void refused(struct signature *list, uint32_t count, int code, const char *word)
{
    struct draft d, again;
    struct model_error error = {0};
    size_t size;
    open_net(&d);
    d.signatures = (struct signatures){list, count};
    uint8_t *bytes = written(&d, &size);
    assert_int_equal(open_bytes(bytes, size, &again, &error), code);
    if (!strstr(error.text, word) || strchr(error.text, '\n'))
        fail_msg("no '%s' in '%s'", word, error.text);
    draft_finish(&d);
    free(bytes);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    static struct signature many[SIGNATURES_MAX + 1];
    static struct signature_entry entries[GRAPH_ARGUMENTS_MAX + 1];
    for (uint32_t i = 0; i <= SIGNATURES_MAX; i++)
        many[i].key = "many";
    for (uint32_t i = 0; i <= GRAPH_ARGUMENTS_MAX; i++)
        entries[i].name = "same";
    memset(long_name, 'n', sizeof(long_name) - 1);
    refused(many, SIGNATURES_MAX + 1, -ENOTSUP, "65 signatures");
    refused(&(struct signature){"key", entries, NULL, GRAPH_ARGUMENTS_MAX + 1, 0}, 1, -ENOTSUP,
            "257 inputs");
    refused(&(struct signature){long_name, NULL, NULL, 0, 0}, 1, -ENOTSUP, "256 bytes");
    refused(&(struct signature){"key", NULL, &(struct signature_entry){long_name, 0}, 0, 1}, 1,
            -ENOTSUP, "256 bytes");
}

// The writer looks places up in these arrays, so what is put into them is the tensor's number in
// the file.
static void wrong_tensors_are_refused(void **state)
{
    (void)state;
    struct draft d;
    struct store store = {0};
    struct signatures s;
    struct model_error error;
    struct signature_entry far = {"far", 1};
    struct signature list[] = {{"key", NULL, &far, 0, 1}};
    open_net(&d);
    const int32_t wrong[] = {d.inputs[0], (int32_t)d.tensor_count, INT32_MAX, -1};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int32_t own = d.outputs[0], outputs[] = {own, wrong[i]};
        int32_t *before = d.outputs;
        size_t size;
        d.outputs = outputs; // output_count stays 1
        d.signatures = (struct signatures){list, 1};
        uint8_t *bytes = written(&d, &size);
        d.outputs = before;
        assert_int_equal(read_signatures(bytes, size, &s, &store, &error), i ? -EINVAL : -ENOTSUP);
        assert_non_null(strstr(error.text, i ? "output 'far' is tensor" : "is not an output"));
        free(bytes);
    }
    store_finish(&store);
    draft_finish(&d);
}

// Every byte around the signatures wrong in turn, and the file cut short: an answer, and no read
// past the end (a checker's work). The signatures stand in the first bytes, before the subgraph or
// behind it.
static void broken_bytes_are_survived(void **state)
{
    (void)state;
    struct draft d;
    struct signature list[1];
    struct signatures s;
    struct model_error error;
    size_t size, at = 0;
    int accepted = 0, refused_count = 0;
    open_net(&d);
    sign(&d, list, 1);
    uint8_t *bytes = written(&d, &size);
    while (at + 15 < size && memcmp(bytes + at, "serving_default", 15) != 0)
        at++;
    assert_true(at + 15 < size);
    size_t first = at > 200 ? at - 200 : 0, last = at + 300 < size ? at + 300 : size;
    for (size_t i = first; i < last; i++) {
        static const uint8_t flips[] = {0x01, 0x80, 0xff};
        for (size_t k = 0; k < sizeof(flips); k++) {
            struct store store = {0};
            bytes[i] ^= flips[k];
            int rc = read_signatures(bytes, size, &s, &store, &error);
            bytes[i] ^= flips[k];
            accepted += rc == 0;
            refused_count += rc < 0;
            store_finish(&store);
        }
    }
    assert_true(accepted > 0 && refused_count > 0);
    for (size_t cut = first; cut < last; cut++) {
        struct store store = {0};
        uint8_t *copy = malloc(cut ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_true(read_signatures(copy, cut, &s, &store, &error) < 0);
        free(copy);
        store_finish(&store);
    }
    free(bytes);
    draft_finish(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_follow_the_output),
        cmocka_unit_test(without_signatures_nothing_is_written),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(wrong_tensors_are_refused),
        cmocka_unit_test(broken_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
