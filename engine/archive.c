// SPDX-License-Identifier: Apache-2.0
#include "engine/archive.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define END_SIZE 22
#define CENTRAL_SIZE 46
#define LOCAL_SIZE 30
#define COMMENT_MAX 65535

enum { METHOD_STORED = 0, METHOD_DEFLATED = 8 };

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static bool holds(const struct archive *a, size_t at, size_t bytes)
{
    return at <= a->size && bytes <= a->size - at;
}

int archive_open(struct archive *a, const void *data, size_t size)
{
    memset(a, 0, sizeof(*a));
    a->data = data;
    a->size = size;
    if (size < END_SIZE)
        return -ENOENT;
    size_t lowest = size > END_SIZE + COMMENT_MAX ? size - END_SIZE - COMMENT_MAX : 0;
    for (size_t at = size - END_SIZE + 1; at-- > lowest;) {
        const uint8_t *end = a->data + at;
        if (get32(end) != 0x06054b50 || at + END_SIZE + get16(end + 20) != size)
            continue;
        size_t length = get32(end + 12), offset = get32(end + 16);
        // Offsets count from the archive's start, or, for archives made in place, from the file's.
        if (length > at)
            return -EBADMSG;
        a->directory = at - length;
        if (offset > a->directory)
            return -EBADMSG;
        a->base = a->directory - offset;
        a->entries = get16(end + 10);
        return 0;
    }
    return -ENOENT;
}

struct entry {
    uint32_t method, packed, unpacked, checksum;
    size_t local;
};

static int find(const struct archive *a, const char *name, struct entry *entry)
{
    size_t at = a->directory, length = strlen(name);
    for (uint32_t i = 0; i < a->entries; i++) {
        const uint8_t *p = a->data + at;
        if (!holds(a, at, CENTRAL_SIZE) || get32(p) != 0x02014b50)
            return -EBADMSG;
        size_t name_length = get16(p + 28), rest = name_length + get16(p + 30) + get16(p + 32);
        if (!holds(a, at + CENTRAL_SIZE, rest))
            return -EBADMSG;
        if (name_length == length && memcmp(p + CENTRAL_SIZE, name, length) == 0) {
            if (get16(p + 8) & 1)
                return -ENOTSUP; // encrypted
            *entry = (struct entry){get16(p + 10), get32(p + 20), get32(p + 24), get32(p + 16),
                                    a->base + get32(p + 42)};
            return 0;
        }
        at += CENTRAL_SIZE + rest;
    }
    return -ENOENT;
}

static int inflate_entry(const uint8_t *packed, const struct entry *entry, uint8_t *content)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed,
                       .avail_in = entry->packed,
                       .next_out = content,
                       .avail_out = entry->unpacked};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return -ENOMEM;
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return status == Z_STREAM_END && stream.avail_out == 0 ? 0 : -EBADMSG;
}

int archive_read(const struct archive *a, const char *name, size_t most, uint8_t **content,
                 size_t *size)
{
    struct entry entry;
    int rc = find(a, name, &entry);
    if (rc < 0)
        return rc;
    if (!holds(a, entry.local, LOCAL_SIZE) || get32(a->data + entry.local) != 0x04034b50)
        return -EBADMSG;
    const uint8_t *local = a->data + entry.local;
    size_t at = entry.local + LOCAL_SIZE + get16(local + 26) + get16(local + 28);
    if (!holds(a, at, entry.packed))
        return -EBADMSG;
    if (entry.unpacked > most)
        return -EMSGSIZE;
    if (entry.method != METHOD_STORED && entry.method != METHOD_DEFLATED)
        return -ENOTSUP;
    uint8_t *made = malloc(entry.unpacked ? entry.unpacked : 1);
    if (!made)
        return -ENOMEM;
    if (entry.method == METHOD_DEFLATED)
        rc = inflate_entry(a->data + at, &entry, made);
    else if (entry.packed == entry.unpacked)
        memcpy(made, a->data + at, entry.unpacked);
    else
        rc = -EBADMSG;
    if (rc == 0 && crc32(0, made, entry.unpacked) != entry.checksum)
        rc = -EBADMSG;
    if (rc < 0) {
        free(made);
        return rc;
    }
    *content = made;
    *size = entry.unpacked;
    return 0;
}

// ---- moving -----------------------------------------------------------------

static void put32(uint8_t *p, uint32_t value)
{
    for (uint32_t i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

// Where the first entry starts: what comes before is not the archive's.
static int find_start(const struct archive *a, size_t *start)
{
    size_t at = a->directory;
    *start = a->directory;
    for (uint32_t i = 0; i < a->entries; i++) {
        const uint8_t *p = a->data + at;
        if (!holds(a, at, CENTRAL_SIZE) || get32(p) != 0x02014b50)
            return -EBADMSG;
        size_t local = a->base + get32(p + 42);
        if (local > a->directory)
            return -EBADMSG;
        *start = local < *start ? local : *start;
        at += CENTRAL_SIZE + get16(p + 28) + get16(p + 30) + get16(p + 32);
    }
    return holds(a, at, END_SIZE) ? 0 : -EBADMSG;
}

// Offsets count from the new file's start, as Python's zipfile writes them.
int archive_move(const struct archive *a, size_t base, uint8_t **bytes, size_t *size)
{
    size_t start;
    int rc = find_start(a, &start);
    if (rc < 0)
        return rc;
    *size = a->size - start;
    if (base > UINT32_MAX - *size)
        return -EBADMSG;
    uint8_t *copy = malloc(*size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, a->data + start, *size);
    size_t at = a->directory - start;
    for (uint32_t i = 0; i < a->entries; i++) {
        uint8_t *p = copy + at;
        put32(p + 42, (uint32_t)(a->base + get32(p + 42) - start + base));
        at += CENTRAL_SIZE + get16(p + 28) + get16(p + 30) + get16(p + 32);
    }
    // archive_open found the end record by its comment's length: the last one that fits is it.
    size_t comment = 0;
    while (get32(copy + *size - END_SIZE - comment) != 0x06054b50 ||
           get16(copy + *size - 2 - comment) != comment)
        comment++;
    put32(copy + *size - END_SIZE - comment + 16, (uint32_t)(a->directory - start + base));
    *bytes = copy;
    return 0;
}
