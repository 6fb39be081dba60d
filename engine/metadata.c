// SPDX-License-Identifier: Apache-2.0
//
// Field positions: TFLite Support's metadata_schema.fbs.

#include "engine/metadata.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/archive.h"
#include "engine/flatbuf.h"
#include "engine/graph.h"

#define METADATA_IDENTIFIER "M001"

enum {
    MODEL_NAME,
    MODEL_ABOUT,
    MODEL_EDITION,
    MODEL_SUBGRAPH,
    MODEL_AUTHOR,
    MODEL_LICENSE,
    MODEL_FILES
};
enum { SUBGRAPH_INPUT = 2, SUBGRAPH_OUTPUT };
enum { TENSOR_UNITS = 4, TENSOR_FILES = 6 };
enum { UNIT_TYPE, UNIT_OPTIONS };
enum { UNIT_NORMALIZATION = 1 };
enum { NORMALIZATION_MEAN, NORMALIZATION_STD };
enum { FILE_NAME, FILE_ABOUT, FILE_TYPE };
enum { FILE_TENSOR_AXIS_LABELS = 2 };

struct reader {
    struct metadata *metadata;
    struct flat flat;
    const void *file;
    size_t file_size;
    struct store *store;
    struct model_error *error;
};

static int text_field(struct reader *r, const struct flat_table *table, uint32_t field,
                      const char **text)
{
    char copy[512];
    struct flat_vector given = flat_list(table, field, 1);
    if (given.count == 0)
        return 0;
    flat_text(&given, copy, sizeof(copy));
    *text = store_take_text(r->store, copy);
    return *text ? 0 : model_fail(r->error, -ENOMEM, "metadata: out of memory");
}

// ---- normalisation -----------------------------------------------------------------------------

static int read_normalisation(struct reader *r, const struct flat_table *options)
{
    struct flat_vector mean = flat_list(options, NORMALIZATION_MEAN, 4);
    struct flat_vector std = flat_list(options, NORMALIZATION_STD, 4);
    struct metadata *m = r->metadata;
    if (mean.count != std.count || (mean.count != 1 && mean.count != 3 && mean.count != 4))
        return model_fail(r->error, -EINVAL, "metadata: %u means and %u standard deviations",
                          mean.count, std.count);
    for (uint32_t i = 0; i < mean.count; i++) {
        m->mean[i] = flat_list_f32(&mean, i);
        m->std[i] = flat_list_f32(&std, i);
        if (!isfinite(m->mean[i]) || !isfinite(m->std[i]) || !(m->std[i] > 0))
            return model_fail(r->error, -EINVAL, "metadata: mean %g and standard deviation %g",
                              (double)m->mean[i], (double)m->std[i]);
    }
    m->channels = mean.count;
    return 0;
}

static int read_input(struct reader *r, const struct flat_table *tensor)
{
    struct flat_vector units = flat_list(tensor, TENSOR_UNITS, 4);
    for (uint32_t i = 0; i < units.count && i < 16; i++) {
        struct flat_table unit = flat_list_table(&units, i);
        if (flat_i8(&unit, UNIT_TYPE, 0) != UNIT_NORMALIZATION)
            continue;
        struct flat_table options = flat_child(&unit, UNIT_OPTIONS);
        return read_normalisation(r, &options);
    }
    return 0;
}

// ---- labels ------------------------------------------------------------------------------------

// One label a line; \r\n and a missing last newline are fine.
static int split_labels(struct reader *r, char *text, size_t size)
{
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    count += size > 0 && text[size - 1] != '\n';
    if (count > METADATA_LABELS_MAX)
        return model_fail(r->error, -EINVAL, "metadata: %u labels, at most %u", count,
                          METADATA_LABELS_MAX);
    const char **labels = store_take_array(r->store, count, sizeof(*labels));
    if (!labels)
        return model_fail(r->error, -ENOMEM, "metadata: out of memory");
    size_t start = 0;
    for (uint32_t n = 0; n < count; n++) {
        size_t end = start;
        for (; end < size && text[end] != '\n'; end++)
            if ((unsigned char)text[end] < 32 && text[end] != '\r')
                text[end] = '?';
        size_t next = end + 1;
        if (end > start && text[end - 1] == '\r')
            end--;
        text[end] = '\0';
        labels[n] = text + start;
        start = next;
    }
    r->metadata->labels = labels;
    r->metadata->label_count = count;
    return 0;
}

static int read_labels(struct reader *r, const char *name)
{
    struct archive archive;
    uint8_t *content;
    size_t size;
    int rc = archive_open(&archive, r->file, r->file_size);
    if (rc == 0)
        rc = archive_read(&archive, name, METADATA_FILE_MAX, &content, &size);
    if (rc < 0)
        return model_fail(r->error, rc == -ENOMEM ? rc : -EINVAL, "metadata: label file '%s': %s",
                          name, rc == -ENOENT ? "not in the file" : strerror(-rc));
    char *text = store_take(r->store, size + 1);
    if (!text) {
        free(content);
        return model_fail(r->error, -ENOMEM, "metadata: out of memory");
    }
    memcpy(text, content, size);
    free(content);
    return split_labels(r, text, size);
}

static int read_output(struct reader *r, const struct flat_table *tensor)
{
    struct flat_vector files = flat_list(tensor, TENSOR_FILES, 4);
    for (uint32_t i = 0; i < files.count && i < 64; i++) {
        struct flat_table file = flat_list_table(&files, i);
        if (flat_i8(&file, FILE_TYPE, 0) != FILE_TENSOR_AXIS_LABELS)
            continue;
        const char *name = NULL;
        int rc = text_field(r, &file, FILE_NAME, &name);
        if (rc < 0 || !name)
            return rc;
        return read_labels(r, name); // the first one is the default language
    }
    return 0;
}

// ---- root --------------------------------------------------------------------------------------

static int read_texts(struct reader *r, const struct flat_table *model)
{
    struct metadata *m = r->metadata;
    int rc = text_field(r, model, MODEL_NAME, &m->name);
    if (rc == 0)
        rc = text_field(r, model, MODEL_ABOUT, &m->description);
    if (rc == 0)
        rc = text_field(r, model, MODEL_EDITION, &m->version);
    if (rc == 0)
        rc = text_field(r, model, MODEL_AUTHOR, &m->author);
    if (rc == 0)
        rc = text_field(r, model, MODEL_LICENSE, &m->license);
    return rc;
}

int metadata_read(struct metadata *metadata, const void *buffer, uint32_t size, const void *file,
                  size_t file_size, struct store *store, struct model_error *error)
{
    struct reader r = {.metadata = metadata,
                       .flat = {.data = buffer, .size = size},
                       .file = file,
                       .file_size = file_size,
                       .store = store,
                       .error = error};
    struct flat_table model = flat_root(&r.flat, METADATA_IDENTIFIER);
    struct flat_vector subgraphs = flat_list(&model, MODEL_SUBGRAPH, 4);
    struct flat_table subgraph = flat_list_table(&subgraphs, 0);
    struct flat_vector inputs = flat_list(&subgraph, SUBGRAPH_INPUT, 4);
    struct flat_vector outputs = flat_list(&subgraph, SUBGRAPH_OUTPUT, 4);
    struct flat_table input = flat_list_table(&inputs, 0), output = flat_list_table(&outputs, 0);
    int rc = read_texts(&r, &model);
    if (rc == 0)
        rc = read_input(&r, &input);
    if (rc == 0)
        rc = read_output(&r, &output);
    if (rc == 0 && r.flat.fault)
        return model_fail(error, -EINVAL, "metadata: %s at byte %u", r.flat.fault, r.flat.fault_at);
    return rc;
}
