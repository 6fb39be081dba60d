// SPDX-License-Identifier: Apache-2.0
#include "qmodel/info_weights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "engine/inspect.h"
#include "engine/stored.h"
#include "qmodel/command.h"

#define CHANNELS 16 // shown without --all
#define VALUES 12   // of each

// What is shown of one layer.
struct view {
    struct stored_weights weights;
    int64_t channels, values; // values: of each channel
    bool symmetric;           // every zero point is the middle: 0, uint8's 128
};

// ---- which layer ------------------------------------------------------------

static bool is_called(const struct stored_weights *w, const char *name, bool part)
{
    if (part)
        return strstr(w->layer, name) || strstr(w->tensor->name, name);
    return strcmp(w->layer, name) == 0 || strcmp(w->tensor->name, name) == 0;
}

static uint32_t count_called(const struct stored *s, const char *name, bool part,
                             struct stored_weights *last)
{
    struct stored_weights w;
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->graph.operator_count; i++) {
        if (stored_weights_get(s, i, &w) && is_called(&w, name, part)) {
            *last = w;
            count++;
        }
    }
    return count;
}

static int find(const struct stored *s, const char *path, const char *layer,
                struct stored_weights *w)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(layer, &end, 10);
    if (*layer >= '0' && *layer <= '9' && *end == '\0') {
        if (!errno && number < s->graph.operator_count &&
            stored_weights_get(s, (uint32_t)number, w))
            return 0;
        return command_fail("info", "%s: operator %s has no weights (it has %u operators)", path,
                            layer, s->graph.operator_count);
    }
    uint32_t count = count_called(s, layer, false, w);
    if (count == 0)
        count = count_called(s, layer, true, w);
    if (count > 1)
        return command_fail("info", "%s: %u layers with weights are called '%s'; give a number",
                            path, count, layer);
    return count == 1
               ? 0
               : command_fail("info", "%s: no layer with weights is called '%s'", path, layer);
}

// ---- what it is -------------------------------------------------------------

static bool is_integer(const struct stored_weights *w)
{
    return w->tensor->type == TENSOR_INT8 || w->tensor->type == TENSOR_INT16;
}

static const char *type_text(const struct stored_weights *w)
{
    return w->offset ? "uint8" : tensor_type_text((enum tensor_type)w->tensor->type);
}

static void look(struct view *v, bool all)
{
    const struct stored_weights *w = &v->weights;
    int64_t each = w->elements / w->channels;
    v->channels = all || w->channels < CHANNELS ? w->channels : CHANNELS;
    v->values = all || each < VALUES ? each : VALUES;
    v->symmetric = true;
    for (int64_t c = 0; c < w->channels; c++)
        v->symmetric = v->symmetric && stored_zero_point(w, c) == (w->offset ? 128 : 0);
}

static const char *scheme(const struct view *v)
{
    uint32_t scales = stored_scale_count(&v->weights);
    return scales == 0 || !is_integer(&v->weights) ? "not quantized"
           : scales > 1                            ? "per channel"
                                                   : "per tensor";
}

static void channel_ends(const struct stored_weights *w, int64_t channel, float *low, float *high)
{
    for (int64_t i = 0; i < w->elements / w->channels; i++) {
        float value = stored_value(w, stored_position(w, channel, i));
        *low = i == 0 || value < *low ? value : *low;
        *high = i == 0 || value > *high ? value : *high;
    }
}

// ---- text -------------------------------------------------------------------

static void print_head(const struct view *v)
{
    const struct stored_weights *w = &v->weights;
    printf("layer %u %s '%s'\nweights '%s': %s [", w->index, w->op, w->layer, w->tensor->name,
           type_text(w));
    for (int32_t d = 0; d < w->tensor->rank; d++)
        printf("%s%d", d ? ", " : "", w->tensor->dims[d]);
    printf("], %lld values, %zu bytes\n", (long long)w->elements, w->tensor->data_bytes);
    printf("output channels: axis %d, %lld of %lld values\n", w->axis, (long long)w->channels,
           (long long)(w->elements / w->channels));
    printf("scheme: %s", scheme(v));
    if (strcmp(scheme(v), "not quantized") != 0)
        printf(", %s; value = (stored - zero point) * scale",
               v->symmetric ? "symmetric" : "asymmetric");
    printf("\n\n%7s %13s %6s %13s %13s  %s\n", "channel", "scale", "zero", "least", "greatest",
           is_integer(w) ? "stored" : "values");
}

static void print_channel(const struct view *v, int64_t channel)
{
    const struct stored_weights *w = &v->weights;
    float low = 0, high = 0;
    channel_ends(w, channel, &low, &high);
    if (stored_scale_count(w) > 0)
        printf("%7lld %13.7g %6lld", (long long)channel, (double)stored_scale(w, channel),
               (long long)stored_zero_point(w, channel));
    else
        printf("%7lld %13s %6s", (long long)channel, "-", "-");
    printf(" %13.6g %13.6g ", (double)low, (double)high);
    for (int64_t i = 0; i < v->values; i++) {
        int64_t at = stored_position(w, channel, i);
        if (is_integer(w))
            printf(" %d", stored_step(w, at));
        else
            printf(" %.6g", (double)stored_value(w, at));
    }
    printf("%s\n", v->values < w->elements / w->channels ? " ..." : "");
}

static void print_text(const struct view *v)
{
    print_head(v);
    for (int64_t c = 0; c < v->channels; c++)
        print_channel(v, c);
    if (v->channels < v->weights.channels)
        printf("... %lld more channels (--all shows them)\n",
               (long long)(v->weights.channels - v->channels));
}

// ---- JSON -------------------------------------------------------------------

static void write_double(struct json_writer *json, const char *key, double value)
{
    json_write_key(json, key);
    json_write_double(json, value);
}

static void write_channel(struct json_writer *json, const struct view *v, int64_t channel)
{
    const struct stored_weights *w = &v->weights;
    float low = 0, high = 0;
    channel_ends(w, channel, &low, &high);
    json_write_object_begin(json);
    if (stored_scale_count(w) > 0) {
        write_double(json, "scale", (double)stored_scale(w, channel));
        json_write_member_i64(json, "zero_point", stored_zero_point(w, channel));
    }
    write_double(json, "least", (double)low);
    write_double(json, "greatest", (double)high);
    json_write_key(json, is_integer(w) ? "stored" : "values");
    json_write_array_begin(json);
    for (int64_t i = 0; i < v->values; i++) {
        int64_t at = stored_position(w, channel, i);
        if (is_integer(w))
            json_write_i64(json, stored_step(w, at));
        else
            json_write_double(json, (double)stored_value(w, at));
    }
    json_write_array_end(json);
    json_write_object_end(json);
}

static int write_json(const struct view *v, char *buffer, size_t size, size_t *needed)
{
    const struct stored_weights *w = &v->weights;
    struct json_writer json;
    json_write_init(&json, buffer, size);
    json_write_object_begin(&json);
    json_write_member_u64(&json, "operator", w->index);
    json_write_member_string(&json, "op", w->op);
    json_write_member_string(&json, "layer", w->layer);
    json_write_member_string(&json, "weights", w->tensor->name);
    json_write_member_string(&json, "type", type_text(w));
    json_write_key(&json, "shape");
    json_write_array_begin(&json);
    for (int32_t d = 0; d < w->tensor->rank; d++)
        json_write_i64(&json, w->tensor->dims[d]);
    json_write_array_end(&json);
    json_write_member_u64(&json, "bytes", w->tensor->data_bytes);
    json_write_member_string(&json, "scheme", scheme(v));
    json_write_member_bool(&json, "symmetric", v->symmetric);
    json_write_member_i64(&json, "axis", w->axis);
    json_write_member_i64(&json, "channel_count", w->channels);
    json_write_member_i64(&json, "values_a_channel", w->elements / w->channels);
    json_write_key(&json, "channels");
    json_write_array_begin(&json);
    for (int64_t c = 0; c < v->channels; c++)
        write_channel(&json, v, c);
    json_write_array_end(&json);
    json_write_object_end(&json);
    int rc = json_write_finish(&json);
    *needed = json.length + 1;
    return rc;
}

static int print_json(const struct view *v)
{
    char none[1];
    size_t size;
    write_json(v, none, sizeof(none), &size);
    cleanup_free char *buffer = malloc(size);
    if (!buffer || write_json(v, buffer, size, &size) < 0)
        return command_fail("info", "no memory to print");
    puts(buffer);
    return COMMAND_OK;
}

int info_weights(const char *path, const char *layer, bool all, bool json)
{
    struct stored stored;
    struct model_error error;
    struct view view = {0};
    if (stored_open(&stored, path, &error) < 0)
        return command_fail("info", "%s: %s", path, error.text);
    int rc = find(&stored, path, layer, &view.weights);
    if (rc == 0) {
        look(&view, all);
        if (json)
            rc = print_json(&view);
        else
            print_text(&view);
    }
    stored_finish(&stored);
    return rc;
}
