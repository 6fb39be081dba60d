// SPDX-License-Identifier: Apache-2.0
//
// qedged.yaml -> struct config. libyaml builds the document; the walk below holds it against the
// schema table and collects every error with its place, so that one run tells all that is wrong.

#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "common/cleanup.h"
#include "daemon/config_schema.h"

#define FILE_MAX (1 << 20)
#define DEPTH_MAX 16 // groups within groups; the schema needs four
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

static const char no_memory_line[] = "no memory to say what is wrong";

void config_errors_add(struct config_errors *errors, const char *format, ...)
{
    char *line = NULL;
    va_list args;
    if (errors->count >= CONFIG_ERRORS_MAX)
        return;
    va_start(args, format);
    bool made = vasprintf(&line, format, args) >= 0;
    va_end(args);
    errors->lines[errors->count++] = made ? line : no_memory_line;
}

static void __attribute__((format(printf, 5, 6)))
error_add(struct config_errors *errors, const char *name, size_t line, size_t column,
          const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    config_errors_add(errors, "%s:%zu:%zu: %s", name, line, column, text);
}

#define complain(reader, mark, ...)                                                                \
    error_add((reader)->errors, (reader)->name, (mark).line + 1, (mark).column + 1, __VA_ARGS__)

void config_errors_finish(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        if (errors->lines[i] != no_memory_line)
            free((char *)errors->lines[i]);
    *errors = (struct config_errors){0};
}

void config_errors_print(const struct config_errors *errors, FILE *file)
{
    for (size_t i = 0; i < errors->count; i++)
        fprintf(file, "%s\n", errors->lines[i]);
}

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

static const struct config_key *find_key(const char *path, size_t *row)
{
    size_t count;
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].path, path) == 0) {
            *row = i;
            return &keys[i];
        }
    }
    return NULL;
}

// Is `path` followed by `mark` ("." or "[].") the start of some key?
static bool is_group(const char *path, const char *mark)
{
    size_t count, length = strlen(path);
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(keys[i].path, path, length) == 0 &&
            strncmp(keys[i].path + length, mark, strlen(mark)) == 0)
            return true;
    return false;
}

// The keys that a group knows, for the error line of an unknown one.
static void known_keys(const char *prefix, char *text, size_t size)
{
    size_t count, length = strlen(prefix), used = 0;
    const struct config_key *keys = config_schema(&count);
    char last[64] = "";
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strncmp(keys[i].path, prefix, length) != 0)
            continue;
        char word[64];
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(keys[i].path + length, ".["),
                 keys[i].path + length);
        if (strcmp(word, last) == 0)
            continue;
        used += (size_t)snprintf(text + used, used < size ? size - used : 0, "%s%s",
                                 used ? ", " : "", word);
        if (used >= size)
            return;
        snprintf(last, sizeof(last), "%s", word);
    }
}

static void read_group(struct reader *reader, yaml_node_t *node, const char *prefix,
                       const char *label, void *base);

static bool is_given(const struct reader *reader, const char *path)
{
    size_t row;
    return find_key(path, &row) && reader->given >> row & 1;
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
static void check_stream(struct reader *reader, const yaml_node_t *node, const char *label,
                         struct config_stream *stream)
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
    for (ptrdiff_t i = 0; i < count; i++) {
        yaml_node_t *item =
            yaml_document_get_node(reader->document, node->data.sequence.items.start[i]);
        struct config_stream *stream = &reader->config->streams[i];
        char label[32];
        snprintf(label, sizeof(label), "streams[%td]", i);
        stream_defaults(stream);
        snprintf(stream->name, sizeof(stream->name), "stream%td", i + 1);
        reader->stream_marks[i] = item->start_mark;
        reader->given = 0;
        size_t before = reader->errors->count;
        read_group(reader, item, "streams[].", label, stream);
        // "must be given" after "expected a group" would only repeat it
        if (item->type == YAML_MAPPING_NODE || reader->errors->count == before)
            check_stream(reader, item, label, stream);
    }
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
    const struct config_key *key = find_key(path, &row);
    if (key) {
        reader->given |= UINT64_C(1) << row;
        read_key(reader, value, key, base, place);
    } else if (is_group(path, "[].")) {
        read_streams(reader, value);
    } else if (is_group(path, ".")) {
        snprintf(path, sizeof(path), "%s%s.", prefix, word);
        read_group(reader, value, path, place, base);
    } else {
        known_keys(prefix, known, sizeof(known));
        complain(reader, key_node->start_mark, "%s: no such key; expected one of %s", place, known);
    }
}

// prefix: as in the schema, with its dot ("streams[].source."); label: the same for people
// ("streams[0].source").
static void read_group(struct reader *reader, yaml_node_t *node, const char *prefix,
                       const char *label, void *base)
{
    if (node->type != YAML_MAPPING_NODE) {
        char known[400];
        known_keys(prefix, known, sizeof(known));
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
        bool again = false;
        for (const yaml_node_pair_t *other = start; other < pair && scalar(key); other++) {
            const char *word = scalar(yaml_document_get_node(reader->document, other->key));
            again = again || (word && strcmp(word, scalar(key)) == 0);
        }
        if (again)
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

static void read_document(struct reader *reader)
{
    size_t count;
    const struct config_key *keys = config_schema(&count);
    for (size_t i = 0; i < count; i++)
        if (!strchr(keys[i].path, '[') && keys[i].initial)
            config_key_set(&keys[i], reader->config, keys[i].initial);
    yaml_node_t *root = yaml_document_get_root_node(reader->document);
    if (!root) {
        error_add(reader->errors, reader->name, 1, 1, "streams: must be given: the file is empty");
        return;
    }
    read_group(reader, root, "", "", reader->config);
    if (reader->errors->count == 0 && reader->config->stream_count == 0)
        complain(reader, root->start_mark,
                 "streams: must be given: a list with at least one source and model");
    check_between_streams(reader);
}

// libyaml takes quadratic time over groups nested without end: look at the depth first, event by
// event.
static bool depth_is_sane(const char *name, const void *data, size_t size,
                          struct config_errors *errors)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return true; // no memory: the real reading says so
    yaml_parser_set_input_string(&parser, data, size);
    int depth = 0;
    yaml_event_type_t type = YAML_NO_EVENT;
    while (depth <= DEPTH_MAX && type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event))
            break; // not YAML: the real reading says where
        type = event.type;
        depth += (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT) -
                 (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT);
        yaml_event_delete(&event);
    }
    if (depth > DEPTH_MAX)
        error_add(errors, name, parser.mark.line + 1, parser.mark.column + 1,
                  "groups nested more than %d deep", DEPTH_MAX);
    yaml_parser_delete(&parser);
    return depth <= DEPTH_MAX;
}

int config_parse(const char *name, const void *data, size_t size, struct config *config,
                 struct config_errors *errors)
{
    if (!depth_is_sane(name, data, size, errors))
        return -EINVAL;
    yaml_parser_t parser;
    yaml_document_t document;
    struct config *fresh = calloc(1, sizeof(*fresh));
    if (!fresh || !yaml_parser_initialize(&parser)) {
        free(fresh);
        error_add(errors, name, 1, 1, "no memory to read it");
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, data, size);
    int status = -EINVAL;
    if (!yaml_parser_load(&parser, &document)) {
        error_add(errors, name, parser.problem_mark.line + 1, parser.problem_mark.column + 1,
                  "not YAML: %s", parser.problem ? parser.problem : "out of memory");
    } else {
        struct reader reader = {
            .name = name, .document = &document, .config = fresh, .errors = errors};
        read_document(&reader);
        yaml_document_delete(&document);
        if (errors->count == 0) {
            *config = *fresh;
            status = 0;
        }
    }
    free(fresh);
    yaml_parser_delete(&parser);
    return status;
}

int config_load(const char *path, struct config *config, struct config_errors *errors)
{
    int status;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0) {
        status = -errno;
        error_add(errors, path, 1, 1, "can not be read: %s", strerror(-status));
        return status;
    }
    if (!S_ISREG(stat.st_mode) || stat.st_size > FILE_MAX) {
        error_add(errors, path, 1, 1, "expected a YAML file of at most 1 MiB, not %s",
                  S_ISDIR(stat.st_mode)   ? "a folder"
                  : S_ISREG(stat.st_mode) ? "a larger one"
                                          : "a device, socket or pipe");
        return -EINVAL;
    }
    char *data = malloc((size_t)stat.st_size + 1);
    if (!data) {
        error_add(errors, path, 1, 1, "no memory to read it");
        return -ENOMEM;
    }
    ssize_t length = read(fd, data, (size_t)stat.st_size);
    if (length < 0) {
        status = -errno;
        error_add(errors, path, 1, 1, "can not be read: %s", strerror(-status));
    } else {
        status = config_parse(path, data, (size_t)length, config, errors);
    }
    free(data);
    return status;
}
