// SPDX-License-Identifier: Apache-2.0

#include "common/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/labels_abi.h"
#include "common/sealed.h"

static const char *label_or_empty(const char *label)
{
    return label ? label : "";
}

static size_t text_size_sum(const char *const *labels, uint32_t count)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < count && sum <= LABELS_SIZE_MAX; i++)
        sum += strlen(label_or_empty(labels[i])) + 1;
    return sum;
}

static void table_fill(char *table, const char *const *labels)
{
    const struct labels_header *header = (const void *)table;
    uint32_t *starts = (void *)(table + sizeof(*header));
    char *text = table + header->text_offset;
    uint32_t at = 0;
    for (uint32_t i = 0; i < header->count; i++) {
        size_t size = strlen(label_or_empty(labels[i])) + 1;
        starts[i] = at;
        memcpy(text + at, label_or_empty(labels[i]), size);
        at += (uint32_t)size;
    }
    starts[header->count] = at;
}

int labels_create(const char *const *labels, uint32_t count, uint32_t generation)
{
    if (count > LABELS_COUNT_MAX)
        return -E2BIG;
    size_t text_offset = sizeof(struct labels_header) + sizeof(uint32_t) * ((size_t)count + 1);
    size_t text_size = text_size_sum(labels, count);
    if (text_offset + text_size > LABELS_SIZE_MAX)
        return -E2BIG;
    cleanup_free char *table = calloc(1, text_offset + text_size);
    if (!table)
        return -ENOMEM;
    *(struct labels_header *)(void *)table = (struct labels_header){
        .magic = LABELS_MAGIC,
        .major = LABELS_MAJOR,
        .minor = LABELS_MINOR,
        .header_size = sizeof(struct labels_header),
        .count = count,
        .generation = generation,
        .text_offset = (uint32_t)text_offset,
        .text_size = (uint32_t)text_size,
    };
    table_fill(table, labels);
    return sealed_create_copy("qedge-labels", table, text_offset + text_size);
}

static const struct labels_header *table_header(const struct labels_reader *reader)
{
    return reader->map;
}

static const uint32_t *table_starts(const struct labels_reader *reader)
{
    return (const void *)((const char *)reader->map + sizeof(struct labels_header));
}

static bool header_good(const struct labels_header *header, size_t size)
{
    if (header->magic != LABELS_MAGIC || header->major != LABELS_MAJOR ||
        header->header_size != sizeof(*header))
        return false;
    if (header->count > LABELS_COUNT_MAX)
        return false;
    size_t text_offset = sizeof(*header) + sizeof(uint32_t) * ((size_t)header->count + 1);
    return header->text_offset == text_offset && text_offset <= size &&
           header->text_size == size - text_offset;
}

// Every label ends with its own NUL before the next one starts, so labels_text() needs no further
// look.
static bool texts_good(const struct labels_reader *reader)
{
    const struct labels_header *header = table_header(reader);
    const uint32_t *starts = table_starts(reader);
    const char *text = (const char *)reader->map + header->text_offset;
    if (starts[0] != 0 || starts[header->count] != header->text_size)
        return false;
    for (uint32_t i = 0; i < header->count; i++) {
        uint32_t end = starts[i + 1];
        if (end <= starts[i] || end > header->text_size || text[end - 1] != '\0')
            return false;
    }
    return true;
}

int labels_reader_init(struct labels_reader *reader, int fd)
{
    memset(reader, 0, sizeof(*reader));
    // The checks below hold for good only when nobody can write any more.
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_WRITE))
        return -EPROTO;
    int status = sealed_map(fd, sizeof(struct labels_header) + sizeof(uint32_t), LABELS_SIZE_MAX,
                            &reader->map, &reader->size);
    if (status != 0) {
        memset(reader, 0, sizeof(*reader));
        return status;
    }
    if (!header_good(table_header(reader), reader->size) || !texts_good(reader)) {
        labels_reader_finish(reader);
        return -EPROTO;
    }
    reader->count = table_header(reader)->count;
    reader->generation = table_header(reader)->generation;
    return 0;
}

void labels_reader_finish(struct labels_reader *reader)
{
    if (reader->map)
        munmap((void *)reader->map, reader->size);
    memset(reader, 0, sizeof(*reader));
}

const char *labels_text(const struct labels_reader *reader, uint32_t index)
{
    if (index >= reader->count)
        return "";
    return (const char *)reader->map + table_header(reader)->text_offset +
           table_starts(reader)[index];
}
