// SPDX-License-Identifier: Apache-2.0

#include "daemon/config_document.h"

#include <stdio.h>
#include <string.h>

#include "daemon/config_schema.h"

#define PATH_TEXT_MAX 160

struct reader {
    const char *name;
    yaml_document_t *document;
    struct config *config;
    struct config_errors *errors;
    yaml_mark_t stream_marks[CONFIG_STREAMS_MAX];
    // which keys of the stream being read were given, by schema row
    uint64_t given;
};

#define complain(reader, mark, ...)                                                                \
    config_errors_add_at((reader)->errors, (reader)->name, (mark).line + 1, (mark).column + 1,     \
                         __VA_ARGS__)

// ---- values --------------------------------------------------------------

// A scalar's text for an error line: short, printable.
static void shown(const yaml_node_t *node, char *text, size_t size)
{
    if (node->type != YAML_SCALAR_NODE) {
        snprintf(text, size, "a %s", node->type == YAML_MAPPING_NODE ? "group of keys" : "list");
        return;
    }
    size_t used = 0;
    text[used++] = '\'';
    for (size_t i = 0; i < node->data.scalar.length && used + 5 < size && i < 60; i++) {
        unsigned char byte = node->data.scalar.value[i];
        text[used++] = byte < ' ' || byte == 0x7f ? '?' : (char)byte;
    }
    text[used++] = '\'';
    text[used] = '\0';
}

static void complain_value(struct reader *reader, const yaml_node_t *node,
                           const struct config_key *key, const char *path)
{
    char expected[200], got[80];
    config_key_expect(key, expected, sizeof(expected));
    shown(node, got, sizeof(got));
    complain(reader, node->start_mark, "%s: expected %s, not %s", path, expected, got);
}

// The text of a scalar, or NULL when it is none or holds a NUL byte.
static const char *scalar(const yaml_node_t *node)
{
    if (!node || node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

static void read_values(struct reader *reader, yaml_node_t *node, const struct config_key *key,
                        void *base, const char *path)
{
    ptrdiff_t count = node->data.sequence.items.top - node->data.sequence.items.start;
    if (count != 1 && count != 3) {
        complain_value(reader, node, key, path);
        return;
    }
    for (int32_t i = 0; i < (int32_t)count; i++) {
        yaml_node_t *item =
            yaml_document_get_node(reader->document, node->data.sequence.items.start[i]);
        const char *text = scalar(item);
        if (!text || config_key_set_value(key, base, (int32_t)count, i, text) < 0)
            complain_value(reader, item, key, path);
    }
}

static void read_key(struct reader *reader, yaml_node_t *node, const struct config_key *key,
                     void *base, const char *path)
{
    if (key->kind == CONFIG_VALUES && node->type == YAML_SEQUENCE_NODE) {
        read_values(reader, node, key, base, path);
        return;
    }
    const char *text = scalar(node);
    if (!text || config_key_set(key, base, text) < 0)
        complain_value(reader, node, key, path);
}

// ---- structure -----------------------------------------------------------

static void read_group(struct reader *reader, yaml_node_t *node, const char *prefix,
                       const char *label, void *base);

static bool is_given(const struct reader *reader, const char *path)
{
    size_t row;
    return config_schema_find(path, &row) && reader->given >> row & 1;
}

static void stream_defaults(struct config_stream *stream)
{
    size_t count;
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(keys[i].path, "streams[].", 10) == 0 && keys[i].initial && keys[i].initial[0])
            config_key_set(&keys[i], stream, keys[i].initial);
}

// Keys that must be given, and keys that this type of source does not have.
static void check_keys(struct reader *reader, const yaml_node_t *node, const char *label,
                       const struct config_stream *stream)
{
    static const char *const types[] = {"v4l2", "replay", "pattern"};
    size_t count;
    const struct config_key *keys = config_schema(&count);
    bool type_given = is_given(reader, "streams[].source.type");
    for (size_t i = 0; i < count; i++) {
        const char *tail = keys[i].path + strlen("streams[]");
        bool given = reader->given >> i & 1;
        if (strncmp(keys[i].path, "streams[].", 10) != 0)
            continue;
        if (!keys[i].initial && !given)
            complain(reader, node->start_mark, "%s%s: must be given: %s", label, tail, keys[i].doc);
        if (keys[i].only && given && type_given && !(keys[i].only >> stream->source.type & 1))
            complain(reader, node->start_mark, "%s%s: a %s source has no such key", label, tail,
                     types[stream->source.type]);
    }
}

// Keys that ask for or forbid one another.
static void check_between_keys(struct reader *reader, const yaml_node_t *node, const char *label,
                               const struct config_stream *stream)
{
    if (stream->source.type == CONFIG_REPLAY && !is_given(reader, "streams[].source.path"))
        complain(reader, node->start_mark, "%s.source.path: must be given for a replay source",
                 label);
    if (stream->source.type == CONFIG_V4L2 && stream->source.fps == CONFIG_FPS_MAX)
        complain(reader, node->start_mark,
                 "%s.source.fps: a camera has no rate 'max': give a number or auto", label);
    bool mean = is_given(reader, "streams[].model.mean"),
         std = is_given(reader, "streams[].model.std");
    if (mean != std)
        complain(reader, node->start_mark,
                 "%s.model.%s: must be given too: mean and std come together", label,
                 mean ? "std" : "mean");
}

static void read_stream(struct reader *reader, yaml_node_t *node, int32_t index)
{
    struct config_stream *stream = &reader->config->streams[index];
    char label[32];
    snprintf(label, sizeof(label), "streams[%d]", index);
    stream_defaults(stream);
    snprintf(stream->name, sizeof(stream->name), "stream%d", index + 1);
    reader->stream_marks[index] = node->start_mark;
    reader->given = 0;
    size_t before = reader->errors->count;
    read_group(reader, node, "streams[].", label, stream);
    // "must be given" after "expected a group" would only repeat it
    if (node->type == YAML_MAPPING_NODE || reader->errors->count == before) {
        check_keys(reader, node, label, stream);
        check_between_keys(reader, node, label, stream);
    }
}

static void read_streams(struct reader *reader, yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        complain(reader, node->start_mark,
                 "streams: expected a list ('- name: ...'), each with a source and a model");
        return;
    }
    ptrdiff_t count = node->data.sequence.items.top - node->data.sequence.items.start;
    if (count < 1 || count > CONFIG_STREAMS_MAX) {
        complain(reader, node->start_mark, "streams: expected 1 to %d streams, not %td",
                 CONFIG_STREAMS_MAX, count);
        return;
    }
    const yaml_node_item_t *items = node->data.sequence.items.start;
    for (int32_t i = 0; i < (int32_t)count; i++)
        read_stream(reader, yaml_document_get_node(reader->document, items[i]), i);
    reader->config->stream_count = (int32_t)count;
}

static void read_pair(struct reader *reader, yaml_node_t *key_node, yaml_node_t *value,
                      const char *prefix, const char *label, void *base)
{
    char path[PATH_TEXT_MAX], place[PATH_TEXT_MAX], known[400], got[80];
    const char *word = scalar(key_node);
    shown(key_node, got, sizeof(got));
    if (!word || strlen(word) > 40 || strpbrk(word, ".[]")) {
        complain(reader, key_node->start_mark, "%s%sno such key: %s", label, label[0] ? ": " : "",
                 got);
        return;
    }
    snprintf(path, sizeof(path), "%s%s", prefix, word);
    snprintf(place, sizeof(place), "%s%s%s", label, label[0] ? "." : "", word);
    size_t row;
    const struct config_key *key = config_schema_find(path, &row);
    if (key) {
        reader->given |= UINT64_C(1) << row;
        read_key(reader, value, key, base, place);
    } else if (config_schema_is_group(path, "[].")) {
        read_streams(reader, value);
    } else if (config_schema_is_group(path, ".")) {
        snprintf(path, sizeof(path), "%s%s.", prefix, word);
        read_group(reader, value, path, place, base);
    } else {
        config_schema_words(prefix, known, sizeof(known));
        complain(reader, key_node->start_mark, "%s: no such key; expected one of %s", place, known);
    }
}

// Is the key of `pair` that of one before it in its group?
static bool is_again(const struct reader *reader, const yaml_node_pair_t *start,
                     const yaml_node_pair_t *pair)
{
    const char *word = scalar(yaml_document_get_node(reader->document, pair->key));
    for (; word && start < pair; start++) {
        const char *other = scalar(yaml_document_get_node(reader->document, start->key));
        if (other && strcmp(other, word) == 0)
            return true;
    }
    return false;
}

// prefix: as in the schema, with its dot ("streams[].source."); label: the same for people
// ("streams[0].source").
static void read_group(struct reader *reader, yaml_node_t *node, const char *prefix,
                       const char *label, void *base)
{
    if (node->type != YAML_MAPPING_NODE) {
        char known[400];
        config_schema_words(prefix, known, sizeof(known));
        complain(reader, node->start_mark, "%s%sexpected a group with the keys %s", label,
                 label[0] ? ": " : "", known);
        return;
    }
    const yaml_node_pair_t *start = node->data.mapping.pairs.start,
                           *top = node->data.mapping.pairs.top;
    if (top - start > 100) {
        complain(reader, node->start_mark, "%s: too many keys", label);
        return;
    }
    for (const yaml_node_pair_t *pair = start; pair < top; pair++) {
        yaml_node_t *key = yaml_document_get_node(reader->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(reader->document, pair->value);
        if (is_again(reader, start, pair))
            complain(reader, key->start_mark, "%s%s%s: given twice", label, label[0] ? "." : "",
                     scalar(key));
        else
            read_pair(reader, key, value, prefix, label, base);
    }
}

// Names are how clients ask for a stream; one camera can not run at two sizes.
static void check_between_streams(struct reader *reader)
{
    struct config *config = reader->config;
    for (int32_t i = 0; i < config->stream_count; i++) {
        for (int32_t k = 0; k < i; k++) {
            const struct config_stream *one = &config->streams[i], *other = &config->streams[k];
            if (strcmp(one->name, other->name) == 0)
                complain(reader, reader->stream_marks[i],
                         "streams[%d].name: '%s' is the name of streams[%d] too", i, one->name, k);
            if (one->source.type == CONFIG_V4L2 && other->source.type == CONFIG_V4L2 &&
                strcmp(one->source.device, "auto") != 0 &&
                strcmp(one->source.device, other->source.device) == 0 &&
                memcmp(&one->source, &other->source, sizeof(one->source)) != 0)
                complain(
                    reader, reader->stream_marks[i],
                    "streams[%d].source: same camera as streams[%d] but other settings; make them equal to share it",
                    i, k);
        }
    }
}

static void read_root(struct reader *reader)
{
    yaml_node_t *root = yaml_document_get_root_node(reader->document);
    if (!root) {
        config_errors_add_at(reader->errors, reader->name, 1, 1,
                             "streams: must be given: the file is empty");
        return;
    }
    read_group(reader, root, "", "", reader->config);
    if (reader->errors->count == 0 && reader->config->stream_count == 0)
        complain(reader, root->start_mark,
                 "streams: must be given: a list with at least one source and model");
    check_between_streams(reader);
}

void config_document_read(const char *name, yaml_document_t *document, struct config *config,
                          struct config_errors *errors)
{
    struct reader reader = {.name = name, .document = document, .config = config, .errors = errors};
    size_t count;
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++)
        if (!strchr(keys[i].path, '[') && keys[i].initial)
            config_key_set(&keys[i], config, keys[i].initial);
    read_root(&reader);
}
