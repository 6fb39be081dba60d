// SPDX-License-Identifier: Apache-2.0

#include "ctl/result_json.h"

#include <stdio.h>

#include "ctl/text.h"

double result_microseconds(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns && to_ns > from_ns ? (double)(to_ns - from_ns) / 1000 : 0;
}

static struct json_object *number(double value, int decimals)
{
    char text[64];
    snprintf(text, sizeof(text), "%.*f", decimals, value);
    return json_object_new_double_s(value, text);
}

static struct json_object *latency_json(const struct qclient_result *result)
{
    const struct {
        const char *name;
        uint64_t from, to;
    } stages[] = {{"capture", result->sensor_ns, result->dequeued_ns},
                  {"wait", result->dequeued_ns, result->started_ns},
                  {"preprocess", result->started_ns, result->preprocessed_ns},
                  {"infer", result->preprocessed_ns, result->inferred_ns},
                  {"publish", result->inferred_ns, result->published_ns}};
    struct json_object *latency = json_object_new_object();
    for (unsigned i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        json_object_object_add(latency, stages[i].name,
                               number(result_microseconds(stages[i].from, stages[i].to), 1));
    return latency;
}

static struct json_object *flags_json(const struct qclient_result *result)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{QCLIENT_RECONNECTED, "reconnected"},
                 {QCLIENT_LOST, "lost"},
                 {QCLIENT_MODEL_CHANGED, "model_changed"},
                 {QCLIENT_LAST, "last"},
                 {QCLIENT_THROTTLED, "throttled"},
                 {QCLIENT_GATED, "gated"}};
    struct json_object *array = json_object_new_array();
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (result->flags & names[i].flag)
            json_object_array_add(array, json_object_new_string(names[i].name));
    }
    return array;
}

// json-c passes bytes through: a label that is not UTF-8 must not make the line invalid.
static struct json_object *label_json(const char *label)
{
    char clean[RESULT_LABEL_MAX];
    text_clean(label, true, clean, sizeof(clean));
    return json_object_new_string(clean);
}

struct json_object *result_json_hits(const struct qclient_result *result, const char *const *labels)
{
    struct json_object *array = json_object_new_array();
    for (uint32_t i = 0; i < result->hit_count; i++) {
        struct json_object *hit = json_object_new_object();
        json_object_object_add(hit, "index", json_object_new_int64(result->hits[i].label));
        json_object_object_add(hit, "label", label_json(labels[i]));
        float score = result->hits[i].score;
        json_object_object_add(
            hit, "score", score - score == 0 ? number((double)score, 6) : NULL); // NaN, Inf: null
        json_object_array_add(array, hit);
    }
    return array;
}

struct json_object *result_json_make(const struct qclient_result *result,
                                     const char *const *labels, uint64_t read_ns, double fps)
{
    struct json_object *root = json_object_new_object();
    json_object_object_add(root, "sequence", json_object_new_uint64(result->sequence));
    json_object_object_add(root, "frame", json_object_new_uint64(result->frame));
    json_object_object_add(root, "generation", json_object_new_int64(result->generation));
    json_object_object_add(root, "published_ns", json_object_new_uint64(result->published_ns));
    json_object_object_add(root, "latency_us", latency_json(result));
    json_object_object_add(
        root, "total_us", number(result_microseconds(result->sensor_ns, result->published_ns), 1));
    json_object_object_add(root, "read_us",
                           number(result_microseconds(result->sensor_ns, read_ns), 1));
    json_object_object_add(root, "fps", number(fps, 2));
    json_object_object_add(root, "lost", json_object_new_uint64(result->lost));
    json_object_object_add(root, "gated",
                           json_object_new_boolean((result->flags & QCLIENT_GATED) != 0));
    json_object_object_add(root, "flags", flags_json(result));
    json_object_object_add(root, "hits", result_json_hits(result, labels));
    return root;
}
