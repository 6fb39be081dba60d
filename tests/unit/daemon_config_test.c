// SPDX-License-Identifier: Apache-2.0
//
// The configuration: defaults, places of errors, hostile files; and that etc/qedged.yaml and the
// manual page tell what the code's table says.

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "daemon/config.h"
#include "daemon/config_schema.h"

#define SMALL "streams:\n- source: {type: pattern}\n  model: {path: m.tflite}\n"

static struct config *parsed(const char *text, struct config_errors *errors, int *status)
{
    struct config *config = calloc(1, sizeof(*config));
    assert_non_null(config);
    *status = config_parse("f", text, strlen(text), config, errors);
    return config;
}

static void expect_good(const char *text)
{
    struct config_errors errors = {0};
    int status;
    struct config *config = parsed(text, &errors, &status);
    config_errors_print(&errors, stderr);
    assert_int_equal(status, 0);
    assert_int_equal(errors.count, 0);
    config_errors_finish(&errors);
    free(config);
}

// Exactly these starts of lines, in any order.
static void expect_errors(const char *text, size_t count, const char *const *starts)
{
    struct config_errors errors = {0};
    int status;
    struct config *config = parsed(text, &errors, &status);
    assert_int_equal(status, -EINVAL);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t k = 0; k < errors.count; k++)
            found = found || strncmp(errors.lines[k], starts[i], strlen(starts[i])) == 0;
        if (!found) {
            config_errors_print(&errors, stderr);
            fail_msg("no error line starts with: %s", starts[i]);
        }
    }
    if (errors.count != count)
        config_errors_print(&errors, stderr);
    assert_int_equal(errors.count, count);
    config_errors_finish(&errors);
    free(config);
}
#define EXPECT_ERRORS(text, ...)                                                                   \
    do {                                                                                           \
        const char *const starts_[] = {__VA_ARGS__};                                               \
        expect_errors(text, sizeof(starts_) / sizeof(starts_[0]), starts_);                        \
    } while (0)

static void test_smallest(void **state)
{
    (void)state;
    struct config_errors errors = {0};
    int status;
    struct config *config = parsed(SMALL, &errors, &status);
    assert_int_equal(status, 0);
    assert_string_equal(config->socket, "/run/qedge/qedged.sock");
    assert_string_equal(config->socket_group, "qedge");
    assert_int_equal(config->max_clients, 256);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(config->workers.threads, 0);
    assert_true(config->workers.cpus.all);
    assert_int_equal(config->stream_count, 1);
    const struct config_stream *stream = &config->streams[0];
    assert_string_equal(stream->name, "stream1");
    assert_string_equal(stream->source.device, "auto");
    assert_string_equal(stream->source.format, "auto");
    assert_int_equal(stream->source.type, CONFIG_PATTERN);
    assert_true(stream->source.fps == CONFIG_FPS_AUTO);
    assert_true(stream->source.loop);
    assert_int_equal(stream->source.buffers, 4);
    assert_int_equal(stream->top_k, 5);
    assert_int_equal(stream->mode, CONFIG_MODE_AUTO);
    assert_int_equal(stream->ring_slots, 256);
    assert_true(stream->snapshots);
    assert_int_equal(stream->model.fill, 128);
    free(config);
}

static void test_every_key(void **state)
{
    (void)state;
    struct config_errors errors = {0};
    int status;
    struct config *config = parsed(
        "socket: /tmp/x.sock\n"
        "socket_group: staff\n"
        "max_clients: 7\n"
        "log_level: debug\n"
        "workers: {threads: 3, cpus: '0-2,5', nice: -5, realtime: 40, lock_memory: yes}\n"
        "streams:\n"
        "  - name: a\n"
        "    source: {type: v4l2, device: /dev/video7, size: 1280x720, fps: 12.5, format: mjpg, buffers: 6}\n"
        "    model: {path: m, labels: l, mean: [1, 2, 3], std: 4, fit: letterbox, fill: 0, bgr: true}\n"
        "    top_k: 16\n"
        "    mode: latency\n"
        "    ring_slots: 8\n"
        "    snapshots: false\n"
        "  - name: b\n"
        "    source: {type: replay, path: p, fps: max, loop: false}\n"
        "    model: {path: m}\n",
        &errors, &status);
    config_errors_print(&errors, stderr);
    assert_int_equal(status, 0);
    assert_int_equal(config->workers.threads, 3);
    assert_false(config->workers.cpus.all);
    assert_int_equal(config->workers.cpus.bits[0], 0x27);
    assert_int_equal(config->workers.nice, -5);
    assert_true(config->workers.lock_memory);
    const struct config_stream *a = &config->streams[0];
    assert_int_equal(a->source.size.width, 1280);
    assert_int_equal(a->source.size.height, 720);
    assert_true(a->source.fps == 12.5);
    assert_string_equal(a->source.format, "MJPG");
    assert_int_equal(a->model.mean.count, 3);
    assert_true(a->model.mean.value[2] == 3.0f);
    assert_int_equal(a->model.std.count, 1);
    assert_int_equal(a->model.fit, CONFIG_FIT_LETTERBOX);
    assert_int_equal(a->mode, CONFIG_MODE_LATENCY);
    assert_true(config->streams[1].source.fps == CONFIG_FPS_MAX);
    assert_false(config->streams[1].source.loop);
    free(config);
}

static void test_all_errors_at_once(void **state)
{
    (void)state;
    EXPECT_ERRORS("socket: ''\n"
                  "max_clients: 0\n"
                  "colour: blue\n"
                  "workers:\n"
                  "  threads: 65\n"
                  "  cpus: 3-1\n"
                  "streams:\n"
                  "  - name: 'a b'\n"
                  "    source: {type: tape, size: 640, fps: -3}\n"
                  "    model: {labels: [x]}\n"
                  "    top_k: 17\n"
                  "    ring_slots: 100\n",
                  "f:1:9: socket: expected text of 1 to 107 bytes",
                  "f:2:14: max_clients: expected a whole number from 1 to 4096, not '0'",
                  "f:3:1: colour: no such key; expected one of socket,",
                  "f:5:12: workers.threads: expected auto or a whole number from 1 to 64",
                  "f:6:9: workers.cpus: expected all or a list",
                  "f:8:11: streams[0].name: expected a name of 1 to 63",
                  "f:9:20: streams[0].source.type: expected v4l2 | replay | pattern, not 'tape'",
                  "f:9:32: streams[0].source.size: expected auto or WIDTHxHEIGHT",
                  "f:9:42: streams[0].source.fps: expected auto, max",
                  "f:10:21: streams[0].model.labels: expected text",
                  "f:8:5: streams[0].model.path: must be given",
                  "f:11:12: streams[0].top_k: expected a whole number from 1 to 16, not '17'",
                  "f:12:17: streams[0].ring_slots: expected a power of two");
}

static void test_structure(void **state)
{
    (void)state;
    EXPECT_ERRORS("", "f:1:1: streams: must be given");
    EXPECT_ERRORS("socket: /x\n", "f:1:1: streams: must be given");
    EXPECT_ERRORS("streams: 3\n", "f:1:10: streams: expected a list");
    EXPECT_ERRORS("streams: []\n", "f:1:10: streams: expected 1 to 16 streams");
    EXPECT_ERRORS("- a\n", "f:1:1: expected a group with the keys socket");
    EXPECT_ERRORS("workers: 3\n" SMALL, "f:1:10: workers: expected a group with the keys threads");
    EXPECT_ERRORS("max_clients: 3\nmax_clients: 4\n" SMALL, "f:2:1: max_clients: given twice");
    EXPECT_ERRORS("? [a]\n: b\n" SMALL, "f:1:3: no such key: a list");
    EXPECT_ERRORS("streams:\n- 7\n", "f:2:3: streams[0]: expected a group with the keys name");
    EXPECT_ERRORS("a: [\n", "f:2:1: not YAML: ");
    EXPECT_ERRORS("a: \"\\xZZ\"\n", "f:1:");
}

static void test_keys_of_other_sources(void **state)
{
    (void)state;
    EXPECT_ERRORS(
        "streams:\n- source: {type: pattern, device: /dev/video0, path: x}\n  model: {path: m}\n",
        "f:2:3: streams[0].source.device: a pattern source has no such key",
        "f:2:3: streams[0].source.path: a pattern source has no such key");
    EXPECT_ERRORS("streams:\n- source: {type: replay}\n  model: {path: m}\n",
                  "f:2:3: streams[0].source.path: must be given for a replay source");
    EXPECT_ERRORS("streams:\n- source: {type: v4l2, fps: max}\n  model: {path: m}\n",
                  "f:2:3: streams[0].source.fps: a camera has no rate 'max'");
    EXPECT_ERRORS("streams:\n- source: {type: pattern}\n  model: {path: m, mean: 1}\n",
                  "f:2:3: streams[0].model.std: must be given too");
}

static void test_between_streams(void **state)
{
    (void)state;
    EXPECT_ERRORS("streams:\n- {name: a, source: {type: pattern}, model: {path: m}}\n"
                  "- {name: a, source: {type: pattern}, model: {path: m}}\n",
                  "f:3:3: streams[1].name: 'a' is the name of streams[0] too");
    EXPECT_ERRORS(
        "streams:\n- {source: {type: v4l2, device: /dev/video0}, model: {path: m}}\n"
        "- {source: {type: v4l2, device: /dev/video0, size: 320x240}, model: {path: m}}\n",
        "f:3:3: streams[1].source: same camera as streams[0] but other settings");
    expect_good("streams:\n- {source: {type: v4l2, device: /dev/video0}, model: {path: m}}\n"
                "- {source: {type: v4l2, device: /dev/video0}, model: {path: n}}\n");
}

static void test_values(void **state)
{
    (void)state;
    static const char *const bad[] = {"1e999", "nan", "inf", "0x10", " ",
                                      "",      "1 2", "1,5", "--1",  "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "max_clients: '%s'\n" SMALL, bad[i]);
        EXPECT_ERRORS(text, "f:1:14: max_clients: expected a whole number");
        snprintf(text, sizeof(text),
                 "streams:\n- source: {type: pattern, fps: '%s'}\n  model: {path: m}\n", bad[i]);
        EXPECT_ERRORS(text, "f:2:32: streams[0].source.fps: expected auto, max");
    }
    EXPECT_ERRORS("socket: \"/tmp/a\\0b\"\n" SMALL, "f:1:9: socket: expected text");
    EXPECT_ERRORS("socket: \"/tmp/a\\nb\"\n" SMALL, "f:1:9: socket: expected text");
    EXPECT_ERRORS("workers: {cpus: '0-1024'}\n" SMALL, "f:1:17: workers.cpus");
    EXPECT_ERRORS("workers: {cpus: '1,'}\n" SMALL, "f:1:17: workers.cpus");
    EXPECT_ERRORS("streams:\n- source: {type: pattern, size: 99999x9}\n  model: {path: m}\n",
                  "f:2:33: streams[0].source.size");
    EXPECT_ERRORS("streams:\n- source: {type: pattern}\n  model: {path: m, mean: [1, 2], std: 1}\n",
                  "f:3:26: streams[0].model.mean: expected one number or a list of three");
}

// Deep nesting, aliases that multiply, keys without end: refused or read, never a crash, and soon.
static void test_hostile(void **state)
{
    (void)state;
    struct config_errors errors = {0};
    int status;
    size_t size = 200000;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '[', size);
    text[size] = '\0';
    free(parsed(text, &errors, &status));
    assert_int_equal(status, -EINVAL);
    config_errors_finish(&errors);
    memset(text, 0xff, size);
    free(parsed(text, &errors, &status));
    assert_int_equal(status, -EINVAL);
    config_errors_finish(&errors);
    size_t used = 0;
    for (int i = 0; i < 5000; i++)
        used += (size_t)snprintf(text + used, size - used, "key%d: {a: b}\n", i);
    free(parsed(text, &errors, &status));
    assert_int_equal(status, -EINVAL);
    assert_true(errors.count <= 100);
    config_errors_finish(&errors);
    free(text);
    EXPECT_ERRORS("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nstreams: [*b,*b]\n",
                  "f:1:1: a: no such key", "f:2:1: b: no such key",
                  "f:2:4: streams[0]: expected a group", "f:2:4: streams[1]: expected a group");
}

// Every cut of a good file: an error with a place, or a good file; never a crash.
static void test_truncations(void **state)
{
    (void)state;
    static const char text[] =
        "workers: {threads: 2, cpus: '0-1'}\nstreams:\n  - name: \"a\"\n    source: &s {type: replay, path: x}\n"
        "    model: {path: m, mean: [1, 2, 3], std: [1, 1, 1]}\n  - source: *s\n    model: {path: |\n      m}\n";
    for (size_t length = 0; length < sizeof(text); length++) {
        struct config *config = calloc(1, sizeof(*config));
        struct config_errors errors = {0};
        char *copy = malloc(length ? length : 1);
        memcpy(copy, text, length);
        int status = config_parse("f", copy, length, config, &errors);
        assert_true(status == 0 ? errors.count == 0 : errors.count > 0);
        config_errors_finish(&errors);
        free(copy);
        free(config);
    }
}

// ---- what is written down --------------------------------------------------

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 17);
    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 17) - 1, file) > 0);
    fclose(file);
    return text;
}

// "[expected; unit; default X]" as the table has it.
static void bracket(const struct config_key *key, char *text, size_t size)
{
    char expected[200];
    config_key_expect(key, expected, sizeof(expected));
    snprintf(text, size, "[%s%s%s%s%s]", expected, key->unit[0] ? "; " : "", key->unit,
             !key->initial     ? "; must be given"
             : key->initial[0] ? "; default "
                               : "",
             key->initial ? key->initial : "");
}

static void test_file_documents_every_key(void **state)
{
    (void)state;
    char *text = read_text("etc/qedged.yaml"), *at = text;
    size_t count;
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++) {
        const char *last =
            strrchr(keys[i].path, '.') ? strrchr(keys[i].path, '.') + 1 : keys[i].path;
        char line[64], range[300];
        bracket(&keys[i], range, sizeof(range));
        // in the order of the table, each: doc, range, key
        char *doc = strstr(at, keys[i].doc), *place = doc ? strstr(doc, range) : NULL;
        if (!doc)
            fail_msg("etc/qedged.yaml: %s: not documented as '%s'", keys[i].path, keys[i].doc);
        if (!place || place - doc > 400)
            fail_msg("etc/qedged.yaml: %s: range is not written as %s", keys[i].path, range);
        snprintf(line, sizeof(line), "%s: ", last);
        at = strchr(place, '\n') + 1;
        at += strspn(at, " #");
        if (strncmp(at, line, strlen(line)) != 0)
            fail_msg("etc/qedged.yaml: %s: the key does not follow its range", keys[i].path);
        // an example value stands where there is no default, a default where there is one
        if (keys[i].initial && keys[i].initial[0] &&
            strncmp(at + strlen(line), keys[i].initial, strlen(keys[i].initial)) != 0)
            fail_msg("etc/qedged.yaml: %s: shown with another value than its default",
                     keys[i].path);
    }
    free(text);
}

static void test_file_is_good(void **state)
{
    (void)state;
    struct config *config = calloc(1, sizeof(*config));
    struct config_errors errors = {0};
    int status = config_load("etc/qedged.yaml", config, &errors);
    config_errors_print(&errors, stderr);
    assert_int_equal(status, 0);
    assert_int_equal(config->stream_count, 1);
    free(config);
}

static void test_manual_names_every_key(void **state)
{
    (void)state;
    char *text = read_text("man/qedged.yaml.5");
    size_t count;
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++) {
        char entry[120];
        snprintf(entry, sizeof(entry), ".B %s\n", keys[i].path);
        if (!strstr(text, entry))
            fail_msg("man/qedged.yaml.5 has no entry for %s", keys[i].path);
        if (!strstr(text, keys[i].doc))
            fail_msg("man/qedged.yaml.5: %s is not described as '%s'", keys[i].path, keys[i].doc);
    }
    free(text);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct config config;
    struct config_errors errors = {0};
    assert_int_equal(config_load("/nonexistent/x.yaml", &config, &errors), -ENOENT);
    assert_int_equal(errors.count, 1);
    assert_non_null(strstr(errors.lines[0], "/nonexistent/x.yaml:1:1: can not be read"));
    config_errors_finish(&errors);
    assert_int_equal(config_load("/dev/zero", &config, &errors), -EINVAL);
    config_errors_finish(&errors);
    assert_true(config_load("/tmp", &config, &errors) < 0);
    config_errors_finish(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_keys_of_other_sources),
        cmocka_unit_test(test_between_streams),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_file_documents_every_key),
        cmocka_unit_test(test_file_is_good),
        cmocka_unit_test(test_manual_names_every_key),
        cmocka_unit_test(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
