// SPDX-License-Identifier: Apache-2.0
//
// Reading a zip archive that was appended to a model: found by its end record, stored and deflated
// entries, every size bounded before memory is taken. No zip64, no encryption.

#ifndef QEDGE_ENGINE_ARCHIVE_H
#define QEDGE_ENGINE_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

struct archive {
    const uint8_t *data; // borrowed
    size_t size;
    size_t base;      // where the archive starts (what comes before it is not zip)
    size_t directory; // position of the central directory
    uint32_t entries;
};

// 0, -ENOENT when there is no archive at the end of the data, -EBADMSG when it is malformed.
int archive_open(struct archive *archive, const void *data, size_t size);

// Unpacks the entry with that name into memory for free(). 0; -ENOENT; -EMSGSIZE when it is bigger
// than `most`; -EBADMSG; -ENOTSUP (compression method); -ENOMEM.
int archive_read(const struct archive *archive, const char *name, size_t most, uint8_t **content,
                 size_t *size);

// The whole archive as it must be to stand at byte `base` of another file: memory for free(). 0;
// -EBADMSG; -ENOMEM.
int archive_move(const struct archive *archive, size_t base, uint8_t **bytes, size_t *size);

#endif
